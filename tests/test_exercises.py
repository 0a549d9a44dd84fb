"""Every check: the notebook's own stub and solution, the mistakes it knows, and how answers are read.

Right answers written in several ways and plausible wrong ones are in the modules for each part of the course.
"""

import re
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import nbformat
import numpy as np
import pytest
import test_exercises_build
import test_exercises_designing
import test_exercises_diffing
import test_exercises_graphs
import test_exercises_inside
import test_exercises_judging
import test_exercises_look
import test_exercises_questions
import test_exercises_start
import test_exercises_transformer
import torch
from answers import last_line, said

import copies
from sae_tutorial import exercises
from sae_tutorial.exercises import (
    alarms,
    analysing,
    architectures,
    asking,
    building,
    building_loss,
    building_whole,
    circuits,
    clinic,
    collecting,
    collecting_loop,
    cutting,
    designing,
    diffing,
    frontier,
    graphs,
    in_use,
    judging,
    kinds,
    looking,
    matching,
    meaning,
    neurons,
    removing,
    reporting,
    residual,
    resuming,
    rivals,
    scaling,
    start,
    superposition,
    training,
    transcoding,
    using,
)

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"
PARTS = (
    test_exercises_start,
    test_exercises_inside,
    test_exercises_transformer,
    test_exercises_build,
    test_exercises_look,
    test_exercises_questions,
    test_exercises_judging,
    test_exercises_graphs,
    test_exercises_designing,
    test_exercises_diffing,
)
CHECKS = [name for name in exercises.__all__ if name.startswith("check_")]
# Checks of a function by its values, and the mistakes each of them knows.
TABLES: dict[str, tuple[Callable[[Any], None], matching.Mistakes]] = {
    "latent_values": (exercises.check_latent_values, start._LATENT_MISTAKES),
    "nearest": (exercises.check_nearest, start._NEAREST_MISTAKES),
    "toy": (exercises.check_toy, superposition._TOY_MISTAKES),
    "features_read": (exercises.check_features_read, superposition._READ_MISTAKES),
    "switch_off": (exercises.check_switch_off, neurons._OFF_MISTAKES),
    "dimensionality": (exercises.check_dimensionality, superposition._D_MISTAKES),
    "boundary": (exercises.check_boundary, superposition._BOUNDARY_MISTAKES),
    "induction_score": (exercises.check_induction_score, circuits._INDUCTION_MISTAKES),
    "silence": (exercises.check_silence, residual._SILENCE_MISTAKES),
    "third_cut": (exercises.check_third_cut, residual._THIRD_CUT_MISTAKES),
    "lens": (exercises.check_lens, residual._LENS_MISTAKES),
    "patch": (exercises.check_patch, circuits._PATCH_MISTAKES),
    "cut_keys": (exercises.check_cut_keys, cutting._CUT_MISTAKES),
    "average_head": (exercises.check_average_head, cutting._AVERAGE_MISTAKES),
    "attribution": (exercises.check_attribution, residual._ATTRIBUTION_MISTAKES),
    "unit_rows": (exercises.check_unit_rows, building._UNIT_MISTAKES),
    "encode": (exercises.check_encode, building._RELU_MISTAKES),
    "decode": (exercises.check_decode, building._DECODER_MISTAKES),
    "topk": (exercises.check_topk, building._ENCODER_MISTAKES),
    "in_plane": (exercises.check_in_plane, building_whole._PLANE_MISTAKES),
    "readers_share": (exercises.check_readers_share, building_whole._SHARE_MISTAKES),
    "faithfulness": (exercises.check_faithfulness, circuits._FAITHFULNESS_MISTAKES),
    "loss": (exercises.check_loss, building_loss._LOSS_MISTAKES),
    "matched": (lambda answer: exercises.check_matched(answer, "a"), building_whole._MATCHED_MISTAKES),
    "real_rows": (exercises.check_real_rows, collecting._MASK_MISTAKES),
    "catch": (exercises.check_catch, collecting_loop._CATCH_MISTAKES),
    "mostly_off": (exercises.check_mostly_off, collecting._OFF_MISTAKES),
    "scale": (exercises.check_scale, collecting._SCALE_MISTAKES),
    "explained_variance": (exercises.check_explained_variance, training._EV_MISTAKES),
    "train_until": (exercises.check_train_until, resuming._RESUME_MISTAKES),
    "shares": (exercises.check_shares, looking._SHARE_MISTAKES),
    "mistakes": (exercises.check_mistakes, asking._COUNT_MISTAKES),
    "divergence": (exercises.check_divergence, asking._DIVERGENCE_MISTAKES),
    "seam": (exercises.check_seam, asking._SEAM_MISTAKES),
    "alike": (exercises.check_alike, asking._ALIKE_MISTAKES),
    "claimed_share": (exercises.check_claimed_share, looking._CLAIMED_MISTAKES),
    "density": (exercises.check_density, analysing._DENSITY_MISTAKES),
    "top_share": (exercises.check_top_share, kinds._TOP_MISTAKES),
    "as_rare": (exercises.check_as_rare, kinds._RARE_MISTAKES),
    "both_halves": (exercises.check_both_halves, kinds._HALVES_MISTAKES),
    "balanced_accuracy": (exercises.check_balanced_accuracy, judging._BALANCED_MISTAKES),
    "soft_freeze": (exercises.check_soft_freeze, rivals._FREEZE_MISTAKES),
    "paired_draws": (exercises.check_paired_draws, rivals._PAIRED_MISTAKES),
    "lead_over_all": (exercises.check_lead_over_all, designing._LEAD_MISTAKES),
    "find_holes": (exercises.check_find_holes, meaning._HOLE_MISTAKES),
    "lean": (exercises.check_lean, meaning._LEAN_MISTAKES),
    "nearer_abroad": (exercises.check_nearer_abroad, meaning._NEARER_MISTAKES),
    "gated": (exercises.check_gated, architectures._GATED_MISTAKES),
    "batchtopk": (exercises.check_batchtopk, architectures._BATCHTOPK_MISTAKES),
    "ramp_slope": (exercises.check_ramp_slope, frontier._RAMP_MISTAKES),
    "nested_loss": (exercises.check_nested_loss, frontier._NESTED_MISTAKES),
    "choose_threshold": (exercises.check_choose_threshold, alarms._THRESHOLD_MISTAKES),
    "push": (exercises.check_push, using._PUSH_MISTAKES),
    "ablate": (exercises.check_ablate, using._ABLATE_MISTAKES),
    "latent_shares": (exercises.check_latent_shares, using._SHARES_MISTAKES),
    "hold_constant": (exercises.check_hold_constant, removing._HELD_MISTAKES),
    "look_again": (exercises.check_look_again, removing._AGAIN_MISTAKES),
    "matched_latents": (exercises.check_matched_latents, using._MATCHED_MISTAKES),
    "transcoder_loss": (exercises.check_transcoder_loss, transcoding._LOSS_MISTAKES),
    "rival_group": (exercises.check_rival_group, transcoding._RIVAL_MISTAKES),
    "margins": (exercises.check_margins, transcoding._MARGIN_MISTAKES),
    "reader": (exercises.check_reader, graphs._READER_MISTAKES),
    "back": (exercises.check_back, graphs._BACK_MISTAKES),
    "edges": (exercises.check_edges, graphs._EDGE_MISTAKES),
    "influence": (exercises.check_influence, graphs._INFLUENCE_MISTAKES),
    "prune": (exercises.check_prune, graphs._PRUNE_MISTAKES),
    "edited": (exercises.check_edited, graphs._EDIT_MISTAKES),
    "crosscoder": (exercises.check_crosscoder, diffing._CROSSCODER_MISTAKES),
    "tuned_share": (exercises.check_tuned_share, diffing._SHARE_MISTAKES),
    "best_multiple": (exercises.check_best_multiple, scaling._MULTIPLE_MISTAKES),
    "own_latents": (exercises.check_own_latents, scaling._OWN_MISTAKES),
    "take_out": (exercises.check_take_out, removing._HELD_MISTAKES),
    "rival": (exercises.check_rival, diffing._RIVAL_MISTAKES),
}


# The notebooks' own stubs and solutions


def solution_code(markdown: str) -> str:
    """The Python of a markdown cell's solution; "" where it has none."""
    texts = copies.SOLUTION.findall(markdown)
    blocks = [re.search(r"```python\n(.*?)```", text, re.DOTALL) for text in texts]
    return "\n".join(block.group(1) for block in blocks if block)


def exercises_of(notebook: nbformat.NotebookNode) -> list[tuple[str, list[str], str]]:
    """Heading, stub cells (those that call a check) and solution code of every exercise of a notebook."""
    found: list[tuple[str, list[str], str]] = []
    for cell in notebook.cells:
        first = cell.source.split("\n", 1)[0]
        if cell.cell_type == "markdown" and first.startswith("### Exercise "):
            found.append((first.removeprefix("### "), [], ""))
        elif found and cell.cell_type == "code" and "exercises.check_" in cell.source:
            found[-1][1].append(cell.source)
        elif found and cell.cell_type == "markdown" and (code := solution_code(cell.source)):
            found[-1] = (*found[-1][:2], code)
    return found


def all_exercises() -> list[Any]:
    """One test case for every exercise of every notebook."""
    cases = []
    for path in sorted(NOTEBOOKS.glob("*.ipynb")):
        for title, stubs, solution in exercises_of(nbformat.read(path, as_version=4)):
            cases.append(pytest.param(stubs, solution, id=title.split(" · ")[0].replace(" ", "-")))
    return cases


# What the solution of 10.3 finds on its page: a writer that is on the topic exactly where it is pushed along the latent.
# And what the solution of 15.4 finds on its page: a monitor that raises an alarm at some places.
PAGE_10 = {
    "watch": lambda sentences: [re.findall("Texas|Quebec|Tibet", sentence) for sentence in sentences],
    "directions": {1989: "plants"},
    "chance": ["random"] * 64,
    "pushed": lambda direction, dose, n: (direction, n),
    "write": lambda push: (
        [f"There was {'a tree' if push[0] == 'plants' else 'a hill'}."] * push[1],
        0.3,
    ),
    "price": lambda loss: SimpleNamespace(value=loss),
}


def run_solution(stubs: list[str], solution: str) -> None:
    """Run the stubs' own definitions, then the solution, then the stubs' checks: the learner's order."""
    names = {"torch": torch, "np": np, "exercises": exercises, **PAGE_10}
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


@pytest.mark.parametrize(
    "number", ["00", "01", "02", "03", "04", "05", "06", "07", "08", "09", "10", "11", "12", "13", "14", "15"]
)
def test_a_notebook_has_enough_exercises_with_everything(number: str) -> None:
    (path,) = NOTEBOOKS.glob(f"{number}_*.ipynb")
    notebook = nbformat.read(path, as_version=4)
    found = exercises_of(notebook)
    if not found:
        pytest.skip(f"{path.name} has no exercises yet")
    assert len(found) >= {"00": 2, "14": 3, "15": 3}.get(number, 4)
    assert all(stubs and solution for _, stubs, solution in found)
    text = "\n".join(cell.source for cell in notebook.cells)
    titles = re.findall(r"^### Exercise (\d+)\.(\d+)", text, flags=re.M)
    assert titles == [(str(int(number)), str(i)) for i in range(1, len(found) + 1)]
    assert text.count("Difficulty: ●") == text.count("<summary>Help</summary>") == len(found)


# What every check does


@pytest.mark.parametrize("name", CHECKS)
def test_unattempted_says_what_to_do(name: str) -> None:
    check = getattr(exercises, name)
    n_answers = check.__code__.co_argcount
    for nothing in (None, ...):
        printed = said(check, *[nothing] * n_answers)
        assert printed.startswith("Exercise ") and " not attempted: " in printed and len(printed) > 40


def unwritten(*inputs: Any) -> None:
    raise NotImplementedError


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize("stub", [lambda *inputs: None, lambda *inputs: ..., unwritten])
def test_an_unwritten_function_counts_as_not_attempted(name: str, stub: Callable[..., Any]) -> None:
    assert " not attempted: " in said(TABLES[name][0], stub)


@pytest.mark.parametrize("name", CHECKS)
def test_an_answer_of_another_kind_does_not_stop_the_notebook(name: str) -> None:
    check = getattr(exercises, name)
    for odd in (object, [], [[]], "nonsense", float("nan"), {"a": 1}, lambda *inputs: (1, "b")):
        printed = said(check, *[odd] * check.__code__.co_argcount)
        assert " not right yet: " in printed or " stopped: " in printed


@pytest.mark.parametrize(
    "name", [*TABLES, "meeting", "collect", "split", "shuffled_labels", "first_repair", "second_repair"]
)
def test_an_exception_in_the_learners_code_is_reported(name: str) -> None:
    def broken(*inputs: Any) -> Any:
        raise ValueError("the moon is full\nand more")

    check = TABLES[name][0] if name in TABLES else getattr(exercises, f"check_{name}")
    printed = said(check, broken)
    assert " stopped: your code raised ValueError: the moon is full. It was called with " in printed


def test_an_unknown_mistake_gets_a_counterexample() -> None:
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
        matching.match_function(lambda value: value + 2e-4 * max(right, 0.1), lambda value: value, one, [])
    expected, got = str(raised.value).removesuffix(".").split(" expected ")[1].split(", got ")
    assert float(expected) != float(got) != 0


def test_the_learners_code_cannot_spoil_the_examples() -> None:
    def in_place(f: torch.Tensor) -> torch.Tensor:
        return f.gt_(0).mean(0)

    for _ in range(2):
        assert "`f`, which your function was given, has changed as well" in said(
            exercises.check_density, in_place
        )


# What the pages go on with that may write into what it is given: hooks, a step that rebuilds weights; and those that are given
# nothing that can be written into (`train_until` is judged on its state by its own check).
GONE_ON_WITH = in_use._TRAINED | in_use._READ
MAY_WRITE = {"silence", "third_cut", "patch", "cut_keys", "average_head", "unit_rows", "soft_freeze"}
NUMBERS_ONLY = {"design", "faithfulness", "readers_share", "train_until"}


@pytest.mark.parametrize("name", sorted(GONE_ON_WITH.keys() - MAY_WRITE - NUMBERS_ONLY))
def test_a_right_answer_that_writes_into_what_it_is_given_is_told_so(name: str) -> None:
    judge, ours, *_ = GONE_ON_WITH[name]

    def writing(*inputs: Any) -> Any:
        result = reporting.copied(ours(*inputs))
        for value in inputs:
            if isinstance(value, torch.Tensor | np.ndarray):
                value[...] = ~value if value.dtype in (torch.bool, bool) else value + 1
                return result
            if isinstance(value, dict | list):
                value.clear()
                return result
        return result

    with pytest.raises(reporting.WrongAnswer, match="has changed as well|itself is changed"):
        judge(writing)


# Right answers written in several ways, wrong ones that are named

RIGHT = [answer for part in PARTS for answer in part.RIGHT]
WRONG = [answer for part in PARTS for answer in part.WRONG]


@pytest.mark.parametrize(("name", "answers"), RIGHT, ids=[f"{name}-{i}" for i, (name, _) in enumerate(RIGHT)])
def test_a_right_answer_is_right_however_it_is_written(name: str, answers: tuple) -> None:
    assert " right: " in last_line(said(name, *answers))


@pytest.mark.parametrize(
    ("name", "answers", "words"), WRONG, ids=[f"{name}-{i}" for i, (name, _, _) in enumerate(WRONG)]
)
def test_a_wrong_answer_is_named(name: str, answers: tuple, words: str) -> None:
    printed = said(name, *answers)
    assert (" stopped: " if words == "stopped" else " not right yet: ") in printed
    assert words in printed and printed.count("\n") == 1


# Named mistakes


@pytest.mark.parametrize("name", TABLES)
def test_each_known_mistake_gets_its_own_message(name: str) -> None:
    check, mistakes = TABLES[name]
    assert len(mistakes) >= 3
    assert len({message for _, message in mistakes}) == len(mistakes)
    for mistake, message in mistakes:
        assert f"not right yet: {message} Where to look: " in said(check, mistake)


@pytest.mark.parametrize("name", CHECKS)
def test_every_check_is_tried_with_six_right_and_six_wrong_answers(name: str) -> None:
    name = name.removeprefix("check_")
    assert sum(other == name for other, _ in RIGHT) >= 6
    words = [expected for other, _, expected in WRONG if other == name]
    assert len(words) >= 6 and len(set(words)) >= 5


def test_where_to_look_names_sections_that_are_there() -> None:
    headings = [
        line.lstrip("#").strip()
        for path in NOTEBOOKS.glob("*.ipynb")
        for cell in nbformat.read(path, as_version=4).cells
        if cell.cell_type == "markdown"
        for line in cell.source.splitlines()
        if line.startswith("#")
    ]
    looked_up = 0
    for name in CHECKS:
        check = getattr(exercises, name)
        printed = [
            said(check, *[odd] * check.__code__.co_argcount) for odd in ("nonsense", lambda *inputs: [])
        ]
        where = next(line.split("Where to look: ")[1] for line in printed if "Where to look: " in line)
        for section in re.findall(r"'([A-Z][^']+)'", where):
            assert any(section in heading for heading in headings), (name, section)
            looked_up += 1
        if "`from " in where:
            exec(where.split("`")[1], {})
    assert looked_up > 30


def test_a_score_without_a_control_is_told_that_only_the_control_is_open() -> None:
    printed = said(exercises.check_matched, building_whole._matched, None)
    assert " not attempted: " in printed and "`matched` is right; `control` is still open" in printed
    assert "nothing. " not in said(exercises.check_matched, lambda t, d: None, "a")
    assert " not right yet: " in said(exercises.check_matched, lambda t, d: t.mean(), None)


# How answers are read


@pytest.mark.parametrize(
    ("answer", "chosen"),
    [
        ("a", "a"),
        (" (B) ", "b"),
        ("c.", "c"),
        ({"A", "c"}, "ac"),
        (["a ", " C"], "ac"),
        (np.array(["a", "c"]), "ac"),
        (np.array("b"), "b"),
        (np.str_("B"), "b"),
        ("a, c", "ac"),
        ("A;C", "ac"),
        ("a and c", "ac"),
        ("b and c", "bc"),  # the word "and" is no choice of a and d
        ("{'a', 'c'}", "ac"),
        ("['A', 'd']", "ad"),
        ("acd", "acd"),
        (set(), ""),
        ((letter for letter in "ab"), "ab"),
    ],
)
def test_choices_are_read_however_they_are_written(answer: Any, chosen: str) -> None:
    assert matching.read_choices(answer, "abcd") == set(chosen)


def test_names_with_commas_and_spaces_are_choices_too() -> None:
    known = ["W_enc[:, 7]", "b_enc[7]", "b_dec", "held-out documents"]
    assert matching.read_choices("W_enc[:,7], b_dec", known) == {"W_enc[:, 7]", "b_dec"}
    assert matching.read_choices({"w_enc[ : , 7 ]", "B_dec"}, known) == {"W_enc[:, 7]", "b_dec"}
    assert matching.read_choices("Held out documents", known) == {"held-out documents"}


@pytest.mark.parametrize(
    "answer", ["e", "", "a, e", "hello", 3, 2.5, object(), {"a": True}, [["a"]], [3], "a-z", True]
)
def test_what_names_no_choice_is_refused(answer: Any) -> None:
    with pytest.raises(matching.WrongAnswer, match="not"):
        matching.read_choices(answer, "abcd")


def test_an_open_choice_among_others_counts_as_not_attempted() -> None:
    for nothing in (None, ...):
        with pytest.raises(reporting.NotAttempted):
            matching.read_choices(["a", nothing], "abcd")


@pytest.mark.parametrize(
    "answer",
    [
        0.5,
        np.float16(0.5),
        np.array(0.5),
        torch.tensor([0.5]),
        Fraction(1, 2),
        Decimal("0.5"),
        " 1/2 ",
        "0.5",
    ],
)
def test_numbers_are_read_however_they_are_written(answer: Any) -> None:
    assert matching.read_number("x", answer) == 0.5


@pytest.mark.parametrize(
    "answer", [True, np.bool_(True), torch.tensor(True), "half", [0.5], 1j, "1/0", float("inf")]
)
def test_what_is_no_number_is_refused(answer: Any) -> None:
    with pytest.raises(matching.WrongAnswer, match="`x` must be a"):
        matching.read_number("x", answer)


@pytest.mark.parametrize(
    ("value", "right"),
    [(0.67, True), (0.667, True), (2 / 3, True), (0.7, False), (0.66, False), (0.68, False)],
)
def test_a_number_may_be_rounded_to_the_digits_asked_for(value: float, right: bool) -> None:
    def match() -> None:
        matching.match_number("x", value, 2 / 3, {0.0: "nothing"}, digits=2)

    if right:
        match()
    else:
        with pytest.raises(matching.WrongAnswer, match="rounded too far" if value == 0.7 else "too "):
            match()


def test_of_two_known_wrong_numbers_the_nearer_one_is_named() -> None:
    with pytest.raises(matching.WrongAnswer, match="the second"):
        matching.match_number("x", 0.96, 0.5, {0.978: "the first", 0.957: "the second"}, digits=2)


@pytest.mark.parametrize(
    ("draw", "words"),
    [
        (lambda seed: np.random.default_rng().integers(10**6), "two calls with the same seed"),
        (lambda seed: 3, "every seed gives the same draw, 3"),
        (lambda seed: seed % 5, "40 seeds give only 5 different draws"),
    ],
)
def test_draws_must_repeat_and_vary(draw: Callable[[int], Any], words: str) -> None:
    matching.match_draws(lambda seed: int(np.random.default_rng(seed).integers(45)), 45)
    with pytest.raises(matching.WrongAnswer, match=words):
        matching.match_draws(draw, 10**6)


def test_a_generator_that_simply_goes_on_is_found_out() -> None:
    generator = np.random.default_rng(0)
    with pytest.raises(matching.WrongAnswer, match="two calls with the same seed"):
        matching.match_draws(lambda seed: generator.integers(10**6), 10**6)


def test_a_mask_of_numbers_is_read_before_it_is_refused() -> None:
    inputs = [(torch.tensor([1.0, -1.0, 0.0]),)]
    mistakes = [(lambda x: x < 0, "the wrong way round")]
    for wrong in (lambda x: (x < 0).int(), lambda x: [0.0, 1.0, 0.0]):
        with pytest.raises(matching.WrongAnswer, match="the wrong way round"):
            matching.match_function(wrong, lambda x: x > 0, inputs, mistakes)
    with pytest.raises(matching.WrongAnswer, match="but with numbers"):
        matching.match_function(lambda x: (x > 0) * 1, lambda x: x > 0, inputs, mistakes)


def test_small_numbers_have_to_agree_too() -> None:
    for wrong in (1.1e-5, 0.9e-5, 0.0):
        with pytest.raises(matching.WrongAnswer, match="expected 1e-05"):
            matching.match_function(lambda x, wrong=wrong: wrong, lambda x: 1e-5, [(1,)], [])


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


def test_a_chart_holds_back_what_is_to_be_ordered(capsys: pytest.CaptureFixture[str]) -> None:
    ward = clinic.first_patient()
    shown = {line[""] for line in clinic.chart(ward)}
    assert "L0" in shown and not shown & set(clinic.TESTS.values())
    clinic.order(ward)
    clinic.order(ward, "rows")
    none, rows = capsys.readouterr().out.splitlines()
    assert none.startswith("No test ordered yet") and "patient 1 0.147" in rows
    with pytest.raises(ValueError, match="must be one of 'rows', 'decoder'"):
        clinic.order(ward, "blood")


def test_the_ward_is_the_same_every_time() -> None:
    again = clinic.train(clinic._small_rows(), prepare=clinic._unchanged)
    assert again == clinic.first_patient()["patient 1"]


def test_a_repair_that_passes_the_small_example_but_fails_in_training_is_found_out() -> None:
    def only_on_three_rows(rows: torch.Tensor) -> torch.Tensor:
        return clinic.unit_mean_norm(rows) if len(rows) == 64 else rows

    printed = said(exercises.check_first_repair, only_on_three_rows)
    assert "retrained with your repair, it ends at explained variance" in printed


def test_the_patients_of_the_last_exercise_are_as_the_notebook_describes_them() -> None:
    ward = clinic.ward()
    healthy = ward["healthy"]
    losses = {name: run.history.loss for name, run in ward.items()}
    score = {name: run.numbers["explained variance"] for name, run in ward.items()}
    assert losses["A"][-1] > 0.8 * losses["A"][0] and score["A"] < 0.3 < score["healthy"]
    assert ward["B"].numbers["L0"] < 0.1
    assert ward["C"].numbers["L0"] > 4 * healthy.numbers["L0"] and score["C"] > score["healthy"]
    half = len(losses["D"]) // 2
    late = {name: np.array(values[half:]) for name, values in losses.items()}
    jumps = {name: float(np.abs(np.diff(values)).mean() / values.mean()) for name, values in late.items()}
    assert jumps["D"] > 5 * max(jumps[name] for name in ("healthy", "A", "B", "E"))
    assert score["E"] > score["healthy"] + 0.05
    # A hundred rows are easy to learn by heart: that is why E's own curves are better, and fresh rows show it.
    assert losses["E"][-1] < losses["healthy"][-1] and ward["E"].numbers["L0"] < healthy.numbers["L0"]
    assert clinic.second_opinion().numbers["explained variance"] < score["healthy"] - 0.1
