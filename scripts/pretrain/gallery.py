"""Do descriptions of the best latents predict where they are on? Packets for readers, and their score.

    python scripts/pretrain/gallery.py CACHE PACKETS                write what explainers read
    python scripts/pretrain/gallery.py CACHE PACKETS --judge        with their descriptions, write what judges read
    python scripts/pretrain/gallery.py CACHE PACKETS --score WHO    read the answers, write them into the package

Latents of the SAE and of the soft-frozen control come under code names in one random order, so that no reader knows
which is which. Judges also get, among the others and not told apart, descriptions of an earlier reading (of strong
contexts alone, without near misses), and for some latents the description of another one. What is true stays in CACHE.
"""

import argparse
import json
from collections import defaultdict
from pathlib import Path

import numpy as np
from card import PACKAGED, lab_store, lab_texts

from sae_tutorial import storage
from sae_tutorial.features.explanations import Task, detection_task, near_misses, spread_contexts
from sae_tutorial.features.gallery import gallery
from sae_tutorial.features.intervals import Interval, document_draws
from sae_tutorial.features.latents import part_of, read_latents
from sae_tutorial.lab.models import load_offline_model
from sae_tutorial.sae.coder import SparseAutoencoder
from sae_tutorial.sae.pretrained import GALLERY_FILE, RESIDUAL_SAE, pretrained_gallery, pretrained_sae

SHOWN, PREDICTS = 50, 0.8
DRAWS = 2  # detection tasks of ten snippets, for each latent
NEAR = 5  # snippets, for each latent, that are nearer misses than theirs
SHUFFLED = 12  # latents of each coder that are also judged by the description of another one
IN_A_FILE = 25
YES = 5  # of 0 to 9, from which an answer is a yes
LATENTS, JUDGED = "gallery_latents.json", "gallery_judged.json"  # in CACHE, not for readers
EXPLAIN = """You describe what turns a hidden detector on. Each detector reads text and gives every token (word or word
piece) a number, mostly zero. You see nothing but examples, so work from them alone, and look nothing up.

Files 1.txt, 2.txt, ... have {n} detectors each, with code names such as L007. For each:
  ON   up to 20 snippets in which it is on, from all over its range, with its strongest value there as a share of the
       largest value ever (1.00). Tokens with at least a third of that snippet's value are in «marks».
  OFF  up to six snippets on which it is off throughout, although detectors much like it are on there: near misses.

For each detector write one description, at most 60 words. Somebody who has seen no example will get it, with 25 other
snippets of other articles, and must say in which of them the detector is on anywhere. Some ten are: a few strongly, just
as many faintly. Of the rest, many are near misses. So
  * say what the marked tokens have in common (kind of word, meaning, grammar, position, what comes before or after),
    in words that also fit other articles; give a few marked tokens as examples, but do not only list;
  * say what turns it on faintly, if that differs: the description must cover it;
  * say what does not turn it on, if the near misses show a boundary;
  * if the detector seems to have two or three unrelated triggers, name them all.

Answer with a file N.json beside each N.txt, one object: {{"L007": "your description", ...}}, every code name of the file.
"""
JUDGE = """You judge where hidden detectors are on, from descriptions alone. A detector reads text and gives every token (word
or word piece) a number, mostly zero; it is "on" in a snippet if the number is above zero at one token or more.

Files 1.txt, 2.txt, ... have up to {n} entries each, with code names such as J012: a description that somebody wrote of a
detector, and 25 snippets that they had not seen. Snippets begin and end in the middle of sentences. Over a whole file
detectors are on in about two of five snippets, in some strongly, in just as many faintly; for one entry it may be more or
fewer. Many snippets in which it is off come close to the description. A few descriptions are bad. Judge every snippet by
the description alone; the entries have nothing to do with each other. Read no other file than these and this one.

For each snippet answer with a whole number from 0 to 9: how sure you are that the detector is on somewhere in it. 0 is
"certainly not", 9 "certainly"; 5 or more counts as a yes, 4 or less as a no.

Answer with a file N.json beside each N.txt, one object: {{"J012": [25 numbers, in the order of the snippets], ...}}, every
code name of the file. Read and decide yourself; write no program that decides.
"""


def write_explainers_packets(cache: Path, packets: Path) -> None:
    """What explainers read, without a word about which coder a latent is of; the truth goes into `cache`."""
    tokenizer, store = load_offline_model("cpu").tokenizer, lab_store(cache)
    texts, held_out = lab_texts()
    test = held_out[store.document_ids]
    entries, shown = [], []
    for kind, coder in coders_of(cache).items():
        latents = read_latents(coder, store)
        seen, unseen = part_of(latents, ~test), part_of(latents, test)
        for exhibit in gallery(latents, texts.labels, texts.groups, held_out, n=SHOWN):
            tasks = [detection_task(tokenizer, unseen, exhibit.latent, seed) for seed in range(DRAWS)]
            snippets = [
                (text, bool(on), False)
                for task in tasks
                for text, on in zip(task.snippets, task.truth, strict=True)
            ]
            snippets += [(text, False, True) for text in near_misses(tokenizer, unseen, exhibit.latent, NEAR)]
            mixed = np.random.default_rng([2, exhibit.latent]).permutation(len(snippets))
            entries.append(
                {
                    "kind": kind, "latent": exhibit.latent, "class": texts.class_names[exhibit.topic],
                    "specificity": round(exhibit.specificity, 3), "token_share": round(exhibit.token_share, 3),
                    "snippets": [snippets[i] for i in mixed],
                }
            )  # fmt: skip
            on = spread_contexts(tokenizer, seen, exhibit.latent)
            off = near_misses(tokenizer, seen, exhibit.latent)
            shown.append(["ON", *(f"{a:.2f} | {line(text)}" for a, text in on), "OFF", *map(line, off)])
    order = np.random.default_rng(0).permutation(len(entries))
    storage.write_json(cache / LATENTS, {f"L{i:03}": entries[j] for i, j in enumerate(order)})
    blocks = ["\n".join([f"== L{i:03}", *shown[j]]) for i, j in enumerate(order)]
    parts = [blocks[start : start + IN_A_FILE] for start in range(0, len(blocks), IN_A_FILE)]
    write(packets / "explain", EXPLAIN.format(n=IN_A_FILE), parts)


def coders_of(cache: Path) -> dict[str, SparseAutoencoder]:
    """The SAE and its control, by their kinds."""
    return {"SAE": pretrained_sae(), "control": SparseAutoencoder.load(cache / "coders" / "soft-decoder")}


def described(latents: dict[str, dict], packets: Path) -> list[dict]:
    """Each of `latents` by its explainer's description, and some of each kind by that of another latent.

    Raises:
        ValueError: an explainer left one out.
    """
    descriptions = answers(packets / "explain")
    if missing := sorted(set(latents) - set(descriptions)):
        raise ValueError(f"explainers have not described {', '.join(missing)}.")
    items = [{"of": code, "by": "own", "text": descriptions[code]} for code in latents]
    for kind in ("SAE", "control"):
        some = [code for code, entry in latents.items() if entry["kind"] == kind][:SHUFFLED]
        for code, other in zip(some, some[1:] + some[:1], strict=True):
            items.append({"of": code, "by": "another's", "text": descriptions[other]})
    return items


def write_judges_packets(cache: Path, packets: Path) -> None:
    """What judges read: each latent by its description, and some by an earlier one or by that of another latent."""
    latents = storage.read_json(cache / LATENTS)
    items = described(latents, packets)
    earlier = {row["latent"]: row["explanation"] for row in pretrained_gallery()["SAE"]}
    for code, entry in latents.items():
        if entry["kind"] == "SAE":
            items.append({"of": code, "by": "earlier", "text": earlier[entry["latent"]]})
    parts = mixed_parts(items, IN_A_FILE, seed=1)
    coded = {f"J{i:03}": item for i, item in enumerate(item for part in parts for item in part)}
    storage.write_json(cache / JUDGED, coded)
    names = iter(coded)
    blocks = [
        [
            "\n".join([f"== {next(names)}", line(item["text"]), *numbered(latents[item["of"]])])
            for item in part
        ]
        for part in parts
    ]
    write(packets / "judge", JUDGE.format(n=IN_A_FILE), blocks)


def score(cache: Path, packets: Path, readers: str) -> None:
    """Balanced accuracy of every description, and how many of each coder's reach 0.8; into gallery.json."""
    latents, judged = storage.read_json(cache / LATENTS), storage.read_json(cache / JUDGED)
    given_to = answers(packets / "judge")
    rows: dict[str, list[dict[str, object]]] = defaultdict(list)
    for code, item in judged.items():
        entry = latents[item["of"]]
        texts, on, near = (np.array(column) for column in zip(*entry["snippets"], strict=True))
        given = np.array(given_to[code])
        if given.shape != on.shape:
            raise ValueError(f"{code} has {given.size} answers to {len(on)} snippets.")
        of_protocol, of_nearest = (
            Task("detection", entry["latent"], texts[k], on[k]) for k in (~near, on | near)
        )
        rows[f"{entry['kind']}, {item['by']}"].append(
            {key: entry[key] for key in ("latent", "class", "specificity", "token_share")}
            | {
                "explanation": item["text"],
                "score": round(of_protocol.score(given[~near] >= YES), 3),
                "ranking": round(of_protocol.score(given[~near]), 3),
                "against near misses": round(of_nearest.score(given[on | near] >= YES), 3),
            }
        )  # fmt: skip
    summary: dict[str, dict] = {}
    for name, own in rows.items():
        own.sort(key=lambda row: -row["specificity"])
        summary[name] = {"described": len(own)}
        for measure in ("score", "ranking", "against near misses"):
            values = np.array([row[measure] for row in own])
            mean = Interval.of_draws(document_draws(len(own), 1000) @ values / len(own))
            summary[name][measure] = {"predict": int((values >= PREDICTS).sum()), "mean": str(mean)}
        print(name, summary[name])
    reading = {"readers": readers, "threshold": PREDICTS, "summary": summary, **rows}
    with storage.new_file(PACKAGED / RESIDUAL_SAE / GALLERY_FILE) as partial:
        storage.write_json(partial, pretrained_gallery() | {"with near misses": reading})


def mixed_parts(items: list[dict], in_a_file: int, seed: int) -> list[list[dict]]:
    """The items in a random order, in files of much the same length; none has two items of one latent."""
    parts: list[list[dict]] = [[] for _ in range(-(-len(items) // in_a_file))]
    for i in np.random.default_rng(seed).permutation(len(items)):
        free = [part for part in parts if items[i]["of"] not in {item["of"] for item in part}]
        min(free, key=len).append(items[i])
    return parts


def line(text: str) -> str:
    """A text without line breaks."""
    return " ".join(text.split())


def numbered(entry: dict) -> list[str]:
    """The snippets of an entry as judges read them, from 1."""
    return [f"{i:2}. {line(text)}" for i, (text, _, _) in enumerate(entry["snippets"], 1)]


def write(directory: Path, readme: str, parts: list[list[str]]) -> None:
    """What somebody reads: what to do, and files of blocks from 1."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "README.txt").write_text(readme, encoding="utf-8")
    for i, blocks in enumerate(parts, 1):
        (directory / f"{i}.txt").write_text("\n\n".join(blocks) + "\n", encoding="utf-8")


def answers(directory: Path) -> dict:
    """What somebody answered, by code name, from all files."""
    return {k: v for file in directory.glob("*.json") for k, v in json.loads(file.read_text()).items()}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("cache", type=Path)
    parser.add_argument("packets", type=Path)
    parser.add_argument("--judge", action="store_true", help="explainers have answered")
    parser.add_argument("--score", metavar="READERS", help="who explained and who judged, for the file")
    arguments = parser.parse_args()
    if arguments.score:
        score(arguments.cache, arguments.packets, arguments.score)
    elif arguments.judge:
        write_judges_packets(arguments.cache, arguments.packets)
    else:
        write_explainers_packets(arguments.cache, arguments.packets)
