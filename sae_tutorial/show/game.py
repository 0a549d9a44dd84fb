"""A game: guess what a latent is for, and find out how good the guess is, beside latents of a dictionary drawn at random.

The player sees contexts of a latent and writes a line about it. From then on the line is all they have: they say which
of ten new snippets turn the latent on (detection), in which the marked tokens are the right ones (fuzzing), and which of
five snippets does not belong (intruder). Some latents are of another dictionary, and the page tells which at the end. It
is `data/game.html`: it opens from disk, asks for nothing, and where a kernel runs the answers come back into it.
"""

import base64
import hashlib
import html
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from IPython.display import HTML, display

from sae_tutorial import storage
from sae_tutorial.features.explanations import Scores, Task, all_tasks, marked_contexts, score
from sae_tutorial.features.latents import Latents
from sae_tutorial.show.pages import filled_page

TITLE = "What is this latent for?"
CONTEXTS = 4  # of the upper and of the middle third of a latent's range, at most


class Round(NamedTuple):
    """One latent to guess.

    Attributes:
        latent: its number.
        origin: the dictionary that it is of, in words.
        contexts: what the player reads, marked as `marked_contexts` says.
        tasks: what the player is then asked.
    """

    latent: int
    origin: str
    contexts: list[str]
    tasks: list[Task]


class Played(NamedTuple):
    """What a player did with one latent.

    Attributes:
        latent: its number.
        origin: the dictionary that it is of.
        explanation: the player's line.
        scores: in each task; 0.5 is chance.
    """

    latent: int
    origin: str
    explanation: str
    scores: Scores


class Game:
    """Some latents of several dictionaries, in an order that gives nothing away.

        game = Game(tokenizer, {"the SAE": (seen, unseen, [66, 1204]), "random directions": (drawn, undrawn, [7])})
        game.play()         # in a notebook
        game.write(path)    # or as a page
        game.results()      # afterwards; on a page from disk, game.results("the line that it shows")

    Args:
        tokenizer: of the model.
        dictionaries: for each dictionary's name, its latents on texts that the player reads, its latents on other texts
            that the tasks are from, and which latents to play.
        seed: of the order and of the tasks.

    Raises:
        ValueError: no latents; or one is on at too few places for its tasks.
    """

    def __init__(
        self,
        tokenizer: Any,
        dictionaries: Mapping[str, tuple[Latents, Latents, Sequence[int]]],
        seed: int = 0,
    ) -> None:
        rounds = [
            Round(
                int(latent),
                origin,
                [text for _, text in marked_contexts(tokenizer, seen, latent, CONTEXTS, seed)],
                all_tasks(tokenizer, unseen, latent, seed),
            )
            for origin, (seen, unseen, chosen) in dictionaries.items()
            for latent in chosen
        ]
        if not rounds:
            raise ValueError("there are no latents to guess; name some for at least one dictionary.")
        self.rounds = [rounds[i] for i in np.random.default_rng(seed).permutation(len(rounds))]
        data = [_for_page(one) for one in self.rounds]
        self.id = hashlib.sha256(json.dumps(data).encode()).hexdigest()[:8]
        self.data = {"id": self.id, "rounds": data}
        self._answers = ""  # as the page sent them

    def write(self, path: str | Path) -> Path:
        """Write the game as one HTML file, atomically."""
        with storage.new_file(path) as partial:
            partial.write_text(filled_page("game", TITLE, {"game": self.data}), encoding="utf-8")
        return storage.full_path(path)

    def play(self, height: int = 760) -> HTML:
        """Show the game under a cell; its answers come back by themselves where the notebook has widgets."""
        listener = ""
        try:
            import ipywidgets
        except ImportError:
            pass  # the line that the page shows can be handed to `results`
        else:
            name = f"game-{self.id}"
            field = ipywidgets.Text(
                description="answers", placeholder="they arrive here by themselves when you finish"
            )
            field.add_class(name)
            field.observe(self._receive, "value")
            display(field)
            listener = f"<script>{_LISTENER.replace('NAME', json.dumps(name))}</script>"
        page = html.escape(filled_page("game", TITLE, {"game": self.data}))
        frame = f'<iframe title="{TITLE}" sandbox="allow-scripts" width="100%" height="{height}" srcdoc="{page}"></iframe>'
        return HTML(f"<div>{frame}{listener}</div>")

    def results(self, answers: str = "") -> list[Played]:
        """What the player did with each latent, in the order of play.

        Args:
            answers: the line that the page shows at the end; not needed if it came back by itself.

        Raises:
            ValueError: there are no answers yet, or they are of another game, or were cut in copying.
        """
        answers = (answers or self._answers).strip().strip("\"'")
        if not answers:
            raise ValueError(
                "there are no answers yet; play to the end, or copy the line that the page shows: "
                'game.results("...").'
            )
        game, _, packed = answers.partition(".")
        if game != self.id:
            raise ValueError(f"these answers are of game {game[:8]!r}, and this is game {self.id!r}.")
        try:
            given = json.loads(base64.b64decode(packed, validate=True))
            return [
                Played(
                    one.latent,
                    one.origin,
                    str(line),
                    score(one.tasks, str(line), _as_judge(one.tasks, marks)),
                )
                for one, (line, marks) in zip(self.rounds, given, strict=True)
            ]
        except (ValueError, TypeError) as error:
            raise ValueError(
                f"the answers cannot be read ({error}); copy the whole line that the page shows."
            ) from error

    def _receive(self, change: Mapping[str, Any]) -> None:
        self._answers = change["new"]


def _for_page(one: Round) -> dict[str, Any]:
    tasks = [
        {"kind": task.kind, "snippets": task.snippets, "truth": task.truth.tolist()} for task in one.tasks
    ]
    return {"latent": one.latent, "origin": one.origin, "contexts": one.contexts, "tasks": tasks}


def _as_judge(tasks: Sequence[Task], answers: Sequence[str]) -> Any:
    """A judge who gives a player's answers, a string of 0 and 1 for each task, in the order of the tasks."""
    if len(answers) != len(tasks):
        raise ValueError(f"{len(tasks)} tasks were set, and {len(answers)} answered")
    left = iter(answers)
    return lambda explanation, snippets: [int(mark) for mark in next(left)]


# The page lies in a frame of its own: it tells the notebook's page, and that fills the field which the kernel watches.
_LISTENER = """
window.addEventListener("message", (event) => {
  const field = document.querySelector("." + NAME + " input");
  if (!field || typeof event.data?.latentGame !== "string" || !("game-" + event.data.latentGame).startsWith(NAME)) return;
  field.value = event.data.latentGame;
  for (const kind of ["input", "change"]) field.dispatchEvent(new Event(kind, { bubbles: true }));
});
"""
