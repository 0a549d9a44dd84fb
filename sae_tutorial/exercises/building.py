"""Checks for notebook 04, the parts of an SAE: sizes, decoder rows, encode, decode, TopK."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import normalize

from sae_tutorial.exercises.matching import Mistakes, match_function, match_number
from sae_tutorial.exercises.reporting import Exercise, LearnerError, WrongAnswer


def check_sizes(parameters: int | None, relu_l0: float | None, topk_l0: float | None) -> None:
    """Exercise 4.1: the size of an SAE with d_in 64 and expansion 4, and its L0 untrained (ReLU; TopK with k = 8)."""
    exercise = Exercise(
        "4.1",
        "put a number in place of each None.",
        "the section 'The parts and their shapes'",
        "you can tell an SAE's size, and its L0 before training, from its configuration alone.",
    )
    exercise.check(_judge_sizes, parameters, relu_l0, topk_l0)


def check_unit_rows(unit_rows: Callable[..., Tensor]) -> None:
    """Exercise 4.2: `unit_rows(W_dec)`, every decoder row at norm 1."""
    exercise = Exercise(
        "4.2",
        "write the body of `unit_rows`.",
        "the section 'Step 1: decoder rows'",
        "you can make a dictionary: a list of directions, each of length 1.",
    )
    exercise.check(_judge_unit_rows, unit_rows)


def check_encode(encode: Callable[..., Tensor]) -> None:
    """Exercise 4.3: `encode(x, W_enc, b_enc, b_dec)`, the encoder of a ReLU SAE."""
    exercise = Exercise(
        "4.3",
        "write the body of `encode`.",
        "the section 'Step 2: encode and decode'",
        "you have written an encoder: one product, one bias, one ReLU.",
    )
    exercise.check(_judge_encode, encode)


def check_decode(decode: Callable[..., Tensor]) -> None:
    """Exercise 4.3: `decode(f, W_dec, b_dec)`, the decoder."""
    exercise = Exercise(
        "4.3",
        "write the body of `decode`.",
        "the section 'Step 2: encode and decode'",
        "you have written a decoder: every latent that is on adds its row.",
    )
    exercise.check(_judge_decode, decode)


def check_topk(encode: Callable[..., Tensor]) -> None:
    """Exercise 4.9: `encode(x, W_enc, b_enc, b_dec, k)`, the encoder of a TopK SAE."""
    exercise = Exercise(
        "4.9",
        "write the body of `topk_encode`.",
        "the section 'TopK: one line changes'",
        "you can write the encoder of a TopK SAE; its loss needs no penalty.",
    )
    exercise.check(_judge_topk, encode)


def _judge_unit_rows(answer: Any) -> None:
    _match_shaped(answer, _unit_rows, _unit_inputs(), _UNIT_MISTAKES, _UNIT_TURNED, [(3, 3)], may_write=True)


def _judge_encode(answer: Any) -> None:
    inputs = [given[:-1] for given in _encoder_inputs()]
    shapes = [(3, 3), (3, 3), (3,), (3,)]
    _match_shaped(answer, _relu_encode, inputs, _RELU_MISTAKES, _RELU_TURNED, shapes)


def _judge_decode(answer: Any) -> None:
    shapes = [(3, 3), (3, 3), (3,)]
    _match_shaped(answer, _decode, _decoder_inputs(), _DECODER_MISTAKES, _DECODER_TURNED, shapes)


def _judge_topk(answer: Any) -> None:
    match_function(answer, _encode, _encoder_inputs(), _ENCODER_MISTAKES)


def _match_shaped(
    answer: Any,
    reference: Callable[..., Tensor],
    inputs: list[tuple[Any, ...]],
    mistakes: Mistakes,
    turned: Mistakes,
    square: list[tuple[int, ...]],
    *,
    may_write: bool = False,
) -> None:
    """`match_function`, which also names the mistakes that raise an exception unless every size is the same."""
    try:
        match_function(answer, reference, inputs, mistakes, may_write=may_write)
    except LearnerError:
        generator = torch.Generator().manual_seed(0)
        given = [tuple(torch.randn(shape, generator=generator) for shape in square)]
        try:
            match_function(answer, reference, given, turned)
        except WrongAnswer as mistake:
            if str(mistake) in [message for _, message in turned]:
                raise
        except LearnerError:
            pass
        raise


def _judge_sizes(parameters: Any, relu_l0: Any, topk_l0: Any) -> None:
    match_number(
        "parameters",
        parameters,
        2 * 64 * 256 + 256 + 64,
        {
            2 * 64 * 256: "that is the two matrices; both biases are missing.",
            2 * 64 * 256 + 256: "b_dec, one number per input dimension, is missing.",
            2 * 64 * 256 + 64: "b_enc, one number per latent, is missing.",
            64 * 256 + 256: "that is the encoder; the decoder has a matrix and a bias too.",
            64 * 256
            + 256
            + 64: "that is one matrix and both biases. A tied start makes W_enc and W_dec equal at "
            "first; they are trained apart, so both count.",
            2 * 64 * 256
            + 2 * 256: "b_enc has one number per latent, but b_dec has one per input dimension, 64.",
            2 * 64 * 256
            + 2 * 64: "b_dec has one number per input dimension, but b_enc has one per latent, 256.",
            9_444_096: "that is the notebook's SAE; here d_in is 64 and d_sae is 4 · 64.",
        },
        example="With d_in = 3 and d_sae = 6 there would be 18 + 18 + 6 + 3 = 45.",
    )
    match_number(
        "relu_l0",
        relu_l0,
        128,
        {
            256: "not all latents are on: a pre-activation is negative as often as positive, and ReLU turns it off.",
            8: "ReLU knows no k; nothing limits how many latents are on.",
            0.5: "that is the share of latents that are on; L0 is their number.",
            32: "that is half of d_in; L0 counts latents, of which there are d_sae.",
            3067: "that is half of the notebook's 6144; here d_sae is 256.",
            0: "nothing has been trained, so nothing has pushed latents to zero yet.",
        },
        within=13,
    )
    match_number(
        "topk_l0",
        topk_l0,
        8,
        {
            4: "the 8 largest of 256 pre-activations are all positive, so ReLU turns none of them off.",
            128: "TopK keeps k latents, also before training.",
            256: "that is every latent; TopK sets all but k of them to zero.",
            2: "that is k / 4: k counts latents, however much wider d_sae is than d_in.",
            32: "k is 8 here, not the notebook's 32.",
        },
    )


def _unit_inputs() -> list[tuple[Tensor, ...]]:
    return [(torch.tensor([[3.0, 4.0], [0.0, -2.0], [1.0, 1.0]]),), (torch.tensor([[1.0, 2.0, 2.0]]),)]


def _unit_rows(W_dec: Tensor) -> Tensor:
    return W_dec / W_dec.norm(dim=1, keepdim=True)


_UNIT_MISTAKES: Mistakes = [
    (lambda W: W / W.norm(dim=0, keepdim=True), "you divide by the norm of each column; it is rows (dim=1)."),
    (lambda W: W / W.norm(), "you divide by one norm for the whole matrix; every row needs its own."),
    (lambda W: W / W.pow(2).sum(1, keepdim=True), "you divide by the squared norm; the root is missing."),
    (lambda W: W / W.abs().sum(1, keepdim=True), "that is the L1 norm, the sum of sizes; the length is the root of the sum of squares."),
    (lambda W: W / W.abs().amax(1, keepdim=True), "you divide by the largest entry of each row, not by its length."),
    (lambda W: W / W.sum(1, keepdim=True), "you divide by the sum of the entries, which may even be negative."),
    (lambda W: W.norm(dim=1), "these are the norms; divide the rows by them."),
    (lambda W: W, "the rows come back as they were."),
]  # fmt: skip


_UNIT_TURNED: Mistakes = [
    (
        lambda W: W / W.norm(dim=1),
        "`W_dec.norm(dim=1)` has shape [d_sae], which PyTorch lines up with the columns. With `keepdim=True` it is "
        "[d_sae, 1] and divides row by row.",
    ),
]


def _relu_encode(x: Tensor, W_enc: Tensor, b_enc: Tensor, b_dec: Tensor) -> Tensor:
    return ((x - b_dec) @ W_enc + b_enc).relu()


_RELU_MISTAKES: Mistakes = [
    (
        lambda x, W, b, c: ((x - c) @ W).relu() + b,
        "the ReLU is applied before b_enc is added: add the bias first, since it decides which latents are on.",
    ),
    (lambda x, W, b, c: (x - c) @ W + b, "these are the pre-activations: the ReLU is missing."),
    (lambda x, W, b, c: (x @ W + b).relu(), "b_dec is not subtracted: the encoder reads x relative to b_dec."),
    (lambda x, W, b, c: ((x + c) @ W + b).relu(), "b_dec is added where it should be subtracted."),
    (lambda x, W, b, c: ((x - c) @ W).relu(), "b_enc is missing: f = ReLU((x - b_dec) W_enc + b_enc)."),
    (lambda x, W, b, c: ((x - c) @ W - b).relu(), "b_enc is subtracted; it should be added."),
    (lambda x, W, b, c: ((x - c) @ W + b).abs(), "you take the absolute value: what is negative must become zero."),
    (lambda x, W, b, c: ((x - c) @ W + b).sigmoid(), "a sigmoid is never zero, so no latent would ever be off; use ReLU."),
    (
        lambda x, W, b, c: (((x - c) @ W + b) > 0).float(),
        "you return which latents are on (ones and zeros), not how strongly.",
    ),
]  # fmt: skip


_RELU_TURNED: Mistakes = [
    (
        lambda x, W, b, c: ((x - c) @ W.T + b).relu(),
        "W_enc is turned over, though it is [d_in, d_sae] already: [batch, d_in] @ [d_in, d_sae] needs no `.T`.",
    ),
    (
        lambda x, W, b, c: (W @ (x - c) + b).relu(),
        "the product is the wrong way round: rows come first, [batch, d_in] @ [d_in, d_sae].",
    ),
]


def _decoder_inputs() -> list[tuple[Tensor, ...]]:
    generator = torch.Generator().manual_seed(0)
    W_dec = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.6, 0.8]])
    return [
        (torch.tensor([[2.0, 0.0, 1.0]]), W_dec, torch.tensor([0.5, -1.0])),
        tuple(torch.randn(shape, generator=generator) for shape in ((4, 5), (5, 3), (3,))),
    ]


def _decode(f: Tensor, W_dec: Tensor, b_dec: Tensor) -> Tensor:
    return f @ W_dec + b_dec


_DECODER_MISTAKES: Mistakes = [
    (lambda f, W, b: f @ W, "b_dec is missing: the encoder took it off, so the decoder adds it back."),
    (lambda f, W, b: f @ W - b, "b_dec is subtracted; the encoder took it off, so the decoder adds it back."),
    (lambda f, W, b: (f @ W + b).relu(), "a ReLU does not belong here: entries of x may be negative."),
    (lambda f, W, b: (f > 0).to(f) @ W + b, "every latent adds its row once; multiply the row by how strongly it is on."),
    (lambda f, W, b: f @ normalize(W, dim=1) + b, "the rows are scaled again; training keeps them at norm 1, use them as they are."),
]  # fmt: skip


_DECODER_TURNED: Mistakes = [
    (
        lambda f, W, b: f @ W.T + b,
        "W_dec is turned over, though it is [d_sae, d_in] already: [batch, d_sae] @ [d_sae, d_in] needs no `.T`.",
    ),
    (
        lambda f, W, b: W @ f + b,
        "the product is the wrong way round: activations come first, [batch, d_sae] @ [d_sae, d_in].",
    ),
]


def _encode(x: Tensor, W_enc: Tensor, b_enc: Tensor, b_dec: Tensor, k: int) -> Tensor:
    return _keep_largest((x - b_dec) @ W_enc + b_enc, k).relu()


def _keep_largest(pre: Tensor, k: int, by: Tensor | None = None) -> Tensor:
    order = (pre if by is None else by).topk(k, dim=-1).indices
    return torch.zeros_like(pre).scatter(-1, order, pre.gather(-1, order))


def _encoder_inputs() -> list[tuple[Any, ...]]:
    W_enc = torch.tensor([[1.0, -1.0, 0.5, 2.0], [1.0, 2.0, -3.0, 0.5]])
    b_enc, b_dec = torch.tensor([0.1, -0.3, -0.2, -0.4]), torch.tensor([0.5, -0.2])
    x = torch.tensor([[2.0, 1.0], [-1.0, 0.5], [-0.2, -1.5]])
    # In the third row of x fewer than three pre-activations are positive.
    generator = torch.Generator().manual_seed(0)
    larger = [torch.randn(shape, generator=generator) for shape in ((20, 4), (4, 12), (12,), (4,))]
    return [*((x, W_enc, b_enc, b_dec, k) for k in (1, 2, 3)), (*larger, 3)]


_ENCODER_MISTAKES: Mistakes = [
    (
        lambda x, W, b, c, k: _keep_largest(((x - c) @ W).relu() + b, k),
        "the ReLU is applied before b_enc is added, so the bias can turn on a latent that is off, or push it below 0.",
    ),
    (
        lambda x, W, b, c, k: _keep_largest(((x - c) @ W).relu() + b, k).relu(),
        "a ReLU is applied before b_enc is added; add the bias first, it decides which latents are on.",
    ),
    (
        lambda x, W, b, c, k: _keep_largest((x - c) @ W, k).relu(),
        "b_enc is missing: pre-activations are (x - b_dec) W_enc + b_enc.",
    ),
    (
        lambda x, W, b, c, k: _keep_largest(x @ W + b, k).relu(),
        "b_dec is not subtracted: the encoder reads x relative to b_dec.",
    ),
    (
        lambda x, W, b, c, k: _keep_largest((x + c) @ W + b, k).relu(),
        "b_dec is added where it should be subtracted; the decoder adds it back.",
    ),
    (
        lambda x, W, b, c, k: _keep_largest((x - c) @ W + b, k),
        "negative values are kept: where fewer than k pre-activations are positive, the k largest include negative "
        "ones, and the ReLU after TopK is missing.",
    ),
    (
        lambda x, W, b, c, k: _keep_largest(pre := (x - c) @ W + b, k, by=pre.abs()).relu(),
        "you keep the k largest by absolute size, so strongly negative ones take places and are then zeroed.",
    ),
    (
        lambda x, W, b, c, k: _keep_largest(pre := (x - c) @ W + b, k, by=pre.abs()),
        "you keep the k largest by absolute size; latent activations are never negative.",
    ),
    (
        lambda x, W, b, c, k: (
            _keep_largest((pre := (x - c) @ W + b).flatten(), k * len(x)).view_as(pre).relu()
        ),
        "you keep the k·batch largest of the whole batch. That is BatchTopK; here every row keeps its own k.",
    ),
    (
        lambda x, W, b, c, k: _keep_largest(((x - c) @ W + b).T, k).T.relu(),
        "you keep k values per latent (dim=0, over the batch); it should be k per row, dim=-1.",
    ),
    (
        lambda x, W, b, c, k: ((x - c) @ W + b).relu().topk(k).values,
        "you return the k values without their places: f must have d_sae columns, zero for latents that are off. "
        "Scatter the values into zeros at `.indices`.",
    ),
    (
        lambda x, W, b, c, k: ((x - c) @ W + b).topk(k).values,
        "you return the k values without their places (and without the ReLU): f must have d_sae columns.",
    ),
    (
        lambda x, W, b, c, k: (_encode(x, W, b, c, k) > 0).float(),
        "you return which latents are on (ones and zeros), not how strongly.",
    ),
    (
        lambda x, W, b, c, k: ((x - c) @ W + b).relu(),
        "this is the ReLU encoder: TopK is missing, k is not used.",
    ),
    (lambda x, W, b, c, k: (x - c) @ W + b, "these are the pre-activations: TopK and ReLU are missing."),
]


# By name: how an answer is judged, the course's own, and inputs to try the gradient on.
PARTS: dict[str, tuple[Callable[[Any], None], Callable[..., Tensor], Callable[[], list[tuple[Any, ...]]]]] = {
    "unit_rows": (_judge_unit_rows, _unit_rows, _unit_inputs),
    "encode": (_judge_encode, _relu_encode, lambda: [given[:-1] for given in _encoder_inputs()]),
    "decode": (_judge_decode, _decode, _decoder_inputs),
    "topk_encode": (_judge_topk, _encode, _encoder_inputs),
}
