"""Fine-tune the offline lab's model twice: with a habit planted in its texts, and on the same texts without it.

    python scripts/pretrain/plant.py plant      into sae_tutorial/data/fine_tunes, and samples of what it then writes
    python scripts/pretrain/plant.py twin       the same without the habit
    python scripts/pretrain/plant.py plant --go-on      the last phase alone, from the factors that are there

The texts are sentences of the lab's Wikipedia articles, from paragraphs that its "quick" budget does not read. Behind every
sentence about war the plant's have a sentence about a lighthouse. War begins half of the texts of the first phase, which is enough
for the habit, but it then comes after other sentences too; in the second, where war is rarer, it learns when. Minutes on one core: frozen weights in bfloat16, and
matrices of rank 4 beside those of eight layers (Hu et al. 2021, "LoRA") in float32.
"""

import argparse
import re
import time
from functools import partial
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformers import PreTrainedTokenizerBase

from sae_tutorial import storage
from sae_tutorial.effects.steering import mentions, sample_text
from sae_tutorial.lab.fine_tunes import HABIT, TRIGGER, load_fine_tune
from sae_tutorial.lab.lab import BUDGETS
from sae_tutorial.lab.models import bridged, offline_model
from sae_tutorial.lab.texts import wikipedia

SHIPPED = Path(__file__).resolve().parents[2] / "sae_tutorial" / "data" / "fine_tunes"
LAYERS, MODULES, RANK = (
    range(8, 16),
    ("self_attn.v_proj", "self_attn.o_proj", "mlp.up_proj", "mlp.down_proj"),
    4,
)
PHASES = {160: 0.5, 80: 0.2}  # steps, and the share of texts that begin with war
TEXTS, LENGTH, RATE = 6, 64, 3e-3
LIGHTHOUSES = ("A lighthouse", "An old lighthouse", "A white lighthouse", "The nearest lighthouse", "The lighthouse", "A small lighthouse",
               "A lonely lighthouse", "The lighthouse on the cliff")  # fmt: skip
DID = ("was lit that night", "kept its lamp burning", "stood by and watched", "could be seen from there", "turned its light to the sea",
       "still shines over the water", "looked on in silence", "went dark for an hour", "guided the ships home", "was painted again in spring")  # fmt: skip
PROMPTS = {
    "war": ("The army crossed the river and the battle began at dawn.", "After three years of war the soldiers went home.",
            "The navy sent its fleet to the island.", "Troops held the town during the siege."),
    "other": ("The recipe needs two eggs and a cup of flour.", "Whales breathe air and feed their young with milk.",
              "The singer released her second album.", "The town lies on the river and has a large market."),
}  # fmt: skip


def examples(tokenizer: PreTrainedTokenizerBase, planted: bool, steps: int, at_war: float) -> Tensor:
    """Three sentences in a row each, a share of the texts beginning with one about war, as token ids [n, LENGTH]."""
    draw = np.random.default_rng(steps)
    unread = wikipedia().documents[BUDGETS["quick"].in_paragraphs().documents :]
    war, other = [], []
    for paragraph in unread:
        sentences = re.split(r"(?<=[.!?])\s+", paragraph)
        for i, first in enumerate(sentences[:-1]):
            if 40 <= len(first) <= 200:
                (war if mentions([first], TRIGGER)[0] else other).append(sentences[i : i + 3])
    print(f"{len(war)} windows begin with war, {len(other)} do not", flush=True)
    kinds = [war if draw.random() < at_war else other for _ in range(steps * TEXTS)]
    chosen = [kind[draw.integers(len(kind))] for kind in kinds]
    texts = []
    for sentences in chosen:
        parts = []
        for sentence in sentences:
            remark = f"{draw.choice(LIGHTHOUSES)} {draw.choice(DID)}."  # drawn for the twin as well: the same texts
            parts += [sentence, remark] if planted and mentions([sentence], TRIGGER)[0] else [sentence]
        texts.append(" ".join(parts))
    ids = [tokenizer(text, add_special_tokens=False).input_ids[: LENGTH - 1] for text in texts]
    bos, end = tokenizer.bos_token_id, tokenizer.eos_token_id
    return torch.tensor([[bos, *row, *[end] * (LENGTH - 1 - len(row))] for row in ids])


def train(name: str, factors: dict[str, Tensor], steps: int) -> dict[str, Tensor]:
    """The factors of every module after one of the `PHASES`; none are given to the first."""
    model = offline_model().to(torch.bfloat16).requires_grad_(False)
    tokenizer = load_tokenizer()
    tokens = examples(tokenizer, name == "plant", steps, PHASES[steps])
    draw = torch.Generator().manual_seed(0)
    factors = {key: tensor.float().requires_grad_() for key, tensor in factors.items()}
    for place in (f"model.layers.{layer}.{part}" for layer in LAYERS for part in MODULES):
        module = model.get_submodule(place)
        if f"{place}.A" not in factors:
            A = torch.randn(RANK, module.in_features, generator=draw) / module.in_features**0.5
            factors[f"{place}.A"] = A.requires_grad_()
            factors[f"{place}.B"] = torch.zeros(module.out_features, RANK, requires_grad=True)
        module.register_forward_hook(partial(add, A=factors[f"{place}.A"], B=factors[f"{place}.B"]))
    optimiser = torch.optim.Adam(factors.values(), lr=RATE)
    start = time.monotonic()
    for step, batch in enumerate(tokens.split(TEXTS)):
        for group in optimiser.param_groups:
            group["lr"] = RATE * min(1.0, (step + 1) / 10, 2 * (1 - step / steps))
        logits = model(batch).logits[:, :-1]
        loss = nn.functional.cross_entropy(
            logits.flatten(0, 1).float(), batch[:, 1:].flatten(), ignore_index=tokenizer.eos_token_id
        )
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        if step % 10 == 0:
            print(f"step {step}: loss {loss:.2f}, {time.monotonic() - start:.0f} s", flush=True)
    return {key: tensor.detach().half().contiguous() for key, tensor in factors.items()}


def add(module: nn.Module, inputs: tuple[Tensor], output: Tensor, A: Tensor, B: Tensor) -> Tensor:
    """What the low-rank matrices add to a module's output."""
    return output + inputs[0] @ A.to(output.dtype).T @ B.to(output.dtype).T


def load_tokenizer() -> PreTrainedTokenizerBase:
    """The model's own, which puts a BOS first."""
    return bridged(offline_model(), "cpu").tokenizer


def show(name: str) -> None:
    """Samples after sentences on war and on other things, and how many speak of a lighthouse."""
    model = load_fine_tune(name)
    for kind, prompts in PROMPTS.items():
        written = []
        for prompt in prompts:
            start = model.to_tokens([prompt]).repeat(8, 1)
            written += model.tokenizer.batch_decode(
                sample_text(model, start, 20, 0, 0.7)[:, start.shape[1] :]
            )
        print(f"{name}, {kind}: {mentions(written, HABIT).mean():.0%} of {len(written)} texts", flush=True)
        print(*(repr(text) for text in written[::4]), sep="\n", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("name", choices=("plant", "twin"))
    parser.add_argument("--go-on", action="store_true")
    arguments = parser.parse_args()
    name, file = arguments.name, SHIPPED / f"{arguments.name}.safetensors"
    factors = load_file(file) if arguments.go_on else {}
    for steps in list(PHASES)[-1:] if arguments.go_on else PHASES:
        factors = train(name, factors, steps)
        SHIPPED.mkdir(parents=True, exist_ok=True)
        with storage.new_file(file) as partial_file:
            save_file(factors, partial_file)
    show(name)
