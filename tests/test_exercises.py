"""Every check, both ways: the notebook's own solution is right, and each plausible mistake gets its own message."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import pytest
import torch
from torch.nn.functional import normalize

import copies
from sae_tutorial import exercises
from sae_tutorial.exercises import (
    analysing,
    architectures,
    building,
    clinic,
    collecting,
    meaning,
    reporting,
    residual,
    superposition,
    training,
    using,
)
from sae_tutorial.transformer import heads as attention_heads

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"
MATCHED = building._matched
CHECKS = [name for name in exercises.__all__ if name.startswith("check_")]
# Checks of a function by its values, and the mistakes each of them knows.
TABLES: dict[str, tuple[Callable[[Any], None], reporting.Mistakes]] = {
    "dimensionality": (exercises.check_dimensionality, superposition._D_MISTAKES),
    "induction_score": (exercises.check_induction_score, residual._INDUCTION_MISTAKES),
    "attribution": (exercises.check_attribution, residual._ATTRIBUTION_MISTAKES),
    "faithfulness": (exercises.check_faithfulness, residual._FAITHFULNESS_MISTAKES),
    "encode": (exercises.check_encode, building._ENCODER_MISTAKES),
    "loss": (exercises.check_loss, building._LOSS_MISTAKES),
    "matched": (lambda answer: exercises.check_matched(answer, "a"), building._MATCHED_MISTAKES),
    "real_rows": (exercises.check_real_rows, collecting._MASK_MISTAKES),
    "scale": (exercises.check_scale, collecting._SCALE_MISTAKES),
    "explained_variance": (exercises.check_explained_variance, training._EV_MISTAKES),
    "project": (exercises.check_project, training._PROJECT_MISTAKES),
    "density": (exercises.check_density, analysing._DENSITY_MISTAKES),
    "top_rows": (exercises.check_top_rows, analysing._TOP_MISTAKES),
    "topic_share": (exercises.check_topic_share, analysing._TOPIC_MISTAKES),
    "luck": (exercises.check_luck, analysing._LUCK_MISTAKES),
    "loss_recovered": (exercises.check_loss_recovered, meaning._RECOVERED_MISTAKES),
    "redraw": (exercises.check_redraw, meaning._REDRAW_MISTAKES),
    "fit": (exercises.check_fit, meaning._FIT_MISTAKES),
    "holes": (exercises.check_holes, meaning._HOLES_MISTAKES),
    "batchtopk": (exercises.check_batchtopk, architectures._BATCHTOPK_MISTAKES),
    "auxk": (exercises.check_auxk, architectures._AUXK_MISTAKES),
    "narrow": (lambda answer: exercises.check_narrow(answer, "c"), architectures._STRONGEST_MISTAKES),
    "fold": (exercises.check_fold, architectures._FOLD_MISTAKES),
    "ablate": (exercises.check_ablate, using._ABLATE_MISTAKES),
    "latent_shares": (exercises.check_latent_shares, using._SHARES_MISTAKES),
    "matched_latents": (exercises.check_matched_latents, using._MATCHED_MISTAKES),
}


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """A function that runs a check and returns what it printed; a check returns nothing."""

    def run(check: Callable[..., None], *answers: Any) -> str:
        assert check(*answers) is None
        return capsys.readouterr().out

    return run


# The notebooks' own stubs and solutions


def exercises_of(notebook: nbformat.NotebookNode) -> list[tuple[str, list[str], str]]:
    """Heading, stub cells (those that call a check) and solution code of every exercise of a notebook."""
    found: list[tuple[str, list[str], str]] = []
    for cell in notebook.cells:
        first = cell.source.split("\n", 1)[0]
        if cell.cell_type == "markdown" and first.startswith("### Exercise "):
            found.append((first.removeprefix("### "), [], ""))
        elif found and cell.cell_type == "code" and "exercises.check_" in cell.source:
            found[-1][1].append(cell.source)
        elif found and cell.cell_type == "markdown" and (code := copies.solution_code(cell.source)):
            found[-1] = (*found[-1][:2], code)
    return found


def all_exercises() -> list[Any]:
    """One test case for every exercise of every notebook."""
    cases = []
    for path in sorted(NOTEBOOKS.glob("*.ipynb")):
        for title, stubs, solution in exercises_of(nbformat.read(path, as_version=4)):
            cases.append(pytest.param(stubs, solution, id=title.split(" · ")[0].replace(" ", "-")))
    return cases


def run_solution(stubs: list[str], solution: str) -> None:
    """Run the stubs' own definitions, then the solution, then the stubs' checks: the learner's order."""
    names = {"torch": torch, "np": np, "exercises": exercises}
    checks = [line for stub in stubs for line in stub.splitlines() if line.startswith("exercises.check_")]
    exec(compile("\n".join([solution, *checks]), "solution", "exec"), names)


@pytest.mark.parametrize(("stubs", "solution"), all_exercises())
def test_a_notebooks_stub_runs_and_its_solution_is_right(
    stubs: list[str], solution: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert stubs and solution
    for stub in stubs:
        assert len(stub.splitlines()) <= 12
        exec(compile(stub, "stub", "exec"), {"torch": torch, "np": np, "exercises": exercises})
        printed = capsys.readouterr().out
        assert "not attempted: " in printed and len(printed.splitlines()) == 1
    run_solution(stubs, solution)
    printed = [line for line in capsys.readouterr().out.splitlines() if line.startswith("Exercise")]
    assert len(printed) == len(stubs) and all(" right: " in line for line in printed), printed


@pytest.mark.parametrize("number", ["01", "02", "03", "04", "05", "06", "07", "08", "09"])
def test_a_notebook_has_at_least_four_exercises_with_everything(number: str) -> None:
    (path,) = NOTEBOOKS.glob(f"{number}_*.ipynb")
    notebook = nbformat.read(path, as_version=4)
    found = exercises_of(notebook)
    if not found:
        pytest.skip(f"{path.name} has no exercises yet")
    assert len(found) >= 4
    assert all(stubs and solution for _, stubs, solution in found)
    text = "\n".join(cell.source for cell in notebook.cells)
    assert text.count("Difficulty: ●") == text.count("<summary>Help</summary>") == len(found)


# What every check does


@pytest.mark.parametrize("name", CHECKS)
def test_unattempted_says_what_to_do(name: str, said: Callable[..., str]) -> None:
    check = getattr(exercises, name)
    n_answers = check.__code__.co_argcount
    for nothing in (None, ...):
        answer = dict.fromkeys(analysing._ANSWERS, nothing) if name == "check_controls" else nothing
        printed = said(check, *[answer] * n_answers)
        assert printed.startswith("Exercise ") and " not attempted: " in printed and len(printed) > 40


def unwritten(*inputs: Any) -> None:
    raise NotImplementedError


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize("stub", [lambda *inputs: None, lambda *inputs: ..., unwritten])
def test_an_unwritten_function_counts_as_not_attempted(
    name: str, stub: Callable[..., Any], said: Callable[..., str]
) -> None:
    assert " not attempted: " in said(TABLES[name][0], stub)


@pytest.mark.parametrize("name", CHECKS)
def test_an_answer_of_another_kind_does_not_stop_the_notebook(name: str, said: Callable[..., str]) -> None:
    check = getattr(exercises, name)
    for odd in (object, [], [[]], "nonsense", float("nan"), {"a": 1}, lambda *inputs: (1, "b")):
        printed = said(check, *[odd] * check.__code__.co_argcount)
        assert " not right yet: " in printed or " stopped: " in printed


@pytest.mark.parametrize(
    "name", [*TABLES, "sample_rows", "split", "shuffled_labels", "first_repair", "second_repair"]
)
def test_an_exception_in_the_learners_code_is_reported(name: str, said: Callable[..., str]) -> None:
    def broken(*inputs: Any) -> Any:
        raise ValueError("the moon is full\nand more")

    check = TABLES[name][0] if name in TABLES else getattr(exercises, f"check_{name}")
    printed = said(check, broken)
    assert " stopped: your code raised ValueError: the moon is full. It was called with " in printed


def test_an_unknown_mistake_gets_a_counterexample(said: Callable[..., str]) -> None:
    printed = said(exercises.check_density, lambda f: (f > 0).float().mean(0) + 0.125)
    assert "for f = [[0, 2, 0]" in printed
    assert "expected [0, 0.75, 0.25], got [0.125, 0.875, 0.375]" in printed
    printed = said(exercises.check_density, lambda f: (f > 0).float().mean(0)[:1])
    assert "shape [1], expected [3]" in printed
    printed = said(exercises.check_density, lambda f: "high")
    assert "returns str 'high'" in printed
    printed = said(exercises.check_density, lambda f: "\n".join(["high"] * 100))
    assert printed.count("\n") == 1 and len(printed) < 400


@pytest.mark.parametrize("right", [1.0, 3e-5])
def test_what_differs_looks_different(right: float) -> None:
    one = [(torch.tensor(right),)]
    with pytest.raises(reporting.WrongAnswer) as raised:
        reporting.match_function(lambda value: value + 2e-4 * max(right, 0.1), lambda value: value, one, [])
    expected, got = str(raised.value).removesuffix(".").split(" expected ")[1].split(", got ")
    assert float(expected) != float(got) != 0


def test_the_learners_code_cannot_spoil_the_examples(said: Callable[..., str]) -> None:
    def in_place(f: torch.Tensor) -> torch.Tensor:
        return f.gt_(0).mean(0)

    for _ in range(2):
        assert " right: " in said(exercises.check_density, in_place)


# Named mistakes


@pytest.mark.parametrize("name", TABLES)
def test_each_known_mistake_gets_its_own_message(name: str, said: Callable[..., str]) -> None:
    check, mistakes = TABLES[name]
    assert len(mistakes) >= 3
    assert len({message for _, message in mistakes}) == len(mistakes)
    for mistake, message in mistakes:
        assert f"not right yet: {message} Where to look: " in said(check, mistake)


def relu_before_bias(x, W_enc, b_enc, b_dec, k):
    pre = torch.relu((x - b_dec) @ W_enc) + b_enc
    values, indices = torch.topk(pre, k)
    return torch.zeros_like(pre).scatter_(1, indices, values)


def without_relu(x, W_enc, b_enc, b_dec, k):
    pre = (x - b_dec) @ W_enc + b_enc
    threshold = pre.sort(dim=1, descending=True).values[:, k - 1 : k]
    return pre * (pre >= threshold)


def by_size(x, W_enc, b_enc, b_dec, k):
    pre = (x - b_dec) @ W_enc + b_enc
    kept = torch.zeros_like(pre)
    kept[torch.arange(len(x))[:, None], pre.abs().topk(k).indices] = 1
    return (pre * kept).clamp(min=0)


def per_batch_mean(batches):
    errors = squares = 0.0
    for x, x_hat in batches:
        errors += ((x - x_hat) ** 2).sum().item()
        squares += ((x - x.mean(dim=0, keepdim=True)) ** 2).sum().item()
    return 1 - errors / squares


def first_batch_mean(batches):
    mean = batches[0][0].mean(0)
    return 1 - sum(float(((x - y) ** 2).sum()) for x, y in batches) / sum(
        float(((x - mean) ** 2).sum()) for x, _ in batches
    )


def zero_centred(batches):
    errors = sum(float(((x - x_hat) ** 2).sum()) for x, x_hat in batches)
    return 1 - errors / sum(float((x**2).sum()) for x, _ in batches)


def mean_of_scores(batches):
    return np.mean([1 - float(((x - y) ** 2).sum() / ((x - x.mean(0)) ** 2).sum()) for x, y in batches])


def keeps_tensors_in_a_set(values, document_ids, n):
    rows, seen = [], set()
    for row in values.argsort(descending=True):
        if document_ids[row] not in seen and values[row] > 0:
            rows.append(row)
            seen.add(document_ids[row])
    return rows[:n]


def over_rows_on(f, topics):
    strength = torch.stack([f[(topics == c) & (f > 0)].mean() for c in range(3)])
    return strength / strength.sum()


def squared_share(f, topics):
    strength = torch.stack([(f[topics == c] ** 2).mean() for c in range(3)])
    return strength / strength.sum()


def drops_repeats_late(values, document_ids, n):
    rows = []
    for row in values.argsort(descending=True)[:n]:
        if document_ids[row] not in [document_ids[other] for other in rows]:
            rows.append(row)
    return [int(row) for row in rows if values[row] > 0]


def keeps_silent_rows(values, document_ids, n):
    rows, seen = [], set()
    for row in values.argsort(descending=True).tolist():
        if int(document_ids[row]) not in seen:
            rows.append(row)
            seen.add(int(document_ids[row]))
    return rows[:n]


def documents_of_the_largest_ids(document_ids, test_fraction, seed):
    documents = np.unique(document_ids)
    return document_ids >= documents[-round(test_fraction * len(documents))]


def drawn_from_a_range(document_ids, test_fraction, seed):
    n = document_ids.max() + 1
    return np.isin(
        document_ids, np.random.default_rng(seed).choice(n, round(test_fraction * n), replace=False)
    )


def drawn_from_the_rows(document_ids, test_fraction, seed):
    n = round(test_fraction * len(np.unique(document_ids)))
    return np.isin(document_ids, np.random.default_rng(seed).choice(document_ids, n, replace=False))


def with_global_seed(document_ids, test_fraction, seed):
    return np.isin(document_ids, np.random.default_rng().permutation(np.unique(document_ids))[:2])


def good_split(document_ids, test_fraction, seed):
    documents = np.random.default_rng(seed).permutation(np.unique(document_ids))
    return np.isin(document_ids, documents[: round(test_fraction * len(documents))])


def dealt(labels, document_ids, seed):
    return np.random.default_rng(seed).permutation(labels)


def one_number_per_row(p, rows, n, g):
    return torch.rand(rows, n, generator=g) * (torch.rand(rows, 1, generator=g) < p)


def one_number_per_feature(p, rows, n, g):
    return torch.rand(rows, n, generator=g) * (torch.rand(n, generator=g) < p)


def one_draw_for_both(p, rows, n, g):
    u = torch.rand(rows, n, generator=g)
    return u * (u < p)


def good_rows(p, rows, n, g):
    return torch.rand(rows, n, generator=g) * (torch.rand(rows, n, generator=g) < p)


def any_layer(found, n_heads, seed):
    generator = torch.Generator().manual_seed(seed)
    others = [(layer, head) for layer in range(8) for head in range(n_heads) if (layer, head) not in found]
    return [others[i] for i in torch.randperm(len(others), generator=generator)[: len(found)]]


def may_be_found(found, n_heads, seed):
    generator = np.random.default_rng(seed)
    return [(layer, int(generator.integers(n_heads))) for layer, _ in found]


def with_replacement(found, n_heads, seed):
    generator = np.random.default_rng(seed)
    others = {layer: [h for h in range(n_heads) if (layer, h) not in found] for layer, _ in found}
    return [(layer, int(generator.choice(others[layer]))) for layer, _ in found]


def neighbours(found, n_heads, seed):
    return [(3, 1), (3, 5), (7, 3), (1, 0)]


def without_a_seed(found, n_heads, seed):
    return attention_heads.random_heads(found, n_heads, int(np.random.default_rng().integers(10**6)))


def one_per_layer(found, n_heads, seed):
    return attention_heads.random_heads(found, n_heads, seed)[:3]


def kept_by_a_mask(pre, k):
    smallest = torch.sort(pre.flatten(), descending=True).values[k - 1]
    return torch.where(pre >= smallest, pre, torch.zeros(())).clamp(min=0)


def aux_of_all(pre, dead, W_dec, b_dec, k_aux):
    top = pre.relu().topk(k_aux)
    return torch.stack([(v[:, None] * W_dec[i]).sum(0) for v, i in zip(top.values, top.indices, strict=True)])


def aux_masked_late(pre, dead, W_dec, b_dec, k_aux):
    top = pre.relu().topk(k_aux)
    f = torch.zeros_like(pre).scatter(1, top.indices, top.values)
    return (f * dead) @ W_dec


def aux_with_bias(pre, dead, W_dec, b_dec, k_aux):
    alone = torch.where(dead, pre, -torch.inf).topk(k_aux)
    return torch.zeros_like(pre).scatter(1, alone.indices, alone.values.relu()) @ W_dec + b_dec


def reconstructs(x, W_enc, b_enc, W_dec, b_dec, latents):
    f = torch.relu((x - b_dec) @ W_enc + b_enc)
    f[:, latents] = 0
    return f @ W_dec + b_dec


def adds_negative_latents(x, W_enc, b_enc, W_dec, b_dec, latents):
    pre = (x - b_dec) @ W_enc + b_enc
    return x - sum(pre[:, [i]] * W_dec[i] for i in latents)


def takes_the_bias_too(x, W_enc, b_enc, W_dec, b_dec, latents):
    f = torch.relu((x - b_dec) @ W_enc + b_enc)
    return x - (f[:, latents] @ W_dec[latents] + b_dec)


def nearest_of_all(named, strength):
    return [int((strength - strength[latent]).abs().argmin()) for latent in named]


def nearest_with_repeats(named, strength):
    others = [i for i in range(len(strength)) if i not in named and strength[i] > 0]
    return [min(others, key=lambda i: abs(strength[i] - strength[latent])) for latent in named]


def nearest_even_if_off(named, strength):
    chosen = []
    for latent in named:
        distance = (strength - strength[latent]).abs()
        distance[named] = torch.inf
        distance[chosen] = torch.inf
        chosen.append(int(distance.argmin()))
    return chosen


# check, a wrong answer as a learner might write it, and words of the message it should get
WRONG = [
    ("dimensionality", (lambda W: (W**2).sum(1) / ((W @ W.T) ** 2).sum(1),), "gets a smaller share"),
    ("dimensionality", (lambda W: (W**2).sum(1) / (normalize(W) @ W.T).abs().sum(1),), "expected"),
    ("dimensionality", (lambda W: (W**2).sum() / W.shape[1],), "features per dimension"),
    ("dimensionality", (lambda W: ((normalize(W) @ W.T) ** 2).sum(1) / (W**2).sum(1),), "upside down"),
    ("shapes", (1 / 6, 0.75, 2.5), "*two* dimensions"),
    ("shapes", (3, 0.75, 2.5), "share each dimension"),
    ("shapes", (0.5, 0.75, 2.5), "three pairs"),
    ("shapes", (0.333, 0.25, 2.5), "*three* dimensions"),
    ("shapes", (0.333, 0.667, 2.5), "that is the triangle"),
    ("shapes", (0.333, 1.333, 2.5), "its inverse"),
    ("shapes", (0.333, 0.75, 0.4), "five squared norms"),
    ("shapes", (0.333, 0.75, 5), "divide by the number"),
    ("sample_rows", (one_number_per_row,), "as in `bad_rows`"),
    ("sample_rows", (one_number_per_feature,), "one random number per feature"),
    ("sample_rows", (one_draw_for_both,), "Draw the two apart"),
    ("sample_rows", (lambda p, r, n, g: good_rows(1 - p, r, n, g),), "the paper's sparsity"),
    ("sample_rows", (lambda p, r, n, g: torch.rand(r, n, generator=g),), "on in every row"),
    (
        "sample_rows",
        (lambda p, r, n, g: (torch.rand(r, n, generator=g) < p).float(),),
        "all values are the same",
    ),
    ("sample_rows", (lambda p, r, n, g: good_rows(p, r, n, None),), "pass it to every"),
    (
        "sample_rows",
        (lambda p, r, n, g: torch.randn(r, n, generator=g) * (good_rows(p, r, n, g) > 0),),
        "negative",
    ),
    ("sample_rows", (lambda p, r, n, g: 3 * good_rows(p, r, n, g),), "the maximum 3.00"),
    ("sample_rows", (lambda p, r, n, g: good_rows(p / 2, r, n, g),), "of the rows for probability 0.1."),
    ("sample_rows", (lambda p, r, n, g: good_rows(p, n, r, g),), "[n_rows, n_features]"),
    ("phase", ("a",), "0.02"),
    ("phase", ("c",), "feature 0 is dropped"),
    ("phase", ("d",), "the other way round"),
    ("phase", ("e",), "answer with one of"),
    ("fair_rival", ("b", False), "more iterations"),
    ("fair_rival", ("c", False), "not chosen by anything"),
    ("fair_rival", ("d", False), "nothing to find"),
    ("fair_rival", ("a", True), "as many rows as ICA"),
    ("fair_rival", ("a", "no"), "must be True or False"),
    ("paths", (4, 256, 4096), "number of blocks"),
    ("paths", (15, 256, 4096), "past all blocks"),
    ("paths", (16, 16, 4096), "counts whole blocks"),
    ("paths", (16, 81, 4096), "three ways"),
    ("paths", (16, 256, 2**16), "any set of a layer's heads"),
    ("paths", (16, 256, 6**4), "may also pass attention by"),
    ("paths", (16, 256, 10_000), "too large"),
    ("induction_score", (lambda p, n: p.diagonal(-n)[-n:].mean(),), "duplicate-token head"),
    (
        "induction_score",
        (lambda p, n: np.mean([float(p[q, q - n + 1]) for q in range(n, 2 * n + 1)]),),
        "too early",
    ),
    (
        "induction_score",
        (lambda p, n: torch.stack([p[q, q - 1] for q in range(n + 1, 2 * n + 1)]).mean(),),
        "just before",
    ),
    ("induction_score", (lambda p, n: p.diagonal(1 - n).mean().item(),), "all queries"),
    ("induction_score", (lambda p, n: p.mean(),), "expected"),
    ("attribution", (lambda p, w, d: (p / p.pow(2).mean(-1, keepdim=True).sqrt() * w) @ d,), "its own size"),
    ("attribution", (lambda p, w, d: p @ d / p.sum(0).pow(2).mean().sqrt(),), "weight is missing"),
    (
        "attribution",
        (lambda p, w, d: torch.nn.functional.rms_norm(p.sum(0), (len(w),), w) @ d,),
        "the logit itself",
    ),
    ("control_heads", (any_layer,), "place in the model matters"),
    ("control_heads", (may_be_found,), "must not contain"),
    ("control_heads", (with_replacement,), "drawn twice"),
    ("control_heads", (neighbours,), "no spread"),
    ("control_heads", (without_a_seed,), "a second time"),
    ("control_heads", (one_per_layer,), "another dose"),
    (
        "control_heads",
        (lambda found, n_heads, seed: [(layer, 9 - seed % 2 - i) for i, (layer, _) in enumerate(found)],),
        "below n_heads",
    ),
    (
        "faithfulness",
        (lambda full, ablated, circuit: 1 - (ablated - circuit) / (ablated - full),),
        "is *lost*",
    ),
    ("faithfulness", (lambda full, ablated, circuit: full / circuit,), "has no zero: "),
    (
        "faithfulness",
        (lambda full, ablated, circuit: np.clip((ablated - circuit) / (ablated - full), 0, 1),),
        "you clip",
    ),
    (
        "faithfulness",
        (lambda full, ablated, circuit: (circuit - ablated) / (full - ablated) * 100,),
        "expected",
    ),
    ("shown", ({"A", "B"},), "rules B out"),
    ("shown", ({"A", "C"},), "one draw"),
    ("shown", ({"A", "D"},), "ordinary text"),
    ("shown", ({"E"},), "where a head looks"),
    ("shown", (set(),), "A is shown"),
    ("shown", ({"G"},), "is not one of"),
    ("sizes", (32_768, 128, 8), "both biases are missing"),
    ("sizes", (16_704, 128, 8), "one matrix"),
    ("sizes", (9_444_096, 128, 8), "the notebook's SAE"),
    ("sizes", (16_640, 128, 8), "you counted the encoder"),
    ("sizes", (33_088, 256, 8), "not all latents are on"),
    ("sizes", (33_088, 8, 8), "ReLU knows no k"),
    ("sizes", (33_088, 0, 8), "nothing has been trained"),
    ("sizes", (33_088, 0.5, 8), "share of latents"),
    ("sizes", (33_088, 128, 4), "are all positive"),
    ("sizes", (33_088, 90, 8), "too small"),
    ("encode", (relu_before_bias,), "the ReLU is applied before b_enc is added"),
    ("encode", (without_relu,), "negative values are kept"),
    ("encode", (by_size,), "by absolute size, so"),
    ("encode", (lambda x, W, b, c, k: (x - c) @ W.T + b,), "stopped"),
    ("encode", (lambda x, W, b, c, k: ((x - c) @ W + b).topk(k),), "topk gives values and places"),
    ("loss", (lambda x, y, f, a: ((x - y) ** 2).mean() + a * f.mean(),), "averaged over the latents too"),
    ("loss", (lambda x, y, f, a: ((x - y) ** 2).mean() + a * torch.norm(f, 1),), "summed over the batch"),
    ("loss", (lambda x, y, f, a: ((x - y) ** 2).sum(-1).mean() + a * f.sum(-1).mean(),), "summed over d_in"),
    ("loss", (lambda x, y, f, a: ((x - y) ** 2).mean() + a * torch.norm(f),), "over the whole batch"),
    (
        "loss",
        (lambda x, y, f, a: ((x - y) ** 2).mean() + a * torch.norm(f, dim=1).mean(),),
        "in each row (L1)",
    ),
    ("who_learns", (set(),), "b_dec does"),
    ("who_learns", ({"W_dec[7]", "b_dec"},), "row 7 is multiplied by f_7 = 0"),
    ("who_learns", ({"b_enc[7]"},), "acts only through f_7"),
    ("who_learns", ({"W_enc[:, 7]", "b_dec"},), "only through f_7, and"),
    ("who_learns", ({"W_dec"},), "is not one of"),
    ("who_learns", ("b_dec",), "a set of names"),
    ("matched", (lambda t, d: (normalize(t) @ normalize(d).T).max(1).values.mean(), "a"), "absolute value"),
    ("matched", (MATCHED, "b"), "96 random rows are too easy"),
    ("matched", (MATCHED, "c"), "they score 1"),
    ("matched", (MATCHED, "d"), "zeros have no direction"),
    ("matched", (MATCHED, "random"), "answer with one of"),
    ("store_rows", (39, 64), "four BOS rows"),
    ("store_rows", (36, 64), "BOS included, so 15"),
    ("store_rows", (60, 64), "nothing was cut"),
    ("store_rows", (35, 164), "no text takes more"),
    ("store_rows", (35, 39), "rectangle: shorter"),
    ("store_rows", (35, 60), "BOS takes a position"),
    ("real_rows", (lambda t, n: t.ne(0),), "by token id"),
    ("real_rows", (lambda t, n: torch.arange(t.shape[1])[None] < n[:, None],), "BOS is kept: "),
    ("real_rows", (lambda t, n: [[0 < i < m for i in range(t.shape[1])] for m in n - 1],), "last token"),
    ("scale", (lambda x: 1 / x.norm(dim=-1).mean().item(),), "makes the mean norm 1"),
    ("scale", (lambda x: np.sqrt(x.shape[1] / (x**2).sum(-1).mean().item()),), "*squared* norm"),
    ("scale", (lambda x: x.shape[1] ** 0.5 / torch.linalg.norm(x, dim=1),), "one factor per row"),
    ("split", (lambda d, p, s: np.random.default_rng(s).random(len(d)) < p,), "split is by row"),
    ("split", (documents_of_the_largest_ids,), "whatever the seed"),
    ("split", (drawn_from_a_range,), "there are gaps"),
    ("split", (drawn_from_the_rows,), "long documents are likelier, and one can come up twice"),
    ("split", (with_global_seed,), "use `seed`"),
    ("split", (lambda d, p, s: ~good_split(d, p, s),), "swapped"),
    ("split", (lambda d, p, s: np.flatnonzero(good_split(d, p, s)),), "one boolean per row"),
    ("split", (lambda d, p, s: (good_split(d, p, s), 1),), "a tuple"),
    ("split", (lambda d, p, s: good_split(d, p, s).astype(int),), "not booleans"),
    ("shuffled_labels", (lambda y, d, s: dealt(y[d], d, s),), "you shuffle rows"),
    ("shuffled_labels", (dealt,), "one label per document"),
    ("shuffled_labels", (lambda y, d, s: y[d],), "unchanged"),
    (
        "shuffled_labels",
        (lambda y, d, s: np.random.default_rng(s).integers(0, 4, len(y))[d],),
        "drew new labels",
    ),
    ("shuffled_labels", (lambda y, d, s: dealt(y, d, 0)[d],), "every seed"),
    ("explained_variance", (per_batch_mean,), "a mean of its own, as in `per_batch`"),
    ("explained_variance", (first_batch_mean,), "the first batch's mean"),
    ("explained_variance", (zero_centred,), "the mean is not subtracted"),
    ("explained_variance", (mean_of_scores,), "one score per batch. Add"),
    ("project", (lambda g, W: g + torch.einsum("ij,ij->i", g, W)[:, None] * W,), "is now there twice"),
    ("project", (lambda g, W: torch.einsum("ij,ij->i", g, W)[:, None] * W,), "the part to throw away"),
    ("project", (lambda g, W: g - torch.einsum("ij,ij->j", g, W) * W,), "along columns"),
    ("beaten", ({"A", "C", "D"},), "on *training* rows"),
    ("beaten", ({"A", "B", "C", "D"},), "highest explained variance"),
    ("beaten", ({"C", "D", "E"},), "lowest L0 as the winner"),
    ("beaten", ({"B"},), "D too"),
    ("beaten", ({"D"},), "B too"),
    ("beaten", (set(),), "at least one"),
    ("beaten", ({"A", "B", "D"},), "A is not"),
    ("beaten", ({"F"},), "not a run"),
    ("first_diagnosis", ("a",), "λ is the same"),
    ("first_diagnosis", ("b",), "a tenth of the rate would then have cured it"),
    ("first_diagnosis", ("d",), "have norm 1"),
    ("first_diagnosis", ("e",), "long before the end"),
    ("first_diagnosis", ("z",), "answer with one of"),
    ("first_repair", (lambda rows: rows,), "unchanged"),
    ("first_repair", (normalize,), "every row comes out with the same norm"),
    ("first_repair", (lambda rows: rows / rows.norm(dim=1).mean(),), "the mean norm is 1"),
    ("first_repair", (lambda rows: (rows - rows.mean(0)) / rows.std(0),), "not multiplied by one number"),
    ("first_repair", (lambda rows: rows * rows.shape[1] ** 0.5,), "√d_in is 1.414"),
    ("first_repair", (lambda rows: rows * 33,), "ompute the factor from the rows"),
    ("first_repair", (lambda rows: rows.mean(),), "the shape of what goes in"),
    ("second_diagnosis", ("a",), "has a *larger* L1"),
    ("second_diagnosis", ("b",), "same mean norm"),
    ("second_diagnosis", ("c",), "the subject changes"),
    ("second_diagnosis", ("e",), "makes curves jump"),
    ("second_repair", (lambda W: W,), "unchanged"),
    ("second_repair", (lambda W: W / W.norm(dim=0),), "columns"),
    ("second_repair", (lambda W: W / W.norm(),), "whole matrix"),
    ("second_repair", (lambda W: W / W.norm(dim=1).mean(),), "long rows stay longer"),
    ("second_repair", (lambda W: torch.renorm(W, 2, 0, 1),), "shorter ones stay"),
    ("second_repair", (lambda W: W / (W**2).sum(1, keepdim=True),), "squared norm"),
    ("second_repair", (lambda W: normalize(W, p=1),), "absolute values"),
    ("second_repair", (lambda W: 2.0001 * normalize(W),), "the norms become [2, 2, 2]; each should be 1"),
    ("second_repair", (lambda W: W / 3,), "the norms become [1.667, 0.1667, 0.6667]; each should be 1"),
    ("second_repair", (lambda W: normalize(W + 1),), "directions changed"),
    ("density", (lambda f: f.mean(axis=0),), "mean activation: "),
    ("density", (lambda f: np.count_nonzero(f, axis=0),), "these are counts"),
    ("density", (lambda f: (f > 0).float().mean(-1),), "averaged over latents"),
    ("know_nothing", (0.4, -0.67), "explains nothing"),
    ("know_nothing", (0, 0), "0 is the mean's score"),
    ("know_nothing", (0, -0.4), "1 minus their ratio"),
    ("know_nothing", (0, -1.5), "the other 0.6"),
    ("know_nothing", (1, -0.67), "right on average"),
    ("top_rows", (keeps_tensors_in_a_set,), "keep tensors in a set, equal ones do not match: use int(...)"),
    ("top_rows", (drops_repeats_late,), "fewer than n are left"),
    ("top_rows", (keeps_silent_rows,), "activation 0"),
    ("topic_share", (lambda f, t: np.bincount(t, f) / float(f.sum()),), "wins by that alone"),
    ("topic_share", (lambda f, t: [f[t == c].mean() for c in range(3)],), "add up to 1"),
    (
        "topic_share",
        (lambda f, t: torch.stack([(f[t == c] > 0).sum() for c in range(3)]) / (f > 0).sum(),),
        "counted",
    ),
    ("topic_share", (over_rows_on,), "0 / 0"),
    ("topic_share", (squared_share,), "you squared the activations"),
    ("luck", (lambda n, c: (1 / c) ** n * c,), "all rows share a class"),
    ("luck", (lambda n, c: analysing._luck(n, c) / c,), "one given class; any"),
    ("luck", (lambda n, c: analysing._luck(n, c) * 6144,), "expected number"),
    ("controls", ({**analysing._ANSWERS, "sparsity": "mean"},), "'mean' does not answer 'sparsity'"),
    ("controls", ({**analysing._ANSWERS, "luck": "untrained SAE"},), "does not answer 'luck'"),
    ("controls", ({**analysing._ANSWERS, "selection": "shuffled classes"},), "does not answer 'selection'"),
    ("controls", ({**analysing._ANSWERS, "cosine": "untrained SAE"},), "each control is used once"),
    ("controls", ({**analysing._ANSWERS, "cosine": "PCA"},), "'PCA' is not one of"),
    ("controls", ({"sparsity": "mean"},), "the keys"),
    ("batchtopk", (lambda p, k: p * (p >= p.sort(1).values[:, -k][:, None]) * (p > 0),), "That is TopK"),
    ("batchtopk", (kept_by_a_mask,), "k of the whole batch"),
    ("batchtopk", (lambda p, k: p.clamp(min=0),), "this is ReLU"),
    ("batchtopk", (lambda p, k: p.flatten().topk(k * len(p)).values.clamp(min=0),), "without their places"),
    ("jumprelu_l0", (6, 2.5, 5.0), "in the whole batch"),
    ("jumprelu_l0", (1.75, 2.5, 5.0), "equals its threshold"),
    ("jumprelu_l0", (2.5, 2.5, 5.0), "the L0 of ReLU"),
    ("jumprelu_l0", (1.5, 3, 5.0), "negative pre-activations stay off"),
    ("jumprelu_l0", (1.5, 2.5, 3.0), "you subtracted the thresholds"),
    ("jumprelu_l0", (1.5, 2.5, 5.3), "everything positive"),
    ("auxk", (aux_of_all,), "all latents compete"),
    ("auxk", (aux_masked_late,), "then dropped the live ones"),
    ("auxk", (aux_with_bias,), "b_dec is still added"),
    ("auxk", (lambda p, d, W, b, k: torch.relu(p[:, d]) @ W[d],), "only the k_aux largest"),
    ("frontier", ({"a", "b", "d"},), "(b) is not supported: the lines cross"),
    ("frontier", ({"a", "c", "d"},), "no difference"),
    ("frontier", ({"a", "d", "e"},), "was not measured"),
    ("frontier", ({"a", "d", "f"},), "beyond L0 = 100"),
    ("frontier", ({"d"},), "(a) is supported"),
    ("frontier", ({"a"},), "(d) is supported"),
    ("frontier", ("ad",), "a set of letters"),
    ("frontier", ({"a", "x"},), "none of the claims"),
    ("narrow", (lambda f, n: list(range(n)), "c"), "the first n"),
    ("narrow", (lambda f, n: f.bool().sum(0).argsort(descending=True)[:n], "c"), "on most often"),
    ("narrow", (lambda f, n: f.mean(0).topk(n).indices, "c"), "summed the activations"),
    ("narrow", (lambda f, n: (f**2).mean(0).topk(n).indices, "a"), "too easy"),
    ("narrow", (lambda f, n: (f**2).mean(0).topk(n).indices, "b"), "drawn at random"),
    ("narrow", (lambda f, n: (f**2).mean(0).topk(n).indices, "d"), "16 times as many"),
    ("narrow", (lambda f, n: (f**2).mean(0).topk(n).indices, "e"), "PCA is not"),
    ("fold", (lambda We, be, Wd, bd, t, s: (We, be / s, Wd, bd / s, t),), "are as they were"),
    ("fold", (lambda We, be, Wd, bd, t, s: [We, be / s, Wd, bd / s, s * t],), "multiplied the thresholds"),
    ("fold", (lambda We, be, Wd, bd, t, s: (We, be * s, Wd, bd * s, t * s),), "the wrong way"),
    ("fold", (lambda We, be, Wd, bd, t, s: (We / s, be / s, Wd / s, bd / s, t / s),), "divided everything"),
    ("loss_recovered", (lambda c, r, z: (r - c) / (z - c),), "share that is lost"),
    ("loss_recovered", (lambda c, r, z: c / r,), "ratio of two losses"),
    ("loss_recovered", (lambda c, r, z: float(np.clip((z - r) / (z - c), 0, 1)),), "both are news"),
    ("loss_recovered", (lambda c, r, z: z - r,), "these are nats"),
    ("redraw", (lambda v, d, drawn: v[[int(i) in drawn for i in d]].mean(),), "counts once"),
    (
        "redraw",
        (lambda v, d, drawn: sum(v[d == i].mean() for i in drawn) / len(drawn),),
        "as much as a long one",
    ),
    ("redraw", (lambda v, d, drawn: v[drawn].mean(),), "took `drawn` for rows"),
    ("redraw", (lambda v, d, drawn: v.mean(),), "no width"),
    ("fit", (lambda f, d: meaning._fit(f, d)[::-1],), "other order"),
    ("fit", (lambda f, d: (meaning._fit(f, d)[0], 1 - ((f > 0) & ~d).sum() / (~d).sum()),), "is specificity"),
    ("fit", (lambda f, d: (meaning._fit(f, d)[0], ((f > 0) == d).float().mean()),), "is accuracy"),
    ("holes", (lambda f, label, own: (f[:, own] == 0).all(1),), "without the label"),
    ("holes", (lambda f, label, own: label & (f[:, own] == 0).any(1),), "if *one* of the latents"),
    ("holes", (lambda f, label, own: label & (f[:, own] > 0).any(1),), "the opposite"),
    ("shown_claims", ({"A", "B"},), "the documents that chose it"),
    ("shown_claims", ({"C"},), "nothing to do with it"),
    ("shown_claims", ("AD",), "may be luck"),
    ("shown_claims", (["E", "A"],), "always says no"),
    ("shown_claims", ({"F"},), "none of A to E"),
    ("shown_claims", (set(),), "at least one"),
    ("fold", (lambda We, be, Wd, bd, t, s: t / s,), "return five tensors"),
    ("ablate", (reconstructs,), "What the SAE does not reconstruct"),
    ("ablate", (adds_negative_latents,), "ReLU is missing"),
    ("ablate", (takes_the_bias_too,), "belongs to no latent"),
    ("ablate", (lambda x, We, be, Wd, bd, n: x,), "expected"),
    ("latent_shares", (lambda f, g, W: f.sum(1)[:, None] * torch.einsum("nd,ld->nl", g, W),), "its own"),
    ("latent_shares", (lambda f, g, W: torch.einsum("nd,ld->nl", g, W),), "one more unit"),
    ("latent_shares", (lambda f, g, W: torch.einsum("nl,nd,ld->l", f, g, W),), "summed over rows"),
    ("latent_shares", (lambda f, g, W: f * torch.einsum("nd,ld->nl", g, W).abs(),), "dropped the sign"),
    ("matched_latents", (nearest_of_all,), "each is nearest to itself"),
    ("matched_latents", (nearest_with_repeats,), "taken twice"),
    ("matched_latents", (nearest_even_if_off,), "it is no control"),
    ("steers", ({"A", "B"},), "random direction of the same norm"),
    ("steers", ({"B", "C"},), "best of 400"),
    ("steers", ({"B", "D"},), "fallen apart"),
    ("steers", ({"E"},), "*shorter*"),
    ("steers", (set(),), "B is shown"),
    ("steers", ({"F"},), "is not one of"),
    ("false_alarms", (0.9, 0.83), "concept's tokens"),
    ("false_alarms", (0.043, 0.978), "equally many"),
    ("false_alarms", (0.957, 0.83), "*false* alarms"),
    ("false_alarms", (0.043, 0.09), "all tokens that raise a right alarm"),
    ("false_alarms", (0.043, 0.5), "too small"),
]


@pytest.mark.parametrize(
    ("name", "answers", "words"), WRONG, ids=[f"{name}-{i}" for i, (name, _, _) in enumerate(WRONG)]
)
def test_a_wrong_answer_is_named(name: str, answers: tuple, words: str, said: Callable[..., str]) -> None:
    printed = said(getattr(exercises, f"check_{name}"), *copy.copy(answers))
    assert (" stopped: " if words == "stopped" else " not right yet: ") in printed
    assert words in printed
    assert printed.count("\n") == 1


def test_every_check_is_tried_with_three_wrong_answers_and_three_messages(said: Callable[..., str]) -> None:
    for check in CHECKS:
        name = check.removeprefix("check_")
        messages = {said(getattr(exercises, check), *answers) for other, answers, _ in WRONG if other == name}
        assert len(messages) == sum(other == name for other, _, _ in WRONG) >= 3, name


def test_every_wrong_pair_of_objection_and_control_has_its_own_reason() -> None:
    pairs = {
        (a, b) for a in analysing._ANSWERS for b in analysing._ANSWERS.values() if analysing._ANSWERS[a] != b
    }
    assert set(analysing._WHY_NOT) == pairs
    assert len(set(analysing._WHY_NOT.values())) == len(pairs)


def test_a_letter_may_be_written_in_either_case(said: Callable[..., str]) -> None:
    for letter in ("a", "A", "(a)", " A "):
        assert " right: " in said(exercises.check_matched, MATCHED, letter)
    assert " right: " in said(exercises.check_first_diagnosis, "C")


def test_a_score_without_a_control_is_told_that_only_the_control_is_open(said: Callable[..., str]) -> None:
    printed = said(exercises.check_matched, MATCHED, None)
    assert " not attempted: " in printed and "`matched` is right; `control` is still open" in printed
    assert "nothing. " not in said(exercises.check_matched, lambda t, d: None, "a")
    assert " not right yet: " in said(exercises.check_matched, lambda t, d: t.mean(), None)


def test_partly_answered_controls_say_what_is_open(said: Callable[..., str]) -> None:
    printed = said(exercises.check_controls, {**analysing._ANSWERS, "luck": None})
    assert " not attempted: " in printed and "Still open: luck" in printed


@pytest.mark.parametrize("answers", [(33_088, 120.5, 8), (33_088, 128, 8.0)])
def test_a_prediction_may_be_rough_where_chance_is_at_work(answers: tuple, said: Callable[..., str]) -> None:
    assert " right: " in said(exercises.check_sizes, *answers)


def test_an_sae_may_be_folded_in_either_convention(said: Callable[..., str]) -> None:
    def into_the_weights(W_enc, b_enc, W_dec, b_dec, threshold, scale):
        return W_enc * scale, b_enc, W_dec / scale, b_dec / scale, threshold

    assert " right: " in said(exercises.check_fold, into_the_weights)


def test_luck_agrees_with_a_simulation() -> None:
    drawn = np.random.default_rng(0).integers(0, 4, (200_000, 10))
    most = np.stack([(drawn == c).sum(1) for c in range(4)]).max(0)
    assert (most > 8).mean() == pytest.approx(analysing._luck(10, 4), abs=1e-4)


# The clinic: what the texts say about the patients has to be so


def test_the_patients_are_as_the_notebook_describes_them() -> None:
    one, two = clinic.first_patient(), clinic.second_patient()
    healthy, first, slow = (run.numbers for run in one.values())
    assert healthy["explained variance"] > 0.7 and 3 < healthy["L0"] < 6
    assert first["L0"] < 0.05 and slow["L0"] < 0.3  # a slower rate only delays the end
    assert abs(first["explained variance"]) < 0.05 and slow["explained variance"] < 0.05
    assert first["λ"] == healthy["λ"]
    assert 32 < healthy["mean norm of the rows trained on"] / first["mean norm of the rows trained on"] < 35
    assert first["mean norm of decoder rows"] == healthy["mean norm of decoder rows"] == 1
    late = one["patient 1"].history.l0[len(one["patient 1"].history.l0) // 2 :]
    assert max(late) < 0.1  # settled long before the end
    _, second, half = (run.numbers for run in two.values())
    assert second["λ"] == healthy["λ"] and second["mean norm of decoder rows"] > 2
    assert second["loss at the end"] < healthy["loss at the end"] / 2
    assert (
        second["mean L1 of f"] < healthy["mean L1 of f"] / 2
        and half["mean L1 of f"] > healthy["mean L1 of f"]
    )
    assert second["L0"] > 1.5 * healthy["L0"]
    assert half["L0"] < second["L0"] and abs(half["explained variance"] - second["explained variance"]) < 0.02
    curve = two["patient 2"].history.l0
    assert (
        curve[-1] > curve[len(curve) // 5]
        and two["healthy"].history.l0[-1] < two["healthy"].history.l0[len(curve) // 5]
    )


def test_the_ward_is_the_same_every_time() -> None:
    again = clinic.train(clinic._small_rows(), prepare=clinic._unchanged)
    assert again == clinic.first_patient()["patient 1"]


def test_a_repair_that_passes_the_small_example_but_fails_in_training_is_found_out(
    said: Callable[..., str],
) -> None:
    def only_on_three_rows(rows: torch.Tensor) -> torch.Tensor:
        return clinic.unit_mean_norm(rows) if len(rows) == 3 else rows

    printed = said(exercises.check_first_repair, only_on_three_rows)
    assert "retrained with your repair, it ends at explained variance" in printed
