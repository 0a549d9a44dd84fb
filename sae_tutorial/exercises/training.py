"""Checks for notebook 05: explained variance, gradient projection, a table of runs, and two patients."""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import normalize

from sae_tutorial.exercises import clinic
from sae_tutorial.exercises.reporting import (
    Exercise,
    Mistakes,
    WrongAnswer,
    call,
    match_choice,
    match_function,
    show,
)

Batches = list[tuple[Tensor, Tensor]]


def check_explained_variance(explained_variance: Callable[[Batches], float]) -> None:
    """Exercise 5.1: `explained_variance(batches)` over a list of (x, x_hat), with one global mean."""
    exercise = Exercise(
        "5.1",
        "write `explained_variance`; `per_batch` has a mistake.",
        "`ReconstructionSums` in `sae_tutorial/metrics.py`",
        "your score does not depend on the batch size, and a predictor that knows only the mean gets exactly 0.",
    )
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(5, 2, generator=generator) + torch.tensor([3.0, -1.0])
    x_hat = x + 0.3 * torch.randn(5, 2, generator=generator) + 0.2
    small = [
        (torch.tensor([[2.0, 0.0], [0.0, 4.0]]), torch.tensor([[2.0, 1.0], [0.0, 3.0]])),
        (
            torch.tensor([[1.0, 1.0], [1.0, 3.0], [4.0, 1.0]]),
            torch.tensor([[1.0, 1.0], [1.0, 2.0], [4.0, 0.0]]),
        ),
    ]
    inputs = [(small,), ([(x[:3], x_hat[:3]), (x[3:], x_hat[3:])],)]
    exercise.check(lambda answer: match_function(answer, _ev, inputs, _EV_MISTAKES), explained_variance)


def check_project(project: Callable[[Tensor, Tensor], Tensor]) -> None:
    """Exercise 5.2: `project(gradient, W_dec)`, the gradient without its part along each decoder row."""
    exercise = Exercise(
        "5.2",
        "write the body of `project`.",
        "the `addcmul_` line of `_optimize`, shown in the section 'The plain recipe'",
        "Adam's moments now hold only what turns a direction; the part that renormalising undoes never enters them.",
    )
    W_dec = torch.tensor([[0.6, 0.8], [1.0, 0.0], [0.0, -1.0]])
    inputs = [
        (torch.tensor([[1.0, 2.0], [3.0, -1.0], [0.5, 2.0]]), W_dec),
        (torch.tensor([[-1.0, 0.5], [0.2, 0.4], [1.0, 1.0]]), W_dec),
    ]
    exercise.check(lambda answer: match_function(answer, _project, inputs, _PROJECT_MISTAKES), project)


def check_beaten(beaten: Iterable[str] | None) -> None:
    """Exercise 5.3: which runs of the table another run beats for certain."""
    exercise = Exercise(
        "5.3",
        "replace None by a set of names, such as {'A', 'C'}.",
        "the section 'Curves over L0' and the remark on overfitting before it",
        "you can read a table of SAEs: held-out numbers only, and two numbers per run, never one.",
    )
    exercise.check(_judge_beaten, beaten)


def check_first_diagnosis(diagnosis: str | None) -> None:
    """Exercise 5.4: what is wrong with patient 1."""
    exercise = Exercise(
        "5.4 (diagnosis)",
        "replace None by a letter.",
        "the table of patient 1, row by row",
        "the rows are far too small: the squared error shrinks with the square of their size, the penalty only in "
        "proportion, so the same λ weighs 33 times more and silence is the cheapest answer. Now the repair.",
    )
    wrong = {
        "a": "λ is the same in the healthy run and in the patient, so λ alone cannot be the difference. Look for a "
        "number that differs before anything was learned.",
        "b": "at a tenth of the rate the patient falls silent too, only later. If the rate were too high, a tenth of "
        "the rate would then have cured it.",
        "d": "the decoder rows have norm 1, as in the healthy run.",
        "e": "L0 and error have settled long before the end of the run; more steps repeat what is there.",
    }
    exercise.check(lambda answer: match_choice(answer, "c", wrong), diagnosis)


def check_first_repair(prepare: clinic.Prepare) -> None:
    """Exercise 5.4: `prepare(rows)`, what should happen to the rows before training. Trains a small SAE."""
    exercise = Exercise(
        "5.4 (repair)",
        "write the body of `prepare`.",
        "the section 'Scale and mean' of notebook 04",
        "the patient speaks again. When L0 collapses on a new layer, look at the norm of the rows before you touch λ.",
    )
    exercise.check(_judge_first_repair, prepare)


def check_second_diagnosis(diagnosis: str | None) -> None:
    """Exercise 5.5: what is wrong with patient 2."""
    exercise = Exercise(
        "5.5 (diagnosis)",
        "replace None by a letter.",
        "the table of patient 2, row by row",
        "the decoder rows grew, so a smaller f does the same work: the L1 norm falls while more latents are on, and λ "
        "no longer prices anything. A lower loss of this kind is not a better SAE. Now the repair.",
    )
    wrong = {
        "a": "λ is the same as in the healthy run. And the healthy run at half the λ has a *larger* L1 norm, where "
        "the patient's is less than half of the healthy one.",
        "b": "the rows have the same mean norm as in the healthy run.",
        "c": "rows in the order of a corpus make the error jump where the subject changes. Here the curve is smooth "
        "and the held-out score is not worse.",
        "e": "a rate that is too high makes curves jump and the error settle above the healthy run's; here both are "
        "smooth and the error is lower.",
    }
    exercise.check(lambda answer: match_choice(answer, "d", wrong), diagnosis)


def check_second_repair(after_step: clinic.AfterStep) -> None:
    """Exercise 5.5: `after_step(W_dec)`, what should happen to the decoder after each step. Trains a small SAE."""
    exercise = Exercise(
        "5.5 (repair)",
        "write the body of `after_step`.",
        "`after_step`, shown in the section 'The plain recipe'",
        "λ prices every activation again. Print the norm of the decoder rows before you compare two losses.",
    )
    exercise.check(_judge_second_repair, after_step)


def _joined(batches: Batches) -> tuple[Tensor, Tensor]:
    return torch.cat([x for x, _ in batches]), torch.cat([x_hat for _, x_hat in batches])


def _ev(batches: Batches) -> Tensor:
    x, x_hat = _joined(batches)
    return 1 - (x - x_hat).pow(2).sum() / (x - x.mean(0)).pow(2).sum()


def _mean_of_evs(batches: Batches, *, weighted: bool) -> Tensor:
    sizes = torch.tensor([len(x) if weighted else 1 for x, _ in batches]).float()
    return (torch.stack([_ev([batch]) for batch in batches]) * sizes).sum() / sizes.sum()


def _batch_means(batches: Batches) -> Tensor:
    errors = sum((x - x_hat).pow(2).sum() for x, x_hat in batches)
    return 1 - errors / sum((x - x.mean(0)).pow(2).sum() for x, _ in batches)


def _spread(values: Tensor) -> Tensor:
    return (values - values.mean(0)).pow(2).sum()


def _mean_of_batch_means(batches: Batches) -> Tensor:
    x, x_hat = _joined(batches)
    mean = torch.stack([x.mean(0) for x, _ in batches]).mean(0)
    return 1 - (x - x_hat).pow(2).sum() / (x - mean).pow(2).sum()


def _on_joined(formula: Callable[[Tensor, Tensor], Tensor]) -> Callable[[Batches], Tensor]:
    return lambda batches: formula(*_joined(batches))


_EV_MISTAKES: Mistakes = [
    (
        _batch_means,
        "every batch gets a mean of its own, as in `per_batch`: the smaller the batch, the less is left to explain, "
        "and the score falls with the batch size. Use one mean over all rows.",
    ),
    (
        lambda b: _mean_of_evs(b, weighted=False),
        "you average one score per batch. Add up errors and squares first, divide once at the end.",
    ),
    (
        lambda b: _mean_of_evs(b, weighted=True),
        "you average one score per batch, weighted by rows; each still has a mean of its own. Add up first.",
    ),
    (
        _mean_of_batch_means,
        "you average the batches' means as if batches were of equal size; average over rows.",
    ),
    (
        lambda b: (
            1 - sum((x - y).pow(2).sum() for x, y in b) / (_joined(b)[0] - b[0][0].mean(0)).pow(2).sum()
        ),
        "every row is measured from the first batch's mean; take the mean of the rows of all batches.",
    ),
    (
        _on_joined(lambda x, y: 1 - (x - y).pow(2).sum() / x.pow(2).sum()),
        "the mean is not subtracted from x in the denominator, so a predictor that knows only the mean scores above 0.",
    ),
    (
        _on_joined(lambda x, y: 1 - (x - y).pow(2).sum() / (x - x.mean()).pow(2).sum()),
        "you subtract one number, the mean of all elements; the mean row has one value per dimension (mean(0)).",
    ),
    (
        _on_joined(lambda x, y: (x - y).pow(2).sum() / _spread(x)),
        "this is the *un*explained share (FVU); subtract it from 1.",
    ),
    (
        _on_joined(lambda x, y: 1 - _spread(x - y) / _spread(x)),
        "you take the variance of the error, so an error that is the same on every row counts for nothing. "
        "Use the squared error itself.",
    ),
    (
        _on_joined(lambda x, y: _spread(y) / _spread(x)),
        "you compare the variance of x_hat with that of x; random rows of the right variance would score 1.",
    ),
    (
        _on_joined(lambda x, y: (1 - (x - y).pow(2).sum(0) / (x - x.mean(0)).pow(2).sum(0)).mean()),
        "you average one score per dimension, so a dimension that hardly varies weighs as much as a large one. "
        "Sum over dimensions, divide once.",
    ),
    (
        _on_joined(lambda x, y: 1 - (x - y).pow(2).mean() / x.var(0).mean()),
        "`var` divides by n - 1 where `mean` divides by n, so the mean predictor scores above 0.",
    ),
    (
        _on_joined(lambda x, y: 1 - (x - y).pow(2).mean() / (x - x.mean(0)).pow(2).sum()),
        "the numerator is a mean and the denominator a sum; use the same for both.",
    ),
]


def _project(gradient: Tensor, W_dec: Tensor) -> Tensor:
    return gradient - (gradient * W_dec).sum(1, keepdim=True) * W_dec


_PROJECT_MISTAKES: Mistakes = [
    (
        lambda g, W: g + (g * W).sum(1, keepdim=True) * W,
        "the part along the row is added: it is now there twice. Subtract it.",
    ),
    (
        lambda g, W: (g * W).sum(1, keepdim=True) * W,
        "you return the part along the row, which is the part to throw away: subtract it from the gradient.",
    ),
    (
        lambda g, W: g - (g * W).sum(0, keepdim=True) * W,
        "you projected along columns (dim=0); a latent's direction is a row, so the product sums over dim=1.",
    ),
    (
        lambda g, W: g - (g * W).sum() * W,
        "you took one product for the whole matrix; each row needs its own (sum over dim=1).",
    ),
    (
        lambda g, W: g - g * W * W,
        "you multiplied element by element: sum g · W over the row before multiplying by W.",
    ),
    (
        lambda g, W: g - g * W,
        "you multiplied element by element: sum g · W over the row, then multiply by the row.",
    ),
    (lambda g, W: g - W, "you subtracted the row itself, not the gradient's part along it."),
    (
        lambda g, W: normalize(_project(g, W), dim=1),
        "the projection is right, but you also brought the gradient to norm 1: its size says how far to go.",
    ),
    (
        lambda g, W: normalize(g, dim=1),
        "you brought the gradient to norm 1; take its part along W_dec's row out instead.",
    ),
    (lambda g, W: g, "the gradient is returned as it came."),
    (
        lambda g, W: W - (g * W).sum(1, keepdim=True) * g,
        "the two are mixed up: g - (g · W) W for each row, where W is the row of the decoder.",
    ),
    (
        lambda g, W: (g * W).sum(1, keepdim=True).expand_as(g) * -1 + g,
        "you subtracted the product, a number, from every element: multiply it by the row first.",
    ),
]


def _judge_beaten(beaten: Any) -> None:
    if isinstance(beaten, str) or not isinstance(beaten, Iterable):
        raise WrongAnswer(f"answer with a set of names, not {beaten!r}.")
    names = frozenset(beaten)
    if names == {"B", "D"}:
        return
    if names - set("ABCDE"):
        raise WrongAnswer(f"{sorted(map(str, names - set('ABCDE')))[0]!r} is not a run of the table.")
    known = {
        "ACD": "these are the runs that lose on *training* rows. B learned its rows by heart: held out it is worse "
        "than A at the same L0.",
        "ABCD": "you took the highest explained variance as the winner. E has it at four times the L0 of A: neither "
        "beats the other.",
        "CDE": "you took the lowest L0 as the winner. C and E have more latents on and reconstruct better: no run "
        "beats them on both counts.",
        "B": "D too: C reconstructs better *and* with fewer active latents. L0 need not be equal for that.",
        "D": "B too: A has the same L0 and a higher held-out score. B's lead is on training rows.",
        "": "at least one run is beaten: look for another with no more latents on and a higher held-out score.",
    }
    message = known.get("".join(sorted(names)))
    reasons = {
        "A": "A is not: the one run with as low an L0, B, scores less held out.",
        "C": "C is not: A and B have a lower L0 but score less held out.",
        "E": "E is not: no run scores as much held out.",
    }
    if message is None:
        extra = sorted(names - {"B", "D"})
        message = reasons[extra[0]]
    raise WrongAnswer(message)


def _judge_first_repair(prepare: Any) -> None:
    rows = torch.tensor([[0.3, 0.4], [0.0, 0.1], [0.2, 0.0]])
    out = _same_shape(call(prepare, rows), rows)
    norms, target = out.norm(dim=1), rows.shape[1] ** 0.5
    mean_norm = float(norms.mean())
    if torch.allclose(norms, norms[:1].expand_as(norms), rtol=1e-3):
        raise WrongAnswer(
            "every row comes out with the same norm: how strong a row was is lost, and with it part of what is to be "
            "reconstructed. Multiply all rows by one number."
        )
    if torch.allclose(out, rows):
        raise WrongAnswer("the rows are unchanged.")
    if not torch.allclose(out, rows * (mean_norm / float(rows.norm(dim=1).mean())), atol=1e-4):
        raise WrongAnswer(
            "the rows are not multiplied by one number, so their mean or the proportions of their dimensions change. "
            "The SAE would learn another space than the model's; b_dec takes care of the mean."
        )
    if abs(mean_norm - 1) < 0.01:
        raise WrongAnswer(
            "the mean norm is 1; it should be √d_in. At norm 1 a wide layer is as silent as before."
        )
    if abs(mean_norm / target - 1) > 0.01:
        raise WrongAnswer(
            f"the mean norm of rows with d_in = 2 becomes {mean_norm:.3f}; √d_in is {target:.3f}. "
            "Compute the factor from the rows: it differs from layer to layer."
        )
    _improved(*_retrained(clinic.retrain_first, prepare))


def _improved(before: clinic.Run, after: clinic.Run) -> None:
    ev, l0 = after.numbers["explained variance"], after.numbers["L0"]
    was = {name: round(value, 2) + 0.0 for name, value in before.numbers.items()}
    print(
        f"retrained: explained variance {was['explained variance']:.2f} -> {ev:.2f}, L0 {was['L0']:.1f} -> {l0:.1f}"
    )
    if not (ev > 0.7 and 1 < l0 < 6):
        raise WrongAnswer(
            f"retrained with your repair, it ends at explained variance {ev:.2f} and L0 {l0:.1f}."
        )


def _judge_second_repair(after_step: Any) -> None:
    W_dec = torch.tensor([[3.0, 4.0], [0.3, 0.4], [0.0, -2.0]])
    out = _same_shape(call(after_step, W_dec), W_dec)
    norms = out.norm(dim=1)
    if torch.allclose(out, W_dec):
        raise WrongAnswer("the decoder is unchanged.")
    if torch.allclose(out, normalize(W_dec, dim=0)):
        raise WrongAnswer("columns (dim=0) were brought to norm 1; a latent's direction is a row, dim=1.")
    if torch.allclose(out, W_dec / W_dec.norm()):
        raise WrongAnswer("the whole matrix was brought to norm 1; each row has to be.")
    if torch.allclose(out, W_dec / W_dec.norm(dim=1).mean()):
        raise WrongAnswer(
            "you divided by the mean norm, so long rows stay longer than others; each row has to have norm 1."
        )
    if torch.allclose(out, W_dec / W_dec.norm(dim=1, keepdim=True).clamp(min=1)):
        raise WrongAnswer(
            "rows longer than 1 are cut, shorter ones stay. Under an L1 penalty rows grow, so this mends the patient, "
            "but a row left short makes its f look larger than others'; set every row to norm 1."
        )
    if torch.allclose(out, W_dec / W_dec.pow(2).sum(1, keepdim=True)):
        raise WrongAnswer("you divided by the squared norm; divide by the norm.")
    if torch.allclose(out, W_dec / W_dec.abs().sum(1, keepdim=True)):
        raise WrongAnswer(
            "you divided by the sum of absolute values; the norm is the root of the sum of squares."
        )
    if not torch.allclose(norms, torch.ones_like(norms), atol=1e-3):
        raise WrongAnswer(
            f"for W_dec = [[3, 4], [0.3, 0.4], [0, -2]] the norms become {show(norms)}; each should be 1."
        )
    if not torch.allclose(out, normalize(W_dec, dim=1), atol=1e-3):
        raise WrongAnswer("the norms are 1 but the directions changed; only the length of a row may change.")
    _improved(*_retrained(clinic.retrain_second, after_step))


def _retrained(
    retrain: Callable[..., tuple[clinic.Run, clinic.Run]], repair: Any
) -> tuple[clinic.Run, clinic.Run]:
    return retrain(lambda value: call(repair, value))


def _same_shape(value: Any, like: Tensor) -> Tensor:
    if not isinstance(value, Tensor) or value.shape != like.shape:
        got = f"a tensor {list(value.shape)}" if isinstance(value, Tensor) else repr(value)
        raise WrongAnswer(f"the result must have the shape of what goes in, {list(like.shape)}, got {got}.")
    return value.float()
