"""Look for what was planted in the fine-tune, by a crosscoder and by cheap rivals, and test each answer by intervening.

    python scripts/pretrain/diff.py CACHE rows base plant twin    both models' streams, and the twin's, on the same paragraphs
    python scripts/pretrain/diff.py CACHE find                    each method's directions: what they raise, where they are on
    python scripts/pretrain/diff.py CACHE steer                   put each into the base model: does the habit come?
    python scripts/pretrain/diff.py CACHE ablate                  take each out of the tuned model: does it go?

Every direction is chosen by a rule that does not know the plant: of the crosscoder the latent with the largest share on the
tuned side, of the difference's SAE the latent that writes most, of the principal directions the first. The first three tokens of
a text are left out; their rows are like no others, and latents that stand for them would come first.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from plant import PROMPTS
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn.functional import normalize
from transformer_lens.model_bridge import TransformerBridge

from sae_tutorial.activations.collect import collect_activations
from sae_tutorial.activations.store import ActivationStore, SideBySide
from sae_tutorial.effects import steering
from sae_tutorial.features import diffing
from sae_tutorial.features.contexts import top_contexts
from sae_tutorial.features.latents import Latents, encoded
from sae_tutorial.lab.fine_tunes import HABIT, load_fine_tune
from sae_tutorial.lab.lab import BUDGETS
from sae_tutorial.lab.models import load_offline_model
from sae_tutorial.lab.texts import wikipedia
from sae_tutorial.sae.coder import SparseAutoencoder
from sae_tutorial.sae.config import SAEConfig, TrainConfig
from sae_tutorial.sae.training import train_sae
from sae_tutorial.transformer.edits import Replace, intervene
from sae_tutorial.transformer.families import direct_effects
from sae_tutorial.transformer.tokens import token_strings

HOOK, PARAGRAPHS = "blocks.16.hook_resid_post", 200
EVERYDAY, WAR = PROMPTS["other"], PROMPTS["war"]  # what the plant was tried on
DOSES, N, DRAWS, FIRST, LEAST, NEW = (0.3, 0.5), 64, 19, 4, 20, 24


def rows(cache: Path, names: list[str]) -> None:
    """Collect each model's rows on the same paragraphs, in bfloat16."""
    read = wikipedia().documents[: BUDGETS["quick"].in_paragraphs().documents]
    texts = [read[i] for i in sorted(np.random.default_rng(0).permutation(len(read))[:PARAGRAPHS])]
    for name in names:
        model = load_offline_model("cpu") if name == "base" else load_fine_tune(name)
        collect_activations(model.to(torch.bfloat16), texts, HOOK, directory=cache / f"rows_{name}")


def opened(cache: Path, name: str) -> ActivationStore:
    """One model's rows."""
    return ActivationStore.open(cache / f"rows_{name}").from_position(FIRST)


def find(cache: Path) -> None:
    """Print what each method finds, and save one direction for each."""
    base, plant, model = opened(cache, "base"), opened(cache, "plant"), load_offline_model("cpu")

    def raised(direction: Float[Tensor, " d"]) -> list[str]:
        ids, effects = direct_effects(model, direction)
        return token_strings(model.tokenizer, ids[effects.topk(8).indices].tolist())

    def seen(latents: Latents, latent: int) -> None:
        for context in top_contexts(model.tokenizer, latents, latent, 4, 10):
            before, after = context.tokens[: context.centre], context.tokens[context.centre + 1 :]
            print("     ", repr(f"{''.join(before)}[{context.tokens[context.centre]}]{''.join(after)}"))

    mean, main, part = diffing.main_changes(base, plant)
    change = plant[:] - base[:]
    for rule, size in (
        ("that changed most", change.norm(dim=1)),
        ("furthest along the first direction", change @ main[0]),
    ):
        print(f"rows {rule}")
        for row in size.topk(12).indices.tolist():
            around = token_strings(model.tokenizer, base.token_ids[max(0, row - 10) : row + 4])
            print("     ", repr("".join(around[:-4]) + f"[{around[-4]}]" + "".join(around[-3:])))
    found = {"mean difference": mean, "first principal direction": main[0]}
    print("mean difference raises", raised(mean))
    for direction, share in zip(main, part, strict=True):
        print(f"principal direction, {share:.0%} of the variance, raises {raised(direction)}")
    if (cache / "rows_twin").is_dir():
        print(
            "mean difference of the twin raises", raised(diffing.main_changes(base, opened(cache, "twin"))[0])
        )
    runs = [("plant", "batchtopk", 0), ("plant", "batchtopk", 1), ("plant", "relu_free", 0)]
    runs += [("twin", "batchtopk", 0)] * (cache / "rows_twin").is_dir() + [("base", "batchtopk", 0)]
    for name, architecture, seed in runs:
        other = opened(cache, name)
        pair = SideBySide(base, other)
        coder = SparseAutoencoder(
            SAEConfig(pair.shape[1], 1, architecture, k=32, l1_coefficient=0.03, sides=2), seed
        )
        train_sae(coder, pair, TrainConfig(150_000, seed=seed, norm_limit=10), progress=False)
        latents = diffing.read_sides(coder, base, other)
        share, on = diffing.tuned_share(coder), torch.from_numpy(latents.n_active)
        own, claimed = (
            diffing.own_latents(coder, pair, latents, LEAST, 0.6),
            ((share > diffing.OWN_SHARE) & (on >= LEAST)).sum(),
        )
        live = share[on >= LEAST]
        print(f"\n{name}, {architecture}, seed {seed}: L0 {latents.matrix.nnz / len(base):.0f}, {len(live)} of {len(on)} latents on "
              f"at least {LEAST} rows; shares {live.min():.2f} to {live.max():.2f}, median {live.median():.2f}; above the paper's line: {claimed}, "
              f"above 0.6 and own by latent scaling: {len(own)}", flush=True)  # fmt: skip
        best = sorted((i for i in range(len(on)) if on[i] >= LEAST), key=lambda i: -share[i])[:5]
        scaling = diffing.latent_scaling(coder, pair, best)
        for latent, error, other_part in zip(best, *scaling, strict=True):
            print(
                f"  latent {latent}, share {share[latent]:.2f}, ν^ε {error:.2f}, ν^r {other_part:.2f}, on {on[latent]}"
            )
        for latent in best[:3]:
            direction = diffing.side_rows(coder, 1)[latent]
            print(f"  latent {latent}{' (own)' * (latent in own)} raises {raised(direction)}")
            seen(latents, latent)
        if (name, architecture, seed) == ("plant", "batchtopk", 0):
            arrow = diffing.side_rows(coder, 1)[best[0]]
            found["latent of the largest share"] = arrow
            found["the same, tuned arrow less base arrow"] = arrow - diffing.side_rows(coder, 0)[best[0]]
    sae = SparseAutoencoder(SAEConfig(change.shape[1], 1, "batchtopk", k=8))
    train_sae(sae, change, TrainConfig(100_000, norm_limit=10), progress=False)
    latents = Latents(encoded(sae, change), base.token_ids, base.document_ids, {}, len(base))
    strength = np.asarray(latents.matrix.power(2).sum(0)).ravel()
    strength[latents.n_active < LEAST] = 0
    print("\nan SAE of the difference")
    for latent in np.argsort(-strength)[:5].tolist():
        print(
            f"  latent {latent}, on {latents.n_active[latent]}, raises {raised(sae.W_dec[latent].detach())}"
        )
        seen(latents, latent)
    found["SAE of the difference"] = sae.W_dec[int(strength.argmax())].detach().clone()
    unit = {name: normalize(direction, dim=0).contiguous() for name, direction in found.items()}
    print(
        {
            name: round(float(direction @ unit["first principal direction"]), 2)
            for name, direction in unit.items()
        }
    )
    save_file(unit | {"mean row": base[:].mean(0)}, cache / "found.safetensors")


def written(model: TransformerBridge, prompts: Sequence[str], edit: Replace | None, n_each: int) -> list[str]:
    """What the model writes after each prompt, with an edit of the stream or without."""
    texts = []
    for seed, prompt in enumerate(prompts):
        start = model.to_tokens([prompt]).repeat(n_each, 1)
        with intervene(model, {} if edit is None else {HOOK: edit}):
            tokens = steering.sample_text(model, start, NEW, seed, 0.7)
        texts += model.tokenizer.batch_decode(tokens[:, start.shape[1] :])
    return texts


def steer(cache: Path) -> None:
    """Add each direction to the base model's stream after everyday sentences; at random: a direction for each text."""
    model, found = load_offline_model("cpu"), load_file(cache / "found.safetensors")
    del found["mean row"]
    median = steering.median_norm(opened(cache, "base"))
    each = N // len(EVERYDAY)
    print(
        f"nothing added: {steering.mentions(written(model, EVERYDAY, None, each), HABIT).mean():.0%} of {N}",
        flush=True,
    )
    found["random directions"] = steering.random_directions(each, model.cfg.d_model)[:, None]
    for dose in DOSES:
        for name, direction in found.items():
            texts = written(model, EVERYDAY, steering.added(dose * median * direction), each)
            print(f"{name} at {dose}: {steering.mentions(texts, HABIT).mean():.0%} of {N}", flush=True)
            print(*(f"    {text!r}" for text in texts[::each][:3]), sep="\n", flush=True)


def ablate(cache: Path) -> None:
    """Set each direction's share of the tuned model's stream to that of the base model's mean row, after sentences on war."""
    model, found = load_fine_tune("plant"), load_file(cache / "found.safetensors")
    mean = found.pop("mean row")

    def left(direction: Tensor, n_each: int) -> float:
        texts = written(model, WAR, steering.without_direction(direction, mean), n_each)
        return float(steering.mentions(texts, HABIT).mean())

    print(
        f"nothing taken out: {steering.mentions(written(model, WAR, None, N // 4), HABIT).mean():.0%} of {N}",
        flush=True,
    )
    for name, direction in found.items():
        print(f"{name} taken out: {left(direction, N // 4):.0%}", flush=True)
    drawn = sorted(left(direction, 4) for direction in steering.random_directions(DRAWS, len(mean), seed=1))
    print(f"random directions, {DRAWS} draws of 16 texts: {drawn[0]:.0%} to {drawn[-1]:.0%}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("cache", type=Path)
    parser.add_argument("step", choices=("rows", "find", "steer", "ablate"))
    parser.add_argument("names", nargs="*")
    arguments = parser.parse_args()
    if arguments.step == "rows":
        rows(arguments.cache, arguments.names)
    else:
        {"find": find, "steer": steer, "ablate": ablate}[arguments.step](arguments.cache)
