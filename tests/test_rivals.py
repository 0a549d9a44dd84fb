"""Rivals are chosen on some rows and judged on others; tokens explain what they explain; lists are as good as their words."""

import numpy as np
import pytest
import torch
from scipy.sparse import csc_array
from test_concepts import concept_rows
from test_explanations import Words
from test_gallery import DOCUMENTS, LENGTH, made

from sae_tutorial.features.concepts import best_unit, f1_advantage, score_detector, sparse_probe
from sae_tutorial.features.latents import part_of
from sae_tutorial.features.rivals import Rivals, TokenList, probe_scores, token_share
from sae_tutorial.features.word_lists import list_scores, often_on, telling_words, top_words


@pytest.fixture
def rows():
    units, labels, documents = concept_rows()
    held = documents >= 20
    noise = np.random.default_rng(1).normal(size=units.shape)
    return {"ours": csc_array(np.maximum(units, 0)), "noise": noise}, {"it": labels}, held, documents[held]


def test_each_kind_is_chosen_on_some_rows_and_judged_on_the_others(rows):
    units, labels, held, documents = rows
    rivals = Rivals(*rows)
    for kind, unit in units.items():
        unit = unit.toarray() if kind == "ours" else unit
        detector = best_unit(unit[~held], labels["it"][~held])
        expected = score_detector(detector, unit[held], labels["it"][held], documents)
        chosen, score = rivals.found["it"][kind]
        assert (chosen.units.tolist(), chosen.threshold) == (detector.units.tolist(), detector.threshold)
        assert score.f1 == expected.f1
        assert rivals.f1(kind) == expected.f1.value


def test_what_tracks_the_concept_wins_over_noise_by_the_paired_difference(rows):
    rivals = Rivals(*rows)
    (one, _), (other, _) = rivals.found["it"].values()
    expected = f1_advantage(
        (one, rivals.sides["ours"][1]), (other, rivals.sides["noise"][1]), rows[1]["it"][rows[2]], rows[3]
    )
    assert rivals.lead("ours", "noise") == expected
    assert expected.low > 0
    both = rivals.lead(["ours", "noise"], ["noise", "noise"])  # two starts, of which the second is level
    assert both.value == pytest.approx(expected.value / 2)
    assert rivals.f1(["ours", "noise"]) == pytest.approx((rivals.f1("ours") + rivals.f1("noise")) / 2)


def test_a_list_of_tokens_says_yes_where_the_token_had_the_concept_and_no_to_a_token_it_never_met():
    ids = np.array([[3], [3], [3], [7], [7], [7], [7], [9]])
    labels = np.array([True, True, True, True, False, False, False, False])
    found = TokenList(ids, labels)
    assert found.scores(np.array([[3], [7], [9], [5]])) == pytest.approx([3 / 4, 1 / 5, 0, 0])
    assert (found.scores(np.array([[3], [7], [5]])) > found.threshold).tolist() == [True, False, False]


def test_a_probe_on_several_units_can_be_a_rival_and_a_concept_can_be_left_out(rows):
    units, labels, held, documents = rows
    other = {"it": labels["it"], "reversed": ~labels["it"]}
    rivals = Rivals(units, other, held, documents)
    rivals.add("a probe", "noise", sparse_probe)
    probe, score = rivals.found["it"]["a probe"]
    assert len(probe.units) == units["noise"].shape[1] and rivals.f1("a probe") < rivals.f1("ours")
    assert probe.direction @ units["noise"][0] + probe.probe[1].intercept_[0] == pytest.approx(
        probe.scores(units["noise"][:1])[0]
    )
    assert rivals.lead("ours", "a probe", without=["reversed"]) == f1_advantage(
        (rivals.found["it"]["ours"][0], rivals.sides["ours"][1]), (probe, rivals.sides["noise"][1]),
        labels["it"][held], documents,
    )  # fmt: skip
    with pytest.raises(ValueError, match="only a probe has a direction"):
        _ = rivals.found["it"]["ours"][0].direction


def test_the_floor_is_the_score_of_a_detector_that_is_always_on(rows):
    units, labels, held, documents = rows
    truth = labels["it"][held]
    always = 2 * truth.sum() / (len(truth) + truth.sum())
    assert Rivals(*rows).always_on() == {"it": pytest.approx(always)}


def test_a_probe_reads_what_lies_along_a_direction_and_guesses_at_the_rest():
    draw = torch.Generator().manual_seed(0)
    x = torch.randn(2000, 8, generator=draw)
    held = np.arange(2000) % 2 == 0
    along, unrelated = (x @ torch.arange(8.0) > 5).numpy(), np.arange(2000) // 2 % 3 == 0
    scores = probe_scores(x, {"along": along, "unrelated": unrelated}, held, np.arange(2000)[held] // 20)
    assert list(scores) == ["along", "unrelated"]
    assert scores["along"].auroc.value > 0.99
    assert scores["along"].f1.value > 0.9
    assert scores["unrelated"].auroc.value == pytest.approx(0.5, abs=0.05)
    assert scores["unrelated"].f1.value < 0.55  # always on has 0.5


def test_a_part_of_latents_is_what_they_do_at_these_rows():
    read = made(np.arange(DOCUMENTS * LENGTH) % 3, np.ones(DOCUMENTS * LENGTH))
    mask = read.document_ids % 2 == 0
    part = part_of(read, mask)
    np.testing.assert_array_equal(part.matrix.toarray(), read.matrix.toarray()[mask])
    assert len(part) == len(part.token_ids) == len(part.document_ids) == mask.sum()
    part.column(0)  # sorted column by column, as latents are


def test_a_token_explains_what_depends_on_it_and_nothing_of_what_does_not():
    draw = torch.Generator().manual_seed(0)
    ids = torch.randint(0, 40, (4000,), generator=draw)
    table, noise = torch.randn(40, 16, generator=draw), torch.randn(4000, 16, generator=draw)
    assert token_share(table[ids], ids.numpy()) == pytest.approx(1, abs=1e-4)
    assert token_share(table[ids] + noise, ids.numpy()) == pytest.approx(0.5, abs=0.05)
    assert token_share(noise, ids.numpy()) == pytest.approx(0, abs=0.05)
    with_sinks = (table[ids] + noise).clone()
    with_sinks[::500] = 1e4
    assert token_share(with_sinks, ids.numpy()) == pytest.approx(0.5, abs=0.05)
    with pytest.raises(ValueError, match="5 times or more"):
        token_share(noise[:40], np.arange(40))


def test_a_list_that_holds_the_latents_words_finds_it_and_another_latents_list_does_not():
    n = DOCUMENTS * LENGTH
    on, other = np.zeros(n), np.zeros(n)
    on[20::60], other[50::60] = 2.0, 1.0
    read = made(on, other)
    read.token_ids[:] = 9
    read.token_ids[20::60], read.token_ids[50::60] = 5, 6
    assert [word.strip() for word in top_words(Words(), read, 0, 1)] == ["w5"]
    own, others = list_scores(Words(), read, read, [0, 1]).T
    assert own.tolist() == [1, 1] and (others < 0.6).all()


def test_telling_words_are_strong_and_turn_the_latent_on_wherever_they_are():
    n = DOCUMENTS * LENGTH
    on = np.zeros(n)
    on[10::50], on[20::100] = 2.0, 1.9
    read = made(on)
    read.token_ids[:] = 9
    read.token_ids[10::50], read.token_ids[11::50] = 5, 5  # on at half of the places of token 5
    read.token_ids[20::100] = 6  # and at each place of token 6
    assert [int(word.strip("… ,w")) for word in telling_words(Words(), read, 0, 2).split()] == [5, 6]
    assert len(telling_words(Words(), read, 0).split(", ")) == 4


def test_only_latents_on_often_enough_on_both_sides_and_not_everywhere_are_tested():
    n = DOCUMENTS * LENGTH
    on = np.zeros((4, n))
    on[0, ::11] = 1  # enough
    on[1, : n // 2 : 11] = 1  # only on the first side
    on[2] = 1  # everywhere
    read = made(*on)
    first = read.document_ids < read.document_ids[n // 2]
    assert often_on(part_of(read, first), part_of(read, ~first)).tolist() == [0]
