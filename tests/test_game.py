"""A whole game in a browser: what the page scores is what `Game.results` scores, and it asks for nothing."""

import json

import numpy as np
import pytest
from browser import visit
from test_dashboard import HOSTILE, HostileTokenizer
from test_explanations import Words
from test_gallery import DOCUMENTS, LENGTH, made

import build_course
from sae_tutorial.show.game import Game

# Plays to the end; PICK is what is ticked of a snippet, by the truth `t`, the task and the place of the snippet.
PLAY = """(() => {
  const press = () => document.querySelector("#game button").click();
  press();
  data.game.rounds.forEach((round, number) => {
    document.getElementById("line").value = LINE;
    press();
    for (const { kind, truth } of round.tasks) {
      document.querySelectorAll("#game li input").forEach((box, i) => {
        const t = truth[i];
        if (kind === "intruder" ? i === 0 || !(PICK) : PICK) box.checked = true; // of radio buttons the last one stays
      });
      press(); // "Check", then "Next"
      press();
    }
  });
  const cells = [...document.querySelectorAll("#game tbody tr")].map((row) => [...row.children].map((cell) => cell.textContent));
  return [cells, document.getElementById("means").textContent, document.getElementById("answers").value];
})()"""


def played(line: str, pick: str) -> str:
    return PLAY.replace("LINE", json.dumps(line)).replace("PICK", pick)


def some_latents(seed: int = 0):
    rng, n = np.random.default_rng(seed), DOCUMENTS * LENGTH
    columns = []
    for i in range(3):
        column = np.zeros(n)
        column[10 + 5 * i :: 60] = rng.random(DOCUMENTS) + 0.1
        columns.append(column)
    return made(*columns, seed=seed)


@pytest.fixture(scope="module")
def game():
    ours, drawn = some_latents(), some_latents(1)
    return Game(Words(), {"the SAE": (ours, ours, [0, 2]), "random directions": (drawn, drawn, [1])})


@pytest.fixture(scope="module")
def page(game, tmp_path_factory):
    return game.write(tmp_path_factory.mktemp("game") / "game.html")


@pytest.mark.parametrize("pick", ["t", "!t", "true", "i % 2 === 0"])
def test_the_page_and_the_notebook_score_alike(game, page, pick):
    ((rows, means, line),), heard = visit(page, played("line ä 🙂", pick))
    assert heard == []
    code = line.removeprefix('game.results("').removesuffix('")')
    found = game.results(code)
    assert [row[:3] for row in rows] == [[str(one.latent), one.origin, "line ä 🙂"] for one in found]
    assert [row[3:] for row in rows] == [[f"{value:.2f}" for value in one.scores] for one in found]
    if pick == "t":
        assert {one.scores for one in found} == {(1, 1, 1)}
        assert "1.00 on the 2 latents of the SAE" in means and "1.00 on the latent of random" in means
    if pick == "true":
        assert {one.scores[:2] for one in found} == {(0.5, 0.5)}


def test_nothing_tells_which_latent_is_which_before_the_end(page):
    (_, before, order), _ = visit(
        page, "document.querySelector('#game button').click()", "document.getElementById('game').textContent",
        "data.game.rounds.map((one) => one.origin)",
    )  # fmt: skip
    assert "random" not in before and "SAE" not in before
    assert sorted(order) == ["random directions", "the SAE", "the SAE"]


def test_a_line_has_to_be_written_and_the_intruder_chosen(page):
    titles, heard = visit(
        page, "document.querySelector('#game button').click()", "document.querySelector('#game button').click()",
        "document.querySelector('#game h2').textContent",
    )  # fmt: skip
    assert titles[-1] == "Latent 1 of 3: what is it for?"
    assert heard == []


def test_in_a_frame_the_answers_arrive_in_the_field_that_the_kernel_watches(game, tmp_path):
    shown = game.play().data
    assert build_course.loaded_from_outside(shown) == []
    outer = tmp_path / "outer.html"
    field = f"<div class='game-{game.id}'><input></div>"
    framed = shown.replace('sandbox="allow-scripts"', "")  # so that the test can play inside
    outer.write_text(f"<!DOCTYPE html><meta charset='utf-8'>{field}{framed}", encoding="utf-8")
    # The page itself may not evaluate anything, so the driver's script reaches in, where the answers are made.
    playing = played("mine", "t").replace("document.", "frames[0].document.").replace(
        "data.game", "JSON.parse(frames[0].document.getElementById('data').textContent).game"
    )  # fmt: skip
    values, heard = visit(
        outer, "document.querySelector('input').addEventListener('input', (e) => (window.told = e.target.value))",
        playing, "new Promise((done) => setTimeout(() => done(window.told), 300))",
        f"window.postMessage({{latentGame: '{'0' * 8}.another'}}, '*')",
        "new Promise((done) => setTimeout(() => done(window.told), 300))",
    )  # fmt: skip
    assert [line for line in heard if line != "about:srcdoc"] == []
    assert values[2] == values[4]  # another game's answers are not taken for this one's
    game._receive({"new": values[4]})
    assert {(one.explanation, one.scores) for one in game.results()} == {("mine", (1, 1, 1))}


def test_answers_that_cannot_be_read_say_why(game):
    fresh = Game(Words(), {"a": (some_latents(), some_latents(), [0])})
    with pytest.raises(ValueError, match="no answers yet"):
        fresh.results()
    with pytest.raises(ValueError, match=f"are of game '{game.id}', and this is game '{fresh.id}'"):
        fresh.results(f"{game.id}.abc")
    for cut in ("W1si", "W1siYSI=", "W10=", "!!"):
        with pytest.raises(ValueError, match="copy the whole line"):
            fresh.results(f"{fresh.id}.{cut}")
    with pytest.raises(ValueError, match="no latents to guess"):
        Game(Words(), {"a": (some_latents(), some_latents(), [])})


def test_any_text_is_shown_as_text(tmp_path):
    read = some_latents()
    read.token_ids[:] = np.arange(len(read)) % len(HOSTILE)
    path = Game(HostileTokenizer(), {"</script><b>": (read, read, [0])}).write(tmp_path / "x.html")
    (_, title, bold), heard = visit(path, played("<i>x</i>", "t"), "document.title",
                                    "document.querySelectorAll('b, i, img, iframe').length")  # fmt: skip
    assert (title, bold, heard) == ("What is this latent for?", 0, [])
