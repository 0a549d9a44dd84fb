"""Checks for notebook 10: a push, steering claims, ablations, shares, matched controls."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch import Tensor

from sae_tutorial.effects.steering import matched_latents as _matched
from sae_tutorial.exercises.matching import (
    Mistakes,
    match_choices,
    match_function,
    read_tensor,
)
from sae_tutorial.exercises.reporting import Exercise


def check_push(push: Callable[[Tensor, Tensor, float, float], Tensor]) -> None:
    """Exercise 10.1: `push(x, direction, dose, median_norm)`, x with a vector of length dose · median_norm added."""
    exercise = Exercise(
        "10.1",
        "write the body of `push`.",
        "the drawing above the exercise: the length of the push is the dose times the median length",
        "every text of this notebook is steered by these two lines.",
    )
    exercise.check(_judge_push, push)


def check_ablate(ablate: Callable[[Tensor, Tensor, Tensor, list[int]], Tensor]) -> None:
    """Exercise 10.4: `ablate(x, f, W_dec, latents)`, the rows without what these latents wrote into them."""
    exercise = Exercise(
        "10.4",
        "write the body of `ablate`.",
        "the beginning of the section 'Which latents does an answer rest on?'",
        "you can take a latent out of a model and know that whatever changes is due to that latent.",
    )
    exercise.check(_judge_ablate, ablate)


def check_latent_shares(latent_shares: Callable[[Tensor, Tensor, Tensor], Tensor]) -> None:
    """Exercise 10.5: `latent_shares(f, gradient, W_dec)`, what each latent writes times the gradient, summed."""
    exercise = Exercise(
        "10.5",
        "write the body of `latent_shares`.",
        "the section 'Which latents does an answer rest on?'",
        "you can rank thousands of latents by what they do for an answer, with one backward pass.",
    )
    exercise.check(_judge_shares, latent_shares)


def check_matched_latents(matched_latents: Callable[[Sequence[int], Tensor], list[int]]) -> None:
    """Exercise 10.6: `matched_latents(named, strength)`, for each named latent another one that is as strong."""
    exercise = Exercise(
        "10.6",
        "write the body of `matched_latents`.",
        "the folded help, on which latents are still free",
        "you can answer the objection that any latents as strong as yours would have done.",
    )
    exercise.check(_judge_matched, matched_latents)


def check_steers(steers: Iterable[str] | None) -> None:
    """Exercise 10.2: which of five rows of a table show that a latent steers towards its concept."""
    exercise = Exercise(
        "10.2",
        "replace None by a set of letters, such as {'A'}.",
        "the section 'How much, and at what price?'",
        "you can read a steering result, in a paper too, for what it shows.",
    )
    exercise.check(_judge_steers, steers)


def _push(x: Tensor, direction: Tensor, dose: float, median_norm: float) -> Tensor:
    return x + dose * median_norm * direction / direction.norm()


_PUSH_MISTAKES: Mistakes = [
    (
        lambda x, v, dose, norm: x + dose * norm * v,
        "the direction still has its own length, so the push is longer or shorter than the dose says. Divide by it.",
    ),
    (
        lambda x, v, dose, norm: x + dose * v / v.norm(),
        "the push has the length of the dose alone; its unit, the median length of a row, is missing.",
    ),
    (
        lambda x, v, dose, norm: dose * norm * v / v.norm() + torch.zeros_like(x),
        "that is the push in place of x. Add it to x, so that the model keeps what it knows of the text.",
    ),
    (
        lambda x, v, dose, norm: x - dose * norm * v / v.norm(),
        "you subtracted the push: this steers away.",
    ),
    (
        lambda x, v, dose, norm: x + dose * x.norm(dim=-1, keepdim=True) * v / v.norm(),
        "you measured every row with its own length. Every token gets the same push: use `median_norm`.",
    ),
    (
        lambda x, v, dose, norm: (1 - dose) * x + dose * norm * v / v.norm(),
        "you mixed, and x lost a share of itself. Add to the whole of x.",
    ),
    (
        lambda x, v, dose, norm: torch.cat([x[:, :-1], x[:, -1:] + dose * norm * v / v.norm()], dim=1),
        "only the last position was pushed; the push goes to every position of x.",
    ),
]


def _weights(seed: int) -> tuple[Tensor, ...]:
    """Random x [3, 4], and W_enc, b_enc, W_dec, b_dec of an SAE with five latents, no decoder row of norm 1."""
    generator = torch.Generator().manual_seed(seed)
    return tuple(torch.randn(shape, generator=generator) for shape in ((3, 4), (4, 5), (5,), (5, 4), (4,)))


def _strengths(n_latents: int, on: list[int]) -> Tensor:
    """Random strengths, about half of them 0, those in `on` among the others."""
    strength = torch.randn(n_latents, generator=torch.Generator().manual_seed(0))
    strength[on] = strength[on].abs()
    return strength.relu()


def _coded(seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """Random x, a ReLU SAE's f of it, and its W_dec."""
    x, W_enc, b_enc, W_dec, b_dec = _weights(seed)
    return x, ((x - b_dec) @ W_enc + b_enc).relu(), W_dec


def _ablate(x: Tensor, f: Tensor, W_dec: Tensor, latents: list[int]) -> Tensor:
    return x - f[:, latents] @ W_dec[latents]


def _others(latents: list[int], W_dec: Tensor) -> list[int]:
    return [i for i in range(len(W_dec)) if i not in latents]


def _project_out(x: Tensor, rows: Tensor) -> Tensor:
    for row in rows:
        x = x - (x @ row)[:, None] * row / (row @ row)
    return x


_ABLATE_MISTAKES: Mistakes = [
    (
        lambda x, f, W, n: f[:, _others(n, W)] @ W[_others(n, W)],
        "you return what the other latents write. What the SAE does not reconstruct, x − x̂, is gone too, so the model "
        "may change for that reason alone. Subtract from x what the latents write.",
    ),
    (
        lambda x, f, W, n: x + f[:, n] @ W[n],
        "you added what the latents write: now it is there twice. Subtract it.",
    ),
    (
        lambda x, f, W, n: x - f @ W,
        "you took away what all latents write; take the columns of f and the rows of W_dec in `latents`.",
    ),
    (
        lambda x, f, W, n: x - f[:, _others(n, W)] @ W[_others(n, W)],
        "you took out what all the *other* latents write, and kept those in `latents`. Take those out, and nothing else.",
    ),
    (
        lambda x, f, W, n: f[:, n] @ W[n],
        "that is what the latents write. Subtract it from x.",
    ),
    (
        lambda x, f, W, n: _project_out(x, W[n]),
        "you took the whole direction out of x, whoever wrote there. A latent accounts for f_i W_dec_i only, and for "
        "nothing where it is off.",
    ),
    (
        lambda x, f, W, n: x - W[n].sum(0),
        "you took each direction away once; a latent writes f_i times its direction, and nothing where it is off.",
    ),
    (
        lambda x, f, W, n: x - f[:, n] @ torch.nn.functional.normalize(W[n], dim=1),
        "you normalised the decoder rows. A latent writes f_i W_dec_i, whatever the row's length.",
    ),
]


def _shares(f: Tensor, gradient: Tensor, W_dec: Tensor) -> Tensor:
    return f * (gradient @ W_dec.T)


_SHARES_MISTAKES: Mistakes = [
    (
        lambda f, g, W: f.sum(1, keepdim=True) * (g @ W.T),
        "each latent gets the activation of all latents. Multiply by its own.",
    ),
    (
        lambda f, g, W: g @ W.T,
        "that is the effect of one more unit of each latent, also of those that are off. Multiply by f: what is there "
        "already is the share.",
    ),
    (
        lambda f, g, W: (f > 0) * (g @ W.T),
        "you count a latent as on or off; how strong it is matters too. Multiply by f itself.",
    ),
    (
        lambda f, g, W: f * (g @ W.T).abs(),
        "you dropped the sign: a latent that works against the answer would be counted for it.",
    ),
    (
        lambda f, g, W: (f * (g @ W.T)).sum(0),
        "you summed over rows; the share of every latent at every row is wanted.",
    ),
    (
        lambda f, g, W: f * (g @ torch.nn.functional.normalize(W, dim=1).T),
        "you normalised the decoder rows. A latent writes f_i W_dec_i, so a longer row has a larger share.",
    ),
    (
        lambda f, g, W: f * W.sum(1),
        "you summed what each latent writes and left out the gradient, which says what that does to the answer.",
    ),
    (
        lambda f, g, W: f.clone(),
        "these are the activations; the gradient, which says what a latent does to the answer, is unused.",
    ),
    (
        lambda f, g, W: (f[:, :, None] * W).norm(dim=2),
        "that is the size of what each latent writes; the gradient, which says what it does to the answer, is unused.",
    ),
]


def _judge_shares(answer: Any) -> None:
    match_function(answer, _shares, _shares_inputs(), _SHARES_MISTAKES)


def _shares_inputs() -> list[tuple[Tensor, Tensor, Tensor]]:
    """Latents [rows, d_sae], a gradient [rows, d_in] and decoder rows [d_sae, d_in]."""
    small = (
        torch.tensor([[2.0, 0.0, 0.5], [0.0, 1.0, 0.0]]),
        torch.tensor([[1.0, 0.0], [0.5, -1.0]]),
        torch.tensor([[1.0, 0.5], [0.0, 2.0], [-1.0, 1.0]]),
    )
    inputs = [small]
    for seed in range(2):
        x, f, W_dec = _coded(seed)
        inputs.append((f, torch.randn(x.shape, generator=torch.Generator().manual_seed(9 + seed)), W_dec))
    return inputs


def _nearest(named: Sequence[int], strength: Tensor, allowed: Callable[[int, list[int]], bool]) -> list[int]:
    chosen: list[int] = []
    for latent in named:
        free = [i for i in range(len(strength)) if allowed(i, chosen)]
        chosen.append(min(free, key=lambda i: abs(float(strength[i] - strength[latent]))))
    return chosen


_MATCHED_MISTAKES: Mistakes = [
    (
        lambda n, s: list(n),
        "these are the named latents themselves: each is nearest to itself. Leave the named ones out.",
    ),
    (
        lambda n, s: _nearest(n, s, lambda i, chosen: s[i] > 0 and i not in chosen and i != n[len(chosen)]),
        "a named latent is among them: leave out all of `named`, not only the one being matched.",
    ),
    (
        lambda n, s: _nearest(n, s, lambda i, chosen: i not in n and i not in chosen),
        "a latent that is off on these texts (strength 0) is among them: ablating it changes nothing, so it is no "
        "control.",
    ),
    (
        lambda n, s: _nearest(n, s, lambda i, chosen: i not in n and s[i] > 0),
        "one latent was taken twice, so fewer latents are ablated. Leave out what was taken before.",
    ),
    (
        lambda n, s: [i for i in s.argsort(descending=True).tolist() if i not in n and s[i] > 0][: len(n)],
        "these are the strongest of the others. A control that is stronger than what it controls for is unfair too: "
        "take the nearest.",
    ),
    (
        lambda n, s: sorted(_matched(n, s)),
        "the latents are right but sorted; give them in the order of those they match.",
    ),
    (
        lambda n, s: [float(s[i]) for i in _matched(n, s)],
        "you return the strengths; return the latents.",
    ),
]


def _judge_steers(steers: Any) -> None:
    match_choices(
        steers,
        {
            "B": "B is shown: on texts that did not choose it, its effect lies outside the spread of the control, at the "
            "same norm, in text that can still be read.",
        },
        {
            "A": "in A a random direction of the same norm does as much: a push of that size moves these words whichever "
            "way it goes.",
            "C": "C's latent was chosen on the very texts it is scored on, the best of 400. The best of 400 random "
            "directions would look good there as well.",
            "D": "in D the topic's words come, but the text has fallen apart: a price of 7.2 nats per token is more than twice the "
            "loss of the model's own texts. The question asks for text, too.",
            "E": "E compares with a *shorter* random vector. At equal norm the control may do as much; that is left "
            "open.",
        },
    )


def _judge_push(answer: Any) -> None:
    draw = torch.Generator().manual_seed(3)
    inputs = [
        (torch.tensor([[[3.0, 4.0], [0.0, 2.0]]]), torch.tensor([0.0, 2.0]), 0.5, 4.0),
        (torch.randn(2, 3, 5, generator=draw), torch.randn(5, generator=draw), 0.25, 7.0),
        (torch.randn(3, 1, 4, generator=draw), 3 * torch.randn(4, generator=draw), 0.75, 1.5),
    ]
    match_function(answer, _push, inputs, _PUSH_MISTAKES)


def _judge_ablate(answer: Any) -> None:
    small = (
        torch.tensor([[2.0, 1.0], [0.0, 3.0]]),
        torch.tensor([[2.0, 0.5, 0.0], [0.0, 2.5, 3.25]]),
        torch.tensor([[1.0, 0.5], [0.0, 2.0], [-1.0, 1.0]]),
    )
    inputs = [(*small, [1]), *((*_coded(seed), latents) for seed, latents in ((1, [0, 3]), (2, [2, 4])))]
    match_function(answer, _ablate, inputs, _ABLATE_MISTAKES)


def _judge_matched(answer: Any) -> None:
    inputs = [
        ([2, 5], torch.tensor([0.0, 0.5, 3.0, 2.5, 0.0, 0.25, 9.0, 0.625])),
        ([0, 1], torch.tensor([2.0, 2.125, 2.25, 4.0, 0.0, 1.0])),
        ([3], torch.tensor([0.0, 0.0, 8.0, 0.125])),
        # More latents, so that agreeing with a mistake by chance is out of the question.
        ([9, 4, 17, 2], _strengths(40, on=[9, 4, 17, 2])),
    ]
    match_function(answer, _matched, inputs, _MATCHED_MISTAKES)


PARTS = {
    "push": (_judge_push, _push, read_tensor),
    "ablate": (_judge_ablate, _ablate, read_tensor),
    "latent_shares": (_judge_shares, _shares, read_tensor),
    "matched_latents": (_judge_matched, _matched, lambda latents: [int(latent) for latent in latents]),
}
