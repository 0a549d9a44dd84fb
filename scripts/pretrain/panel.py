"""Do three judges together predict where the best latents are on? Of the SAE and of the soft-frozen control alike.

    python scripts/pretrain/panel.py CACHE PACKETS                write what each of the three judges reads
    python scripts/pretrain/panel.py CACHE PACKETS --score WHO    read their answers, write them into the package

`gallery.py CACHE PACKETS` comes first, and its explainers: what is judged here, on new snippets, are their descriptions.
Latents of both coders stand in one random order, and among them, not told apart, descriptions of another latent. The
judges answer in PACKETS/1, PACKETS/2 and PACKETS/3, and know nothing of one another. What counts is the mean of their
three answers. A single judge ranked snippets better than their yes and no told, so the answer from which a mean is a yes
is chosen on half of a coder's latents and judged on the other half, both ways.
"""

import argparse
from pathlib import Path

import numpy as np
from card import PACKAGED, lab_store, lab_texts
from gallery import (
    DRAWS,
    JUDGE,
    LATENTS,
    NEAR,
    PREDICTS,
    YES,
    answers,
    coders_of,
    described,
    line,
    mixed_parts,
    numbered,
    write,
)
from jaxtyping import Bool, Float

from sae_tutorial import storage
from sae_tutorial.features.explanations import Task, detection_task, near_misses
from sae_tutorial.features.intervals import Interval, document_draws
from sae_tutorial.features.latents import part_of, read_latents
from sae_tutorial.lab.models import load_offline_model
from sae_tutorial.sae.pretrained import GALLERY_FILE, RESIDUAL_SAE, pretrained_gallery

JUDGES, IN_A_FILE, FIRST_SEED = 3, 21, DRAWS  # the seeds before were drawn for the single judge
TRUTH = "panel.json"  # in CACHE, not for readers
POSSIBLE = np.arange(0.5, 9, 0.5)  # means of answers from which one may count as a yes


def write_packets(cache: Path, packets: Path) -> None:
    """The same entries for each judge; the truth goes into `cache`."""
    tokenizer, store = load_offline_model("cpu").tokenizer, lab_store(cache)
    test = lab_texts()[1][store.document_ids]
    unseen = {kind: part_of(read_latents(coder, store), test) for kind, coder in coders_of(cache).items()}
    latents = storage.read_json(cache / LATENTS)
    items = described(latents, packets)
    for item in items:
        item |= {key: latents[item["of"]][key] for key in ("kind", "latent")}
        of = (tokenizer, unseen[item["kind"]], item["latent"])
        tasks = [detection_task(*of, seed) for seed in range(FIRST_SEED, FIRST_SEED + DRAWS)]
        snippets = [(s, bool(on), False) for task in tasks for s, on in zip(task.snippets, task.truth, strict=True)]  # fmt: skip
        snippets += [(s, False, True) for s in near_misses(*of, NEAR)]
        mixed = np.random.default_rng([3, item["latent"]]).permutation(len(snippets))
        item["snippets"] = [snippets[i] for i in mixed]
    parts = mixed_parts(items, IN_A_FILE, seed=4)
    coded = {f"J{i:03}": item for i, item in enumerate(item for part in parts for item in part)}
    storage.write_json(cache / TRUTH, coded)
    names = iter(coded)
    blocks = [
        ["\n".join([f"== {next(names)}", line(item["text"]), *numbered(item)]) for item in part]
        for part in parts
    ]
    for judge in range(1, JUDGES + 1):
        write(packets / str(judge), JUDGE.format(n=IN_A_FILE), blocks)


def score(cache: Path, packets: Path, readers: str) -> None:
    """How many descriptions reach 0.8, by a yes of five or more and by one chosen on other latents; into gallery.json."""
    coded = storage.read_json(cache / TRUTH)
    given = [answers(packets / str(judge)) for judge in range(1, JUDGES + 1)]
    reading: dict[str, object] = {"readers": readers, "judges": JUDGES, "threshold": PREDICTS}
    for name in sorted({f"{item['kind']}, {item['by']}" for item in coded.values()}):
        codes = [code for code, item in coded.items() if f"{item['kind']}, {item['by']}" == name]
        truth = [np.array([on for _, on, _ in coded[code]["snippets"]]) for code in codes]
        near = [np.array([close for _, _, close in coded[code]["snippets"]]) for code in codes]
        means = [np.mean([of_judge[code] for of_judge in given], axis=0) for code in codes]
        chosen = _chosen_elsewhere(truth, near, means)
        rules = {"a yes from five": np.full(len(codes), YES), "a yes chosen on other latents": chosen}
        for rule, at in rules.items():
            values = np.array([_balanced(*one) for one in zip(truth, near, means, at, strict=True)])
            mean = Interval.of_draws(document_draws(len(codes), 1000) @ values / len(codes))
            reading[f"{name}, {rule}"] = {
                "described": len(codes), "predict": int((values >= PREDICTS - 1e-9).sum()), "mean": str(mean),
                "yes from": sorted(set(at.tolist())),
            }  # fmt: skip
            print(name, rule, reading[f"{name}, {rule}"])
        # `values` are by the last rule, the one that is chosen on other latents.
        reading[name] = [
            {"latent": coded[code]["latent"], "explanation": coded[code]["text"], "score": round(value, 3)}
            for code, value in zip(codes, values.tolist(), strict=True)
        ]
    with storage.new_file(PACKAGED / RESIDUAL_SAE / GALLERY_FILE) as partial:
        storage.write_json(partial, pretrained_gallery() | {"by three judges": reading})


def _balanced(
    truth: Bool[np.ndarray, " snippets"],
    near: Bool[np.ndarray, " snippets"],
    answer: Float[np.ndarray, " snippets"],
    yes: float,
) -> float:
    """Balanced accuracy on the snippets of the protocol, which the nearer misses are no part of."""
    task = Task("detection", 0, [""] * int((~near).sum()), truth[~near])
    return task.score(answer[~near] >= yes)


def _chosen_elsewhere(truth: list, near: list, means: list) -> Float[np.ndarray, " latents"]:
    """For each latent the yes with the best mean balanced accuracy over the latents of the other half."""
    half = np.arange(len(truth)) % 2
    table = np.array([
        [_balanced(*one, yes) for yes in POSSIBLE] for one in zip(truth, near, means, strict=True)
    ])  # fmt: skip
    best = {part: POSSIBLE[table[half != part].mean(0).argmax()] for part in (0, 1)}
    return np.array([best[part] for part in half])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("cache", type=Path)
    parser.add_argument("packets", type=Path)
    parser.add_argument("--score", metavar="READERS", help="who judged, for the file")
    arguments = parser.parse_args()
    if arguments.score:
        score(arguments.cache, arguments.packets, arguments.score)
    else:
        write_packets(arguments.cache, arguments.packets)
