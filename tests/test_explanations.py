"""Tasks hold what they say they hold, all have chance 0.5, and judges that know the rule win them."""

import re

import numpy as np
import pytest
import torch
from test_gallery import DOCUMENTS, LENGTH, made

from sae_tutorial.features.explanations import (
    INTRUDERS,
    OF_INTRUDER,
    Task,
    all_tasks,
    explain,
    fuzzing_task,
    intruder_tasks,
    score,
)
from sae_tutorial.features.judges import LanguageModelJudge, holds_a_word, marked_words


class Words:
    """Token i is the word w(i), so that a snippet says which tokens it has; word 5 is the latent's."""

    def decode(self, token_ids, **_):
        return "".join(f" w{i}" for i in token_ids)

    def convert_ids_to_tokens(self, token_id):
        return f"w{token_id}"


@pytest.fixture
def latents():
    """Latent 0 is on at token 5 and nowhere else; latent 1 beside it and at places of its own."""
    n = DOCUMENTS * LENGTH
    on, beside = np.zeros(n), np.zeros(n)
    on[20::60] = np.linspace(1, 9, DOCUMENTS)
    beside[20::60] = beside[50::60] = 1
    read = made(on, beside)
    read.token_ids[20::60], read.token_ids[50::60] = 5, 6
    return read


def test_the_score_is_balanced_accuracy_for_yes_and_no_and_the_area_under_roc_for_numbers():
    task = Task("detection", 0, [""] * 5, np.array([True, True, True, False, False]))
    answers = np.array([True, True, False, True, False])
    assert task.score(answers) == pytest.approx((2 / 3 + 1 / 2) / 2)
    # Pairs of a true and a false one: won 3, lost 2, tied 1.
    assert task.score([0.9, 0.5, 0.1, 0.5, 0.3]) == pytest.approx((2 + 1.5 + 0) / 6)
    with pytest.raises(ValueError, match="answer 1 is not a number"):
        task.score([1, np.nan, 1, 0, 0])


def test_picking_the_intruder_at_random_has_chance_one_half():
    task = Task("intruder", 0, [""] * OF_INTRUDER, np.arange(OF_INTRUDER) > 0)
    picks = [task.score(np.arange(OF_INTRUDER) != pick) for pick in range(OF_INTRUDER)]
    assert picks[0] == 1
    assert np.mean(picks) == pytest.approx(0.5)


def test_right_marks_are_where_the_latent_is_on_and_wrong_ones_are_as_many_elsewhere(latents):
    task = fuzzing_task(Words(), latents, 0)
    assert (len(task.snippets), task.truth.sum()) == (10, 5)
    for snippet, true in zip(task.snippets, task.truth, strict=True):
        marks = re.findall("«(.*?)»", snippet)
        assert len(marks) == 1
        assert (marks == [" w5"]) == true
        assert " w5" in snippet


def test_there_is_one_intruder_and_it_is_where_the_rival_is_on(latents):
    tasks = intruder_tasks(Words(), latents, 0)
    assert len(tasks) == INTRUDERS
    for task in tasks:
        assert (len(task.snippets), task.truth.sum()) == (OF_INTRUDER, OF_INTRUDER - 1)
        holds = ["w5" in snippet.split() for snippet in task.snippets]
        assert holds == task.truth.tolist()
        assert "w6" in task.snippets[holds.index(False)].split()


def test_a_rule_that_finds_the_word_wins_and_a_wrong_one_does_not(latents):
    explanation = explain(Words(), latents, 0, marked_words)
    assert explanation == "w5"
    tasks = all_tasks(Words(), latents, 0)
    assert score(tasks, explanation, holds_a_word) == (1, 1, 1)
    assert score(tasks, "w99", holds_a_word) == (0.5, 0.5, 0.5)
    assert score(tasks, "", lambda explanation, snippets: [1] * len(snippets)) == (0.5, 0.5, 0.5)


def test_explainers_and_judges_that_say_nothing_are_refused(latents):
    with pytest.raises(ValueError, match="must return a line of text, got ' '"):
        explain(Words(), latents, 0, lambda contexts: " ")
    tasks = all_tasks(Words(), latents, 0)
    with pytest.raises(ValueError, match="no task of kind 'fuzzing'"):
        score(tasks[:1], "w5", holds_a_word)
    with pytest.raises(ValueError, match="10 predictions are needed, got 1"):
        score(tasks, "w5", lambda explanation, snippets: [True])


def test_a_latent_on_at_one_row_has_nothing_to_mark(latents):
    with pytest.raises(ValueError, match="on at 1 rows"):
        fuzzing_task(Words(), made(np.eye(1, DOCUMENTS * LENGTH, 30)[0]), 0)


def test_marked_words_are_whole_and_the_most_frequent_first():
    assert marked_words(["the« Med»iterranean sea", "a« med»«iterr»anean« diet»", " plain"]) == (
        "mediterranean, diet"
    )
    assert marked_words(["no marks"]) == "no word"
    # Where there are marks, a word beside them does not count.
    assert holds_a_word("sea, Diet", ["the sea« side»", "the« sea» side", "a diet", "seaside"]) == [
        0,
        1,
        1,
        0,
    ]


def test_a_language_model_says_how_much_likelier_yes_is_than_no(gpt2):
    judge = LanguageModelJudge(gpt2, "{explanation} {snippet}:")
    snippets = ["one", "a much longer snippet of words", "three"]
    together = judge("about", snippets)
    assert together == pytest.approx([judge("about", [snippet])[0] for snippet in snippets], abs=1e-4)
    tokens = gpt2.tokenizer.encode("about three:", add_special_tokens=False)
    logits = gpt2(torch.tensor([tokens]))[0, -1].detach()
    pair = logits[[judge.yes, judge.no]].softmax(0)
    assert together[2] == pytest.approx(float(pair[0]), abs=1e-4)
