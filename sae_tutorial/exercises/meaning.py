"""Checks for notebook 14: holes, whose neighbour is nearer, and how far a latent leans. `designing` has a lead over all rivals."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import normalize

from sae_tutorial.exercises.matching import Mistakes, match_function, read_tensor
from sae_tutorial.exercises.reporting import Exercise


def check_find_holes(find_holes: Callable[..., Any]) -> None:
    """Exercise 14.1: `find_holes(values, W_dec, direction, own, concept, found)`, where a concept's pair has holes, and what is filled."""
    exercise = Exercise(
        "14.1",
        "return two masks over the tokens: which are holes, and which are filled.",
        "the sketch, and the folded help on one line at a time",
        "this is the whole detector. From here on the page runs yours.",
    )
    exercise.check(_judge_find_holes, find_holes)


def _judge_find_holes(answer: Any) -> None:
    match_function(answer, _find_holes, [_tokens(seed) for seed in range(8)], _HOLE_MISTAKES)


def _tokens(seed: int) -> tuple[Tensor, ...]:
    """Twelve tokens and four latents, of which two are the pair, on at an odd number of those that count."""
    generator = torch.Generator().manual_seed(seed)
    own, direction = torch.tensor([0, 2]), torch.tensor([0.6, 0.8])
    while True:
        values = (
            torch.randint(1, 9, (12, 4), generator=generator)
            * (torch.rand(12, 4, generator=generator) < 0.5)
            / 2
        )
        W_dec = normalize(direction + 0.8 * torch.randn(4, 2, generator=generator), dim=1)
        concept, found = (torch.rand(12, generator=generator) < share for share in (0.6, 0.7))
        if (concept & found & (values[:, own] > 0).any(1)).sum() % 2:  # so that there is one median
            return values, W_dec, direction, own, concept, found


def _parts_of_holes(
    values: Tensor, W_dec: Tensor, direction: Tensor, own: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """What each latent adds along the direction, where the pair is off, and the most that another latent adds."""
    adds = values * (W_dec @ direction)
    others = adds.clone()
    others[:, own] = -torch.inf
    return adds, (values[:, own] == 0).all(1), others.amax(1)


def _find_holes(
    values: Tensor, W_dec: Tensor, direction: Tensor, own: Tensor, concept: Tensor, found: Tensor
) -> tuple[Tensor, Tensor]:
    adds, off, most = _parts_of_holes(values, W_dec, direction, own)
    usual = adds[concept & found & ~off][:, own].sum(1).median()
    return concept & found & off, most >= usual / 2


def _with_usual(usual_of: Callable[..., Tensor]) -> Callable[..., Any]:
    """The detector with another amount that counts as usual: of what is added, where it counts, and the pair."""

    def holes(v: Tensor, W: Tensor, d: Tensor, own: Tensor, concept: Tensor, found: Tensor) -> Any:
        adds, off, most = _parts_of_holes(v, W, d, own)
        usual = usual_of(adds[:, own], ~off, concept & found & ~off)
        return concept & found & off, most >= usual / 2

    return holes


def _with_filled(filled: Callable[..., Tensor]) -> Callable[..., Any]:
    """The detector with another rule for what is filled: from what is added, the pair, half of the usual, and the holes."""

    def holes(v: Tensor, W: Tensor, d: Tensor, own: Tensor, concept: Tensor, found: Tensor) -> Any:
        adds, off, _ = _parts_of_holes(v, W, d, own)
        half = adds[concept & found & ~off][:, own].sum(1).median() / 2
        hole = concept & found & off
        return hole, filled(adds, own, half, hole, _parts_of_holes(v, W, d, own)[2])

    return holes


def _without(adds: Tensor, own: Tensor) -> Tensor:
    return adds[:, [i for i in range(adds.shape[1]) if i not in own.tolist()]]


_HOLE_MISTAKES: Mistakes = [
    (
        lambda v, W, d, own, c, f: (c & f & (v[:, own] == 0).any(1), _find_holes(v, W, d, own, c, f)[1]),
        "your holes need only *one* latent of the pair to be off. In a hole both are: `.all(1)`.",
    ),
    (
        lambda v, W, d, own, c, f: (c & (v[:, own] == 0).all(1), _find_holes(v, W, d, own, c, f)[1]),
        "your holes leave out the probe. Where it does not find the concept in x, nothing there could be read: also ask for `found`.",
    ),
    (
        lambda v, W, d, own, c, f: (f & (v[:, own] == 0).all(1), _find_holes(v, W, d, own, c, f)[1]),
        "your holes include tokens without the concept. Also ask for `concept`.",
    ),
    (
        _with_usual(lambda pair, on, counts: pair[on].sum(1).median()),
        "your usual amount comes from every token where the pair is on. Take only those with the concept that the probe finds.",
    ),
    (
        _with_usual(lambda pair, on, counts: pair.sum(1).median()),
        "your usual amount counts tokens where the pair is off, and adds nothing. Take only those where it is on.",
    ),
    (
        _with_usual(lambda pair, on, counts: pair[counts].sum(1).mean()),
        "you take the mean of what the pair adds. A few tokens where it adds a great deal decide a mean; take the median.",
    ),
    (
        _with_usual(lambda pair, on, counts: pair[counts].amax(1).median()),
        "your usual amount is that of the stronger one of the pair. The pair adds both: take the sum.",
    ),
    (
        _with_usual(lambda pair, on, counts: 2 * pair[counts].sum(1).median()),
        "you ask for as much as the pair usually adds. Half of it is enough.",
    ),
    (
        _with_filled(lambda adds, own, half, hole, most: adds.amax(1) >= half),
        "the pair is among the others, so where it is on it fills itself. Leave its two columns out.",
    ),
    (
        _with_filled(lambda adds, own, half, hole, most: _without(adds, own).sum(1) >= half),
        "you add up all the others. One latent alone must add enough: take the largest, not the sum.",
    ),
    (
        _with_filled(lambda adds, own, half, hole, most: hole & (most >= half)),
        "right at the holes, but elsewhere your second mask is always False. The control asks the same at tokens that are no "
        "holes, so mark every token at which another latent adds enough.",
    ),
    (
        lambda v, W, d, own, c, f: _find_holes(v, torch.ones_like(W[:, :1]), torch.ones(1), own, c, f),
        "you compare the latents' values. What a latent adds along the probe is its value times how far its row of W_dec "
        "points along `direction`.",
    ),
    (lambda *given: _find_holes(*given)[::-1], "the two masks are in the other order: holes first."),
]


def check_nearer_abroad(nearer_abroad: Callable[[Tensor, Tensor], Any]) -> None:
    """Exercise 14.2: `nearer_abroad(first, second)`, whether a latent's nearest in another SAE beats its nearest sibling."""
    exercise = Exercise(
        "14.2",
        "write the body of `nearer_abroad`.",
        "the folded help, on two matrices of cosines",
        "you have a bar that the SAE sets itself, and no number that we chose.",
    )
    exercise.check(_judge_nearer_abroad, nearer_abroad)


def _judge_nearer_abroad(answer: Any) -> None:
    flat = torch.tensor([[1.0, 0.0], [0.8, 0.6], [0.0, 1.0]])
    inputs = [(flat, torch.tensor([[0.96, 0.28], [0.0, -1.0]]))]
    for seed in (0, 1):
        draw = torch.Generator().manual_seed(seed)
        first, second = torch.randn(7, 3, generator=draw), torch.randn(5, 3, generator=draw)
        inputs.append((normalize(first, dim=1), normalize(second, dim=1)))
    match_function(answer, _nearer_abroad, inputs, _NEARER_MISTAKES)


def _nearest(first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
    """The largest cosine of every row of `first` with its siblings, and with the rows of `second`."""
    siblings = (first @ first.T).fill_diagonal_(-1)
    return siblings.amax(1), (first @ second.T).amax(1)


def _nearer_abroad(first: Tensor, second: Tensor) -> Tensor:
    sibling, abroad = _nearest(first, second)
    return abroad > sibling


_NEARER_MISTAKES: Mistakes = [
    (
        lambda f, s: (f @ s.T).amax(1) > (f @ f.T).amax(1),
        "a row is nearest to itself, at cosine 1, so nothing abroad can be nearer. Leave each row out of its own siblings: "
        "`fill_diagonal_(-1)`.",
    ),
    (
        lambda f, s: (f @ s.T).abs().amax(1) > (f @ f.T).abs().fill_diagonal_(-1).amax(1),
        "you take the size of the cosine. A latent that points the opposite way is no neighbour: keep the sign.",
    ),
    (
        lambda f, s: _nearest(f, s)[0] > _nearest(f, s)[1],
        "this is True where the *sibling* is nearer. The question is where the row of `second` is.",
    ),
    (
        lambda f, s: _nearest(f, s)[1],
        "these are the cosines with `second`. Compare each with the nearest sibling: True or False.",
    ),
    (
        lambda f, s: (f @ s.T).mean(1) > (f @ f.T).fill_diagonal_(-1).mean(1),
        "you compare mean cosines. The question is about the *nearest* row on each side.",
    ),
    (
        lambda f, s: (f @ s.T).amax(1) > 0.5,
        "this compares with ½. Here the bar is the row's own nearest sibling.",
    ),
]


def check_lean(lean: Callable[[Tensor, Tensor, Tensor], Any]) -> None:
    """Exercise 14.3: `lean(latents, feature, companion)`, how far the latent nearest to a feature leans to its companion."""
    exercise = Exercise(
        "14.3",
        "return a number.",
        "the definition above the exercise, and the folded help",
        "you can tell a latent that leans from one whose feature only lies close to another.",
    )
    exercise.check(_judge_lean, lean)


def _judge_lean(answer: Any) -> None:
    inputs = []
    for seed in (0, 1, 2):
        generator = torch.Generator().manual_seed(seed)
        feature, other = normalize(torch.randn(2, 4, generator=generator), dim=1)
        companion = normalize(other + 0.4 * feature, dim=0)
        nearest = normalize(feature + 0.5 * companion, dim=0)
        opposite = normalize(-feature - 0.1 * torch.randn(4, generator=generator), dim=0)
        strangers = normalize(torch.randn(2, 4, generator=generator) - feature, dim=1)
        inputs.append((torch.stack([*strangers, opposite, nearest]), feature, companion))
    match_function(answer, _lean, inputs, _LEAN_MISTAKES)


def _across(feature: Tensor, companion: Tensor) -> Tensor:
    return companion - (companion @ feature) * feature


def _nearest_to(latents: Tensor, feature: Tensor) -> Tensor:
    return latents[(latents @ feature).argmax()]


def _lean(latents: Tensor, feature: Tensor, companion: Tensor) -> Tensor:
    across = _across(feature, companion)
    return _nearest_to(latents, feature) @ across / across.norm()


_LEAN_MISTAKES: Mistakes = [
    (
        lambda rows, f, c: _nearest_to(rows, f) @ c,
        "this is the cosine with the whole companion. If the two features themselves lie close, even a latent that points exactly its "
        "feature's way scores. Take out of the companion what points along the feature.",
    ),
    (
        lambda rows, f, c: _nearest_to(rows, f) @ _across(f, c),
        "what is left of the companion is shorter than 1, and the nearer the two features, the shorter. Divide by its length.",
    ),
    (
        lambda rows, f, c: _nearest_to(rows, f) @ (c - f) / (c - f).norm(),
        "you subtract the whole feature from the companion. Subtract only the companion's part along it, "
        "`(companion @ feature) * feature`.",
    ),
    (
        lambda rows, f, c: _lean(rows[[int((rows @ f).abs().argmax())]], f, c),
        "your nearest latent may point the opposite way: you take the size of the cosine. Keep the sign.",
    ),
    (
        lambda rows, f, c: _lean(rows[[int((rows @ c).argmax())]], f, c),
        "you take the latent nearest to the *companion*. The question is about the feature's own.",
    ),
    (
        lambda rows, f, c: (rows @ _across(f, c)).max() / _across(f, c).norm(),
        "this is the latent of all that leans most. Take the one nearest to the feature.",
    ),
    (
        lambda rows, f, c: (rows @ _across(f, c)).mean() / _across(f, c).norm(),
        "this is a mean over all latents. Take the one nearest to the feature.",
    ),
    (
        lambda rows, f, c: (
            normalize(_across(f, _nearest_to(rows, f)), dim=0) @ normalize(_across(f, c), dim=0)
        ),
        "you stretch what is left of the *latent* to length 1. Then one that hardly leans counts as much as one that leans far.",
    ),
    (
        lambda rows, f, c: -_lean(rows, f, c),
        "the sign is the other way round: towards the companion is positive.",
    ),
]


def _two_masks(value: Any) -> tuple[Tensor, Tensor]:
    hole, filled = read_tensor(value)
    return hole, filled


# By name: how an answer is judged, the course's own, and how the notebook reads what the learner's returns.
PARTS = {
    "find_holes": (_judge_find_holes, _find_holes, _two_masks),
    "nearer_abroad": (_judge_nearer_abroad, _nearer_abroad, read_tensor),
    "lean": (_judge_lean, _lean, float),
}
