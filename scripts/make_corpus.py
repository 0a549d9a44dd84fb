"""Write the bundled corpus: short, invented news items in four classes, for machines that reach no hub.

A grammar (`corpus_grammar.py`) writes every item.  For a share of the items a small language model then
finishes a last sentence that the grammar began ("The minister said the ..."); what reads badly is dropped,
and such items keep the grammar's own closing sentence instead.

    python scripts/make_corpus.py --model DIR --output sae_tutorial/data/news_corpus.csv.gz
"""

from __future__ import annotations

import argparse
import csv
import gzip
import io
import json
import random
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import torch
from tqdm import tqdm
from transformers import AutoModelForCausalLM, AutoTokenizer

from corpus_grammar import TOPICS, Draft, Topic, read_topics, write_draft

LABELS = ["World", "Sports", "Business", "Sci/Tech"]
SHINGLE = 8  # words; two items that share too many runs of this length are near-duplicates
MAX_SHARED = 0.2  # the largest share of an item's shingles that one earlier item may already have used
LONG_RUN, MAX_USES = 12, 5  # no run of twelve words may stand in more than five items
MAY_REPEAT = {"that", "with", "from", "have", "been", "will", "would", "their", "they", "more", "than"}
# The model guesses whether a person is a man or a woman, and a news item for a course needs no horrors.
UNWANTED = re.compile(
    r"\b(he|she|his|her|him|kill\w*|dead|deaths?|violen\w+|weapons?|drones?|sex\w*|terror\w*)\b"
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--model", required=True, help="a causal language model that from_pretrained can load"
    )
    parser.add_argument("--output", type=Path, required=True, help="the .csv.gz to write")
    parser.add_argument("--items", type=int, default=4000)
    parser.add_argument("--lm-share", type=float, default=0.21, help="share of items offered to the model")
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--sentences", type=Path, help="keeps the model's sentences, to go on after an interruption"
    )
    args = parser.parse_args()

    torch.set_num_threads(1)
    tokenizer = AutoTokenizer.from_pretrained(args.model)
    drafts = write_drafts(args.items, args.seed)
    offered = drafts[: round(args.lm_share * len(drafts))]  # the drafts are shuffled, so any part will do
    cache = args.sentences or args.output.with_suffix(".sentences.jsonl")
    endings = finish_sentences(args.model, offered, args.batch_size, args.seed, cache)
    texts = [assemble(draft, endings.get(draft.prompt)) for draft in drafts]
    rows = [(text, LABELS.index(draft.label)) for text, draft in zip(texts, drafts, strict=True)]
    write_rows(rows, args.output)
    print_statistics(rows, tokenizer)
    print(f"sentences finished by the model: {sum(t != d.text for t, d in zip(texts, drafts, strict=True))}")


def write_drafts(count: int, seed: int) -> list[Draft]:
    """Equally many items of each class, evenly over its topics, no near-duplicates, in a random order."""
    topics = read_topics(TOPICS)
    drafts: list[Draft] = []
    seen = ShingleIndex()
    for label in LABELS:
        own = [topic for topic in topics if topic.label == label]
        drafts += [fresh_draft(own[i % len(own)], seen, f"{seed} {i}") for i in range(count // len(LABELS))]
    random.Random(seed).shuffle(drafts)
    return drafts


def fresh_draft(topic: Topic, seen: ShingleIndex, seed: str) -> Draft:
    """A new item.  Each has its own random numbers: an edit in one topic leaves the others alone."""
    for attempt in range(1000):
        draft = write_draft(topic, random.Random(f"{seed} {topic.name} {attempt}"))
        if seen.largest_share(draft.text) <= MAX_SHARED and not seen.overuses(draft.text):
            seen.add(draft.text)
            return draft
    raise RuntimeError(f"the topic {topic.name!r} has no more new items; give it more sentences")


class ShingleIndex:
    """Which items hold which runs of eight words, to find near-duplicates without comparing all pairs."""

    def __init__(self) -> None:
        self.holders: dict[str, list[int]] = {}
        self.runs: Counter[str] = Counter()
        self.size = 0

    def largest_share(self, text: str) -> float:
        """The share of this text's shingles that the most similar earlier item has, too."""
        own = shingles(text)
        common = Counter(holder for shingle in own for holder in self.holders.get(shingle, []))
        return max(common.values(), default=0) / max(len(own), 1)

    def overuses(self, text: str) -> bool:
        """Does the text repeat a long run of words that enough earlier items have?"""
        return any(self.runs[run] >= MAX_USES for run in shingles(text, LONG_RUN))

    def add(self, text: str) -> None:
        for shingle in shingles(text):
            self.holders.setdefault(shingle, []).append(self.size)
        self.runs.update(shingles(text, LONG_RUN))
        self.size += 1


def shingles(text: str, length: int = SHINGLE) -> set[str]:
    words = re.findall(r"[a-z0-9]+", text.lower())
    return {" ".join(words[i : i + length]) for i in range(len(words) - length + 1)}


def finish_sentences(
    model_dir: str, drafts: list[Draft], batch_size: int, seed: int, cache: Path
) -> dict[str, str]:
    """Let the model go on after each draft's prompt; returns its words by that prompt.

    Every batch is appended to `cache`, from which an interrupted run goes on; delete it to sample anew.
    """
    endings = {row["prompt"]: row["ending"] for row in map(json.loads, read_lines(cache))}
    todo = [draft.prompt for draft in drafts if draft.prompt not in endings]
    if not todo:
        return {draft.prompt: endings[draft.prompt] for draft in drafts}
    tokenizer = AutoTokenizer.from_pretrained(model_dir, padding_side="left")
    model = AutoModelForCausalLM.from_pretrained(model_dir, dtype=torch.float32).eval()
    banned, full_stop = restrict_vocabulary(tokenizer)
    todo.sort(key=len)  # similar lengths together: little padding
    batches = [todo[i : i + batch_size] for i in range(0, len(todo), batch_size)]
    torch.manual_seed(seed)
    for prompts in tqdm(batches, desc="model", unit="batch"):
        inputs = tokenizer(prompts, return_tensors="pt", padding=True)
        with torch.inference_mode():
            output = model.generate(
                **inputs,
                max_new_tokens=26,
                do_sample=True,
                temperature=0.7,
                top_k=40,
                top_p=1.0,
                suppress_tokens=banned,
                eos_token_id=full_stop,
                pad_token_id=tokenizer.eos_token_id,
            )
        new = tokenizer.batch_decode(output[:, inputs.input_ids.shape[1] :], skip_special_tokens=True)
        with cache.open("a", encoding="utf-8") as file:
            for prompt, ending in zip(prompts, new, strict=True):
                endings[prompt] = ending
                file.write(json.dumps({"prompt": prompt, "ending": ending}) + "\n")
    return {draft.prompt: endings[draft.prompt] for draft in drafts}


def restrict_vocabulary(tokenizer: AutoTokenizer) -> tuple[list[int], int]:
    """Leave the model lower-case words, commas and the full stop, at which it ends.

    A model this small drifts into invented dates, lists and the names of real people; without digits,
    capitals and line breaks it cannot.
    """
    [full_stop] = tokenizer.encode(".", add_special_tokens=False)
    pieces = tokenizer.batch_decode([[token] for token in range(len(tokenizer))])
    allowed = re.compile(r" ?[a-z]+(-[a-z]+)?|,|-|'s|'t|\.")
    return [token for token, piece in enumerate(pieces) if not allowed.fullmatch(piece)], full_stop


def assemble(draft: Draft, ending: str | None) -> str:
    """The draft with the model's sentence, if that is fit to print, or else with the grammar's own."""
    if ending is None or not reads_well(draft, ending):
        return draft.text
    return draft.headline + draft.prompt + ending


def reads_well(draft: Draft, ending: str) -> bool:
    """A finished sentence of plain words that neither repeats itself nor the item so far."""
    words = re.findall(r"[a-z'-]+", ending)
    if not ending.endswith(".") or not ending.startswith(" ") or not 6 <= len(words) <= 24:
        return False
    sentence = re.findall(r"[a-z'-]+", f"{draft.stem}{ending}".lower())
    if any(
        count > 1 and word not in MAY_REPEAT for word, count in Counter(sentence).items() if len(word) > 3
    ):
        return False
    if UNWANTED.search(ending) or any(a == b for a, b in zip(words, words[1:], strict=False)):
        return False
    return not shingles(ending, 4) & shingles(draft.opening, 4)


def write_rows(rows: Iterable[tuple[str, int]], path: Path) -> None:
    """A gzipped csv; without a time stamp in it, equal rows make equal bytes."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["text", "label"])
    writer.writerows(rows)
    path.write_bytes(gzip.compress(text.getvalue().encode("utf-8"), compresslevel=9, mtime=0))


def read_lines(path: Path) -> Iterator[str]:
    if path.exists():
        yield from path.read_text(encoding="utf-8").splitlines()


def print_statistics(rows: list[tuple[str, int]], tokenizer: AutoTokenizer) -> None:
    texts = [text for text, _ in rows]
    lengths = sorted(len(ids) for ids in tokenizer(texts)["input_ids"])
    words = Counter(word for text in texts for word in re.findall(r"[a-z]+", text.lower()))
    print(f"items: {len(rows)} ({len(set(texts))} distinct)")
    print(
        f"tokens: {sum(lengths)}, {sum(lengths) / len(rows):.1f} an item, from {lengths[0]} to {lengths[-1]}"
    )
    print(f"distinct words: {len(words)}, seen at least five times: {sum(n >= 5 for n in words.values())}")
    for number, label in enumerate(LABELS):
        print(f"  {number} {label}: {sum(own == number for _, own in rows)}")


if __name__ == "__main__":
    main()
