"""Checks for notebook 05, the collector: one batch through one hook, and the loop over texts."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from sae_tutorial.exercises.matching import Mistakes, match_function, match_untouched, read_tensor
from sae_tutorial.exercises.reporting import Exercise, LearnerError, WrongAnswer, call


def check_catch(catch: Callable[..., Tensor]) -> None:
    """Exercise 5.3: `catch(model, token_ids, keep, layer)`, the kept rows of what one MLP adds."""
    exercise = Exercise(
        "5.3",
        "write `catch`.",
        "the section 'Build the collector', and 'Open the model: a cache and a hook' in notebook 02",
        "you can read any place of the model for the price of the blocks below it.",
    )
    exercise.check(_judge_catch, catch)


def check_collect(collect: Callable[..., tuple[Tensor, Tensor]]) -> None:
    """Exercise 5.4: `collect(ids, rows_of_batch, batch_size)`, rows and document ids of many texts."""
    exercise = Exercise(
        "5.4",
        "write `collect`.",
        "the section 'Build the collector'",
        "you have written the collector: from here on the notebook's real rows can be yours.",
    )
    exercise.check(_judge_collect, collect)


# 5.3


class _TinyModel:
    """Four blocks with a bridge's hooks, `run_with_cache` and `run_with_hooks`; notes what was kept and run."""

    places = ("hook_resid_pre", "hook_attn_out", "hook_mlp_out", "hook_resid_post")

    def __init__(self) -> None:
        generator = torch.Generator().manual_seed(0)
        self.embedding, self.mixing = (
            torch.randn(*shape, generator=generator) for shape in ((20, 3), (4, 3, 3))
        )
        self.kept: set[str] = set()
        self.n_run = 0

    def __repr__(self) -> str:
        return "a model of 4 blocks"

    def run_with_cache(
        self, token_ids: Tensor, names_filter: Any = None, stop_at_layer: int | None = None, **settings: Any
    ) -> tuple[Tensor, dict[str, Tensor]]:
        cache: dict[str, Tensor] = {}

        def keep(x: Tensor, name: str) -> None:
            if _named(names_filter, name):
                cache[name] = x.clone()

        out = self._run(token_ids, keep, stop_at_layer)
        self.kept = set(cache)
        return out, cache

    def run_with_hooks(
        self,
        token_ids: Tensor,
        fwd_hooks: Sequence[Any] = (),
        stop_at_layer: int | None = None,
        **settings: Any,
    ) -> Tensor:
        def step_in(x: Tensor, name: str) -> Tensor | None:
            changed = None
            for wanted, function in fwd_hooks:
                if _named(wanted, name):
                    self.kept.add(name)
                    changed = function(x, hook=_Hook(name))
            return changed

        return self._run(token_ids, step_in, stop_at_layer)

    def _run(self, token_ids: Tensor, step_in: Callable[..., Any], stop_at_layer: int | None) -> Tensor:
        n_run = len(self.mixing) if stop_at_layer is None else range(5)[stop_at_layer]
        self.n_run = max(self.n_run, n_run)
        stream = self.embedding[token_ids]
        for layer in range(n_run):
            place = torch.arange(1, token_ids.shape[1] + 1)[:, None]
            values = {"hook_resid_pre": stream, "hook_attn_out": stream.cumsum(1) / place}
            middle = stream + values["hook_attn_out"]
            values |= {"hook_mlp_out": torch.tanh(middle @ self.mixing[layer])}
            values |= {"hook_resid_post": middle + values["hook_mlp_out"]}
            for name in self.places:
                step_in(values[name], f"blocks.{layer}.{name}")
            stream = values["hook_resid_post"]
        return stream


class _Hook:
    def __init__(self, name: str) -> None:
        self.name = name


def _named(wanted: Any, name: str) -> bool:
    if wanted is None or isinstance(wanted, str):
        return wanted is None or wanted == name
    return bool(wanted(name)) if callable(wanted) else name in wanted


def _catch(model: Any, token_ids: Tensor, keep: Tensor, layer: int) -> Tensor:
    name = f"blocks.{layer}.hook_mlp_out"
    _, cache = model.run_with_cache(token_ids, names_filter=name, stop_at_layer=layer + 1)
    return cache[name][keep]


def _judge_catch(answer: Any) -> None:
    token_ids = torch.tensor([[1, 7, 3, 9, 0, 0], [1, 5, 6, 8, 4, 3], [1, 2, 0, 0, 0, 0]])
    keep = torch.tensor([[0, 1, 1, 1, 0, 0], [0, 1, 1, 1, 1, 1], [0, 1, 0, 0, 0, 0]]).bool()
    inputs = [(_TinyModel(), token_ids, keep, layer) for layer in (2, 0)]
    try:
        match_function(answer, _catch, inputs, _CATCH_MISTAKES)
    except LearnerError as error:
        if "KeyError" in str(error) and "hook_mlp_out" in str(error):
            raise LearnerError(
                f"{error} The run stopped before that hook: `stop_at_layer` is the first block that is *not* run."
            ) from None
        raise
    call(answer, model := _TinyModel(), token_ids, keep, 1)
    if len(model.kept) > 1:
        raise WrongAnswer(
            f"the rows are right, but what passed {len(model.kept)} hooks was kept. In a real model that fills the memory: "
            "name the one you want, by `names_filter`."
        )
    if model.n_run > 2:
        raise WrongAnswer(
            f"the rows are right, but for layer 1 of this model {model.n_run} blocks were run, where 2 are enough: "
            "`stop_at_layer` is the first block that is not run."
        )


def _at(layer_shift: int = 0, place: str = "hook_mlp_out") -> Callable[..., Tensor]:
    """What passes another hook than the one asked for, kept rows only."""

    def read(model: Any, token_ids: Tensor, keep: Tensor, layer: int) -> Tensor:
        return model.run_with_cache(token_ids)[1][f"blocks.{layer + layer_shift}.{place}"][keep]

    return read


def _everywhere(model: Any, token_ids: Tensor, keep: Tensor, layer: int) -> Tensor:
    return model.run_with_cache(token_ids)[1][f"blocks.{layer}.hook_mlp_out"]


_CATCH_MISTAKES: Mistakes = [
    (
        _everywhere,
        "you return every position of the batch, [batch, width, d_in]; a mask as index, `x[keep]`, gives the kept ones.",
    ),
    (
        lambda m, t, k, n: _everywhere(m, t, k, n).flatten(0, 1),
        "you return every position, one after the other: `keep` is not used, so BOS and padding are among the rows.",
    ),
    (
        lambda m, t, k, n: _everywhere(m, t, k, n)[~k],
        "the mask is the wrong way round: these are the rows of BOS and padding.",
    ),
    (
        lambda m, t, k, n: _everywhere(m, t, k, n) * k[..., None],
        "you set BOS and padding to zero; they should not be there at all. A mask as index, `x[keep]`, drops them.",
    ),
    (
        lambda m, t, k, n: _everywhere(m, t, k, n).transpose(0, 1)[k.T],
        "the rows come place after place; they should come text after text, as `x[keep]` gives them.",
    ),
    (_at(1), "that is one block too high: block `layer` is counted from 0, as in the hook's name."),
    (
        _at(place="hook_resid_post"),
        "that is the stream behind the block, which a run that stops there also returns; what its MLP adds passes "
        "`hook_mlp_out`.",
    ),
    (
        _at(place="hook_resid_pre"),
        "that is the stream before the block; what its MLP adds passes `hook_mlp_out`.",
    ),
    (_at(place="hook_attn_out"), "that is what attention adds; what the MLP adds passes `hook_mlp_out`."),
]


# 5.4. The first token of text d is 1, BOS, the others are 100 d + place: every row says where it comes from.

_LENGTHS = (4, 9, 2, 7, 3, 9, 5, 2)


class _Batches:
    """Gives rows [token id, place] for a batch by length, as the model would, and notes what it was given."""

    def __init__(self) -> None:
        self.shapes: list[tuple[int, ...]] = []

    def __repr__(self) -> str:
        return "a function from batches to rows"

    def __call__(self, token_ids: Any, lengths: Any) -> Tensor:
        if not isinstance(token_ids, Tensor) or token_ids.ndim != 2:
            raise ValueError("rows_of_batch needs token_ids as a tensor [batch, width]")
        lengths = torch.as_tensor(lengths)
        if lengths.shape != token_ids.shape[:1]:
            raise ValueError(
                f"rows_of_batch needs one length per text, [{len(token_ids)}], got {list(lengths.shape)}"
            )
        self.shapes.append(tuple(token_ids.shape))
        place = torch.arange(token_ids.shape[1])
        rows = torch.stack([token_ids, place.expand_as(token_ids)], dim=2).float()
        return rows[(place > 0) & (place < lengths[:, None])]


def _collect(
    ids: list[Tensor], rows_of_batch: Callable[..., Tensor], batch_size: int
) -> tuple[Tensor, Tensor]:
    by_length = sorted(range(len(ids)), key=lambda document: len(ids[document]))
    rows, document_ids = [], []
    for first in range(0, len(ids), batch_size):
        documents = by_length[first : first + batch_size]
        lengths = torch.tensor([len(ids[document]) for document in documents])
        token_ids = pad_sequence([ids[document] for document in documents], batch_first=True)
        rows.append(rows_of_batch(token_ids, lengths))
        document_ids.append(torch.tensor(documents).repeat_interleave(lengths - 1))
    return torch.cat(rows), torch.cat(document_ids)


def _judge_collect(answer: Any) -> None:
    ids = [
        torch.tensor([1, *(100 * document + place for place in range(1, length))])
        for document, length in enumerate(_LENGTHS)
    ]
    result = call(answer, ids, batches := _Batches(), 3)
    if not isinstance(result, tuple | list) or len(result) != 2:
        raise WrongAnswer("return two things: the rows, and the number of the text that each row comes from.")
    if any(part is None or part is Ellipsis for part in result):
        raise WrongAnswer("one of the two things that you return is nothing; give rows and document ids.")
    rows, document_ids = map(read_tensor, result)
    _judge_rows(rows)
    _judge_document_ids(rows, document_ids)
    _judge_work(batches.shapes)
    match_untouched(answer, {"ids": ids, "rows_of_batch": batches, "batch_size": 3})


def _judge_rows(rows: Tensor) -> None:
    expected = {(100 * d + place, place) for d, length in enumerate(_LENGTHS) for place in range(1, length)}
    if rows.ndim != 2 or rows.shape[1] != 2:
        raise WrongAnswer(
            f"your rows have shape {list(rows.shape)}; here [{len(expected)}, 2] is needed: `torch.cat` joins what the "
            "batches gave."
        )
    found = [tuple(map(int, row)) for row in rows.tolist()]
    if set(found) - expected:
        token, place = sorted(set(found) - expected)[0]
        raise WrongAnswer(
            f"there is a row of token {token} at place {place}, which no text has there. Each text begins at place 0 with "
            "its BOS, padding is on its right, and `lengths` counts BOS."
        )
    if len(set(found)) < len(found):
        raise WrongAnswer(
            f"{len(found) - len(set(found))} rows are there twice: some text is in two batches."
        )
    missing = {token // 100 for token, _ in expected - set(found)}
    if missing:
        whole = not missing & {token // 100 for token, _ in found}
        raise WrongAnswer(
            f"{len(expected) - len(found)} rows of {len(expected)} are missing: "
            + (
                f"{'text ' if len(missing) == 1 else 'texts '}{', '.join(map(str, sorted(missing)))} of {len(_LENGTHS)} "
                "never ran. Does the last batch, which is not full, run too?"
                if whole
                else "the end of some texts is lost. `lengths` counts BOS, and a batch is as wide as its longest text."
            )
        )
    for earlier, later in zip(found, found[1:], strict=False):
        if earlier[0] // 100 == later[0] // 100 and later[1] != earlier[1] + 1:
            raise WrongAnswer(
                "the rows of a text are not in its order; keep them as `rows_of_batch` gives them."
            )


def _judge_document_ids(rows: Tensor, document_ids: Tensor) -> None:
    expected = rows[:, 0].long() // 100
    if document_ids.shape != expected.shape:
        with_bos = sum(_LENGTHS)
        more = {
            with_bos: " That counts BOS, which has no row: a text of length n has n - 1.",
            len(
                _LENGTHS
            ): " One for each row is needed: `repeat_interleave` repeats each number so many times.",
        }.get(document_ids.numel(), "")
        raise WrongAnswer(
            f"your document ids have shape {list(document_ids.shape)}, for {len(rows)} rows.{more}"
        )
    if torch.equal(document_ids.double(), expected.double()):
        return
    first = int((document_ids.double() != expected.double()).nonzero()[0])
    more = ""
    if torch.equal(document_ids.double().unique(return_inverse=True)[1], _renumbered(expected)):
        more = " You count the texts in the order in which they ran; the number is the text's place in `ids`."
    elif document_ids.max() < 3:
        more = " You count from 0 again in every batch; the number is the text's place in `ids`."
    raise WrongAnswer(
        f"row {first} belongs to text {int(expected[first])}, and your document id says {float(document_ids[first]):g}."
        f"{more}"
    )


def _renumbered(document_ids: Tensor) -> Tensor:
    """Each document's number in the order of first appearance."""
    numbers: dict[int, int] = {}
    return torch.tensor([numbers.setdefault(document, len(numbers)) for document in document_ids.tolist()])


def _judge_work(shapes: list[tuple[int, ...]]) -> None:
    largest, n_positions = max(batch for batch, _ in shapes), sum(batch * width for batch, width in shapes)
    if largest > 3:
        raise WrongAnswer(
            f"a batch holds {largest} texts at batch_size 3; with a whole corpus memory would not last."
        )
    if len(shapes) > 4:
        raise WrongAnswer(
            f"the rows are right, but it took {len(shapes)} batches for {len(_LENGTHS)} texts at batch_size 3; three are "
            "enough. Many small batches take longer than a few full ones."
        )
    upward, downward = sorted(_LENGTHS), sorted(_LENGTHS, reverse=True)
    enough = max(
        sum(len(part) * max(part) for part in (order[i : i + 3] for i in (0, 3, 6)))
        for order in (upward, downward)
    )
    if n_positions > enough:
        raise WrongAnswer(
            f"the rows are right, but {n_positions} positions were computed for {sum(_LENGTHS)} that are not padding; with "
            f"texts of similar length in a batch it is {enough} or fewer. Sort by length first."
        )


def _as_collected(result: Any) -> tuple[Tensor, np.ndarray]:
    rows, document_ids = map(read_tensor, result)
    return rows.float(), document_ids.long().numpy()


def _collected(*inputs: Any) -> tuple[Tensor, np.ndarray]:
    return _as_collected(_collect(*inputs))


# By name: how an answer is judged, the course's own, and how the notebook reads what the learner's returns.
PARTS = {
    "catch": (_judge_catch, _catch, read_tensor),
    "collect": (_judge_collect, _collected, _as_collected),
}
