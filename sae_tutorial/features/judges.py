"""Who explains a latent, and who judges an explanation: rules of a few lines, and a language model of your own.

An explainer is a function from marked contexts to a line of text. A judge is a function from that line and snippets to
one number for each snippet, the larger the better it fits; a fit above 0.5 is a yes.
"""

import re
from collections import Counter
from collections.abc import Sequence

import numpy as np
import torch
from transformer_lens.model_bridge import TransformerBridge

from sae_tutorial.activations.collect import run_to_hooks
from sae_tutorial.transformer.stream import stream_logits
from sae_tutorial.transformer.tokens import pad_right

WORDS, PROMPTS_AT_A_TIME = 8, 16
_MARKED_WORD = re.compile(r"\w*(?:«[^»]*»)+\w*")
# Two examples with their answers, so that a small model knows what is asked and how to answer.
QUESTION = (
    "Does the text fit the description? Answer Yes or No.\n\n"
    "Description: names of colours\nText: the door was painted red and the walls\nAnswer: Yes\n\n"
    "Description: names of colours\nText: a committee of nine members met in June\nAnswer: No\n\n"
    "Description: {explanation}\nText: {snippet}\nAnswer:"
)


def marked_words(contexts: Sequence[str]) -> str:
    """An explainer: the words that hold marks most often, and nothing else."""
    counts = Counter(word for context in contexts for word in _words_with_marks(context))
    return ", ".join(word for word, _ in counts.most_common(WORDS)) or "no word"


def holds_a_word(explanation: str, snippets: Sequence[str]) -> list[float]:
    """A judge: yes where the snippet holds a word of the explanation; where there are marks, in a marked word."""
    wanted = set(_words(explanation))
    return [
        float(not wanted.isdisjoint(_words_with_marks(text) if "«" in text else _words(text)))
        for text in snippets
    ]


class LanguageModelJudge:
    """A judge: a language model is asked, and its answer is p(Yes) / (p(Yes) + p(No)).

    Any function of the same form can stand in its place, such as one that asks a larger model over a network.
    """

    def __init__(self, model: TransformerBridge, question: str = QUESTION) -> None:
        self.model, self.question = model, question
        answers = (model.tokenizer.encode(f" {word}", add_special_tokens=False) for word in ("Yes", "No"))
        self.yes, self.no = (tokens[0] for tokens in answers)
        self.place = f"blocks.{model.cfg.n_layers - 1}.hook_resid_post"

    @torch.inference_mode()
    def __call__(self, explanation: str, snippets: Sequence[str]) -> list[float]:
        """One number for each snippet."""
        prompts = [
            self.model.tokenizer.encode(
                self.question.format(explanation=explanation, snippet=" ".join(snippet.split())),
                add_special_tokens=False,
            )
            for snippet in snippets
        ]
        fits: list[float] = []
        for first in range(0, len(prompts), PROMPTS_AT_A_TIME):
            batch = prompts[first : first + PROMPTS_AT_A_TIME]
            stream = run_to_hooks(self.model, pad_right([np.array(prompt) for prompt in batch]), [self.place])
            at_end = stream[self.place][range(len(batch)), [len(prompt) - 1 for prompt in batch]]
            last = stream_logits(self.model, at_end[:, None])[:, 0]  # where the answer goes, and nowhere else
            fits += torch.sigmoid(last[:, self.yes] - last[:, self.no]).tolist()
        return fits


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.replace("«", "").replace("»", "").lower())


def _words_with_marks(text: str) -> list[str]:
    """The whole words of which a part is marked."""
    # A token often begins with the space before its word, inside the mark.
    text = re.sub(r"«(\s+)", r"\1«", text)
    return [word for found in _MARKED_WORD.findall(text) for word in _words(found)]
