"""Checks for notebook 04, the whole of it: the loop, a match and its control, broken runs, who learns, all from memory."""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import normalize

from sae_tutorial.exercises.matching import (
    Mistakes,
    match_choice,
    match_choices,
    match_function,
    read_number,
    read_tensor,
)
from sae_tutorial.exercises.reporting import Exercise, NotAttempted, WrongAnswer, call
from sae_tutorial.toys.known_dictionary import KnownDictionary, recovery


def check_loop_order(order: str | None) -> None:
    """Exercise 4.5: the six lines of a training step, as letters in order."""
    exercise = Exercise(
        "4.5",
        'put the six letters in order, such as order = "abcdef".',
        "the section 'Step 4: the training loop'",
        "you know what each line of the loop waits for.",
    )
    exercise.check(_judge_loop_order, order)


def check_broken(no_price: str | None, huge_price: str | None, free_rows: str | None) -> None:
    """Exercise 4.7: what three broken runs will show, predicted."""
    exercise = Exercise(
        "4.7",
        "put a letter in place of each None.",
        "the section 'Break it on purpose'",
        "you can tell from three numbers which part of an SAE is missing.",
    )
    exercise.check(_judge_broken, no_price, huge_price, free_rows)


def check_from_memory(my_sae: Callable[..., tuple[Tensor, Tensor, Tensor]]) -> None:
    """Exercise 4.10: `my_sae(data, d_sae, l1_coefficient, n_steps)` trains an SAE and returns f, W_dec and b_dec."""
    exercise = Exercise(
        "4.10",
        "write the whole of `my_sae`.",
        "the section 'The whole of it, on one page'",
        "you can write and train a sparse autoencoder from memory.",
    )
    exercise.check(_judge_from_memory, my_sae)


def check_who_learns(receives: Iterable[str] | None) -> None:
    """Exercise 4.8: which parameters get a gradient from a batch in which latent 7 is off on every row."""
    exercise = Exercise(
        "4.8",
        "replace None by a set of names, such as {'W_dec[7]'}.",
        "the section 'Who learns, and who never will'",
        "you know why a latent that is off everywhere cannot learn its way back.",
    )
    exercise.check(_judge_who_learns, receives)


def check_matched(matched: Callable[[Tensor, Tensor], float], control: str | None) -> None:
    """Exercise 4.6: `matched(truth, dictionary)`, the mean best |cos|, and the dictionary that is a fair control."""
    exercise = Exercise(
        "4.6",
        "write `matched` and choose `control`.",
        "the section 'Did it find the directions?'",
        "you can say what a match is worth: only what exceeds the best of as many random rows counts.",
    )
    exercise.check(lambda answer: _judge_matched(answer, control), matched)


def check_readers_share(readers_share: Callable[[float, float, float], float]) -> None:
    """Exercise 4.11: `readers_share(own, patient, ideal)`, the part of what is lacking that a better reader regains."""
    exercise = Exercise(
        "4.11",
        "write the body of `readers_share`.",
        "the section 'A better reader of the same directions'",
        "you can tell a poor list of directions from a hasty reader of a good one.",
    )
    exercise.check(_judge_readers_share, readers_share)


def check_in_plane(in_plane: Callable[[Tensor, Tensor, Tensor], Tensor]) -> None:
    """Exercise 4.12: `in_plane(rows, a, b)`, how much of each row lies in the plane of two keys."""
    exercise = Exercise(
        "4.12",
        "write the body of `in_plane`.",
        "the folded help, on a pair of directions at a right angle",
        "you can tell what is made of two keys from what is not. Whether it is one of them, a blend or a contrast is the next question.",
    )
    exercise.check(_judge_in_plane, in_plane)


def _judge_in_plane(answer: Any) -> None:
    draw = torch.Generator().manual_seed(6)
    inputs = [
        (torch.tensor([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, 0.8, 0.6]]), torch.tensor([1.0, 0.0, 0.0]), torch.tensor([0.6, 0.8, 0.0])),
        *(
            (normalize(torch.randn(6, 4, generator=draw), dim=1), *normalize(torch.randn(2, 4, generator=draw), dim=1))
            for _ in range(2)
        ),
    ]  # fmt: skip
    match_function(answer, _in_plane, inputs, _PLANE_MISTAKES)


def _in_plane(rows: Tensor, a: Tensor, b: Tensor) -> Tensor:
    across = b - (b @ a) * a
    return ((rows @ a).pow(2) + (rows @ across / across.norm()).pow(2)).sqrt()


_PLANE_MISTAKES: Mistakes = [
    (
        lambda rows, a, b: ((rows @ a).pow(2) + (rows @ b).pow(2)).sqrt(),
        "a and b are not at a right angle, so what they share is counted twice. First take from b what lies along a.",
    ),
    (
        lambda rows, a, b: ((rows @ a).pow(2) + (rows @ (b - (b @ a) * a)).pow(2)).sqrt(),
        "what is left of b no longer has length 1; divide it by its length.",
    ),
    (
        lambda rows, a, b: _in_plane(rows, a, b).pow(2),
        "that is the share of the *squared* length; take the root.",
    ),
    (
        lambda rows, a, b: torch.maximum((rows @ a).abs(), (rows @ b).abs()),
        "that is the nearer of the two keys. A mixture lies between them and is near neither.",
    ),
    (
        lambda rows, a, b: (rows @ normalize(a + b, dim=0)).abs(),
        "that is one direction of the plane, the equal mixture. Other mixtures lie in the plane too.",
    ),
]


def _readers_share(own: float, patient: float, ideal: float) -> float:
    return (patient - own) / (ideal - own)


def _judge_readers_share(answer: Any) -> None:
    inputs = [(0.7, 0.8, 0.85), (0.5, 0.6, 0.9), (0.2, 0.2, 0.6)]
    match_function(answer, _readers_share, inputs, _SHARE_MISTAKES)


PARTS = {
    "in_plane": (_judge_in_plane, _in_plane, read_tensor),
    "readers_share": (_judge_readers_share, _readers_share, lambda share: read_number("the share", share)),
}


_SHARE_MISTAKES: Mistakes = [
    (lambda o, p, i: (p - o) / (1 - o), "you divide by what is missing to 1; no reader of three directions gets there. Use `ideal`."),
    (lambda o, p, i: (i - p) / (i - o), "that is the share of the list; the reader's is the step from `own` to `patient`."),
    (lambda o, p, i: p - o, "that is what the better reader gains; divide it by all there is to gain."),
    (lambda o, p, i: (p - o) / i, "you divide by `ideal` itself; what you lack is `ideal - own`."),
    (lambda o, p, i: (p - o) / (i - p) if i != p else 0.0, "you divide by the list's part; divide by both parts together, `ideal - own`."),
    (lambda o, p, i: (o - p) / (i - o), "the sign is turned: `patient` explains more than `own`."),
]  # fmt: skip


def _judge_loop_order(order: Any) -> None:
    if not isinstance(order, str | list | tuple):
        raise WrongAnswer(f'the order is a text of six letters, such as "abcdef", got {order!r}.')
    letters = [letter for letter in "".join(map(str, order)).lower() if letter.isalpha()]
    if sorted(letters) != list("abcdef"):
        raise WrongAnswer(f"each of the letters a to f is needed once, got {''.join(letters)!r}.")
    step, backward, draw, zero, rows, loss = (letters.index(letter) for letter in "abcdef")
    if loss < draw:
        raise WrongAnswer("the loss (f) needs the batch that (c) draws.")
    if backward < loss:
        raise WrongAnswer("(b) takes the gradient of the loss that (f) computes, so it cannot come first.")
    if step < backward:
        raise WrongAnswer("the optimiser (a) follows the gradients, so (b) has to come before it.")
    if backward < zero < step:
        raise WrongAnswer(
            "(d) between (b) and (a) wipes out the gradients before the optimiser has used them."
        )
    if loss < rows < step:
        raise WrongAnswer(
            "(e) comes too early: the step that follows makes the rows longer again, and the loss was that of other rows."
        )
    if rows < step:
        raise WrongAnswer(
            "(e) at the beginning mends the rows of the step before, but after the last step nobody does. Put it last."
        )


def _judge_broken(no_price: Any, huge_price: Any, free_rows: Any) -> None:
    match_choice(
        no_price,
        "a",
        {
            "b": "with λ = 0 nothing pushes a latent to zero, so they cannot all fall silent.",
            "c": "lengthening the rows pays only where there is a penalty to dodge; with λ = 0 there is none.",
            "d": "the error alone is content with any code that rebuilds x; nothing asks it to find the true directions.",
        },
    )
    match_choice(
        huge_price,
        "b",
        {
            "a": "with a huge λ every active latent is dearer than the error it could save.",
            "c": "the rows are set to norm 1 after every step, so they cannot grow.",
            "d": "when every active latent costs more than it saves, none stays on to find anything.",
        },
    )
    match_choice(
        free_rows,
        "c",
        {
            "a": "λ is still there; ask how the sum of f could fall while f W_dec stays the same.",
            "b": "there is a cheaper way out than silence: what if the rows grew?",
            "d": "the penalty counts f and not the rows. Which of the two can shrink while their product stays?",
        },
    )


def _judge_from_memory(my_sae: Any) -> None:
    """Three draws of the weights, since a right answer may start unluckily; the seeds make the verdict the same again."""
    for seed in range(3):
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(seed)
            share = _share_found(my_sae)
        if share >= 0.7:
            return
    raise WrongAnswer(
        f"{share:.0%} of the true directions are matched above 0.9. Try a learning rate of 3e-3, batches of 256, and all "
        "of the steps."
    )


def _share_found(my_sae: Any) -> float:
    """The share of true directions that the answer's decoder has, once what it returned is what was asked for."""
    world = KnownDictionary(d_in=8, n_features=12, active=1.5, seed=3)
    data, d_sae = world.sample(4_000)[0], 24
    returned = call(my_sae, data, d_sae, 0.02, 1_000)
    if not isinstance(returned, tuple | list) or len(returned) != 3:
        raise WrongAnswer("return three things: f of all rows after training, W_dec, and b_dec.")
    f, W_dec, b_dec = (read_tensor(part).float() for part in returned)
    for name, value, shape in (
        ("f", f, [4_000, d_sae]), ("W_dec", W_dec, [d_sae, 8]), ("b_dec", b_dec, [8]),
    ):  # fmt: skip
        if list(value.shape) != shape:
            raise WrongAnswer(f"`{name}` has shape {list(value.shape)}, expected {shape}.")
        if not bool(value.isfinite().all()):
            raise WrongAnswer(f"`{name}` holds NaN or infinity: is the learning rate far too large?")
    if bool((f < 0).any()):
        raise WrongAnswer("some latent activations are negative: the encoder's ReLU is missing.")
    norms = W_dec.norm(dim=1)
    if float((norms - 1).abs().max()) > 1e-3:
        raise WrongAnswer(
            f"decoder rows have norms from {norms.min():.2f} to {norms.max():.2f}: set them to 1 after every step."
        )
    l0 = float((f > 0).float().sum(1).mean())
    if l0 > 8:
        raise WrongAnswer(
            f"{l0:.1f} of {d_sae} latents are on per row. Is λ times the sum over latents in the loss, and does the "
            "optimiser step?"
        )
    if l0 < 0.2:
        raise WrongAnswer(
            f"{l0:.2f} latents are on per row: the penalty is too strong, or gradients of earlier steps pile "
            "up. Sum over latents, average over rows, and empty the store in every step (`optimizer.zero_grad()`)."
        )
    explained = 1 - float((data - f @ W_dec - b_dec).pow(2).sum() / (data - data.mean(0)).pow(2).sum())
    if explained < 0.3:
        raise WrongAnswer(
            f"x̂ = f W_dec + b_dec explains {explained:.2f} of the rows' variance. {_why_unexplained(data, f)}"
        )
    return recovery(world.directions, W_dec).share


def _why_unexplained(data: Tensor, f: Tensor) -> str:
    """Whether f goes with the rows of data at all: then the training is at fault, else what was returned."""
    known = torch.cat([f.detach(), torch.ones(len(f), 1)], dim=1)
    rest = data - known @ torch.linalg.pinv(known) @ data
    if float(rest.pow(2).sum() / (data - data.mean(0)).pow(2).sum()) > 0.9:
        return "Is f computed from all rows of `data`, in their order?"
    return (
        "f and W_dec do not fit each other: is the store of gradients emptied before every `backward` "
        "(`optimizer.zero_grad()`), and is f computed with the weights that you return?"
    )


def _judge_who_learns(receives: Any) -> None:
    match_choices(
        receives,
        {"b_dec": "b_dec does: it belongs to no latent and is added to x_hat on every row."},
        {
            "W_enc[:, 7]": "W_enc[:, 7] receives none: the loss sees column 7 only through f_7, and where ReLU or TopK "
            "has switched f_7 off, a small change of the column changes nothing.",
            "b_enc[7]": "b_enc[7] receives none: it acts only through f_7, which stays at zero under a small change of "
            "the bias.",
            "W_dec[7]": "W_dec[7] receives none: row 7 is multiplied by f_7 = 0 on every row, so it does not enter "
            "x_hat.",
        },
    )


def _matched(truth: Tensor, dictionary: Tensor) -> Tensor:
    return (normalize(truth, dim=1) @ normalize(dictionary, dim=1).T).abs().amax(1).mean()


_MATCHED_MISTAKES: Mistakes = [
    (
        lambda t, d: (normalize(t, dim=1) @ normalize(d, dim=1).T).amax(1).mean(),
        "the absolute value is missing: a row that points exactly the other way is on the same line.",
    ),
    (
        lambda t, d: (normalize(t, dim=1) @ normalize(d, dim=1).T).abs().amax(0).mean(),
        "you take the best true direction for each row of the dictionary. Useless rows then count against it; "
        "ask for the best row of each true direction.",
    ),
    (
        lambda t, d: (normalize(t, dim=1) @ normalize(d, dim=1).T).abs().mean(),
        "you average over all pairs; each true direction should look for its best row first.",
    ),
    (
        lambda t, d: (normalize(t, dim=1) @ d.T).abs().amax(1).mean(),
        "the rows of the dictionary are not brought to norm 1, so a long row wins by its length. That is no cosine.",
    ),
    (
        lambda t, d: (t @ d.T).abs().amax(1).mean(),
        "these are plain products: bring the rows of both to norm 1 to get cosines.",
    ),
    (
        lambda t, d: (t @ normalize(d, dim=1).T).abs().amax(1).mean(),
        "the true directions are not brought to norm 1, so a long one counts for more. That is no cosine.",
    ),
    (
        lambda t, d: (normalize(t, dim=1) @ normalize(d, dim=1).T).pow(2).amax(1).mean(),
        "you square the cosine; the score is the mean of |cos|.",
    ),
    (
        lambda t, d: (normalize(t, dim=1) @ normalize(d, dim=1).T).abs().amax(1).sum(),
        "you return the sum; take the mean over the true directions.",
    ),
    (
        lambda t, d: (normalize(t, dim=1) @ normalize(d, dim=1).T).abs().argmax(1),
        "you return which row is nearest to each true direction; return how near it is, and the mean.",
    ),
    (
        lambda t, d: (normalize(t, dim=1) @ normalize(d, dim=1).T).abs().amax(1),
        "you return one number per true direction; take their mean.",
    ),
    (
        lambda t, d: (normalize(t, dim=1) @ normalize(d, dim=1).T).abs().max(),
        "you return the single best pair; take the best row of each true direction and then the mean.",
    ),
]


def _judge_matched(matched: Any, control: Any) -> None:
    truth = torch.tensor([[1.0, 0.0], [0.0, 2.0]])
    dictionary = torch.tensor([[-3.0, 1.0], [1.0, 1.0], [0.5, 0.2]])
    generator = torch.Generator().manual_seed(0)
    larger = tuple(torch.randn(rows, 4, generator=generator) for rows in (3, 5))
    inputs = [(truth, dictionary), (truth.flip(1), 2 * dictionary), larger]
    match_function(matched, _matched, inputs, _MATCHED_MISTAKES)
    if control is None or control is Ellipsis:
        raise NotAttempted(" `matched` is right; `control` is still open.")
    match_choice(
        control,
        "a",
        {
            "b": "40 random rows are too easy to beat: the SAE has 80, and the best of more rows is closer by chance.",
            "c": "the shuffled true directions are the true directions: they score 1. A control ought to lose.",
            "d": "zeros have no direction, so they score 0, which any dictionary beats. A control should share "
            "everything but the training.",
        },
    )
