"""Trains one autoencoder of another library, a few steps at a time; runs in the peers' own environment.

Started by `benchmarks.peers` with a JSON object as its only argument:

    library        "sae-lens", "dictionary-learning" or "sparsify"
    architecture   "topk", "batchtopk" or "standard" (both sae-lens only), or "transcoder" (sparsify only)
    k, d_sae, batch_size, learning_rate, total_tokens, l1_coefficient, options
    rows           a .npy file [n, d_in], float32, already scaled to mean norm √d_in; for a transcoder [n, 2 d_in], the
                   targets behind the inputs

It then answers one line of JSON to each line on standard input: {"steps": n} trains and gives the seconds it took,
{"evaluate": file} gives the fraction of variance unexplained, L0 and the share of latents that never fire.
Standard output carries nothing else: what the libraries print goes to standard error.
"""

import json
import sys
import tempfile
import time
import types
from collections.abc import Callable, Iterator

import numpy as np
import torch

WARMUP_FRACTION, DECAY_FRACTION, DEAD_TOKENS = 0.02, 0.2, 100_000  # as in `TrainConfig`


def main() -> None:
    """Answer requests until standard input ends."""
    answers, sys.stdout = sys.stdout, sys.stderr
    settings = json.loads(sys.argv[1])
    torch.manual_seed(0)
    rows = torch.from_numpy(np.load(settings["rows"]))
    batches = shuffled(rows, settings["batch_size"])
    step, autoencoder = LIBRARIES[settings["library"]](settings, rows.shape[1])
    for line in sys.stdin:
        request = json.loads(line)
        if "steps" in request:
            start = time.perf_counter()
            for _ in range(request["steps"]):
                step(next(batches))
            answer = {"seconds": time.perf_counter() - start}
        else:
            answer = evaluate(*autoencoder(), torch.from_numpy(np.load(request["evaluate"])))
        print(json.dumps(answer), file=answers, flush=True)


def shuffled(rows: torch.Tensor, batch_size: int) -> Iterator[torch.Tensor]:
    """Batches over permutations of the rows, epoch after epoch; an epoch's last rows may open the next one's batch."""
    waiting, epoch = np.empty(0, dtype=np.int64), 0
    while True:
        while len(waiting) < batch_size:
            waiting = np.concatenate([waiting, np.random.default_rng([0, epoch]).permutation(len(rows))])
            epoch += 1
        yield rows[waiting[:batch_size]]
        waiting = waiting[batch_size:]


Encode = Callable[[torch.Tensor], torch.Tensor]


def sae_lens(settings: dict, d_in: int) -> tuple[Callable, Callable[[], tuple[Encode, Encode]]]:
    """SAELens's own trainer, step by step, with the library's defaults but for the schedule and the dead window."""
    from sae_lens import SAE
    from sae_lens.config import LoggingConfig, SAETrainerConfig
    from sae_lens.registry import get_sae_training_class
    from sae_lens.training.sae_trainer import SAETrainer

    sae_class, config_class = get_sae_training_class(settings["architecture"])
    own = {"k": settings["k"]} if "topk" in settings["architecture"] else {}
    if settings["architecture"] == "standard":
        own = {"l1_coefficient": settings["l1_coefficient"]}
    sae = sae_class(config_class(d_in=d_in, d_sae=settings["d_sae"], **own, **settings["options"]))
    n_steps = settings["total_tokens"] // settings["batch_size"]
    config = SAETrainerConfig(
        total_training_samples=settings["total_tokens"],
        train_batch_size_samples=settings["batch_size"],
        lr=settings["learning_rate"],
        lr_end=0.0,
        lr_warm_up_steps=round(WARMUP_FRACTION * n_steps),
        lr_decay_steps=round(DECAY_FRACTION * n_steps),
        dead_feature_window=DEAD_TOKENS // settings["batch_size"],
        logger=LoggingConfig(log_to_wandb=False),
    )
    trainer = SAETrainer(config, sae, data_provider=iter(()))

    def step(batch: torch.Tensor) -> None:
        trainer.step(batch)
        trainer.n_training_steps += 1

    def autoencoder() -> tuple[Encode, Encode]:
        with tempfile.TemporaryDirectory() as directory:
            trainer.sae.save_inference_model(directory)
            loaded = SAE.load_from_disk(directory)
        return loaded.encode, loaded.decode

    return step, autoencoder


def dictionary_learning(settings: dict, d_in: int) -> tuple[Callable, Callable[[], tuple[Encode, Encode]]]:
    """dictionary_learning's TopK trainer."""
    # Its activation buffer imports a library of gigabytes; the buffer is not used here.
    sys.modules["nnsight"] = types.SimpleNamespace(LanguageModel=None)
    from dictionary_learning.trainers.top_k import TopKTrainer

    n_steps = settings["total_tokens"] // settings["batch_size"]
    trainer = TopKTrainer(
        n_steps, d_in, settings["d_sae"], settings["k"], layer=0, lm_name="", lr=settings["learning_rate"],
        warmup_steps=round(WARMUP_FRACTION * n_steps), decay_start=round((1 - DECAY_FRACTION) * n_steps),
        seed=0, device="cpu",
    )  # fmt: skip
    trainer.dead_feature_threshold = DEAD_TOKENS
    count = iter(range(10**9))

    def step(batch: torch.Tensor) -> None:
        trainer.update(next(count), batch)

    return step, lambda: (trainer.ae.encode, trainer.ae.decode)


def sparsify(settings: dict, width: int) -> tuple[Callable, Callable[[], tuple[Encode, Encode]]]:
    """Sparsify's transcoder without a skip, and the step of its trainer, which reads a language model of its own."""
    from schedulefree import ScheduleFreeWrapper
    from sparsify import SparseCoder, SparseCoderConfig
    from sparsify.sign_sgd import SignSGD

    d_in = width // 2
    coder = SparseCoder(
        d_in, SparseCoderConfig(k=settings["k"], num_latents=settings["d_sae"], transcode=True)
    )
    # The library's default optimizer; its rate falls with the root of the width.
    rate = settings["learning_rate"] or 5e-3 / (settings["d_sae"] / 2**14) ** 0.5
    optimizer = ScheduleFreeWrapper(SignSGD([{"params": coder.parameters(), "lr": rate}]), momentum=0.95)
    first = True

    def step(batch: torch.Tensor) -> None:
        nonlocal first
        optimizer.train()  # its weights between steps, which `eval` had exchanged for their running mean
        x, y = batch[:, :d_in], batch[:, d_in:]
        if first:  # as in its trainer: pre-activations centred, the bias of the output at its mean
            coder.encoder.bias.data = -coder.encoder(x).mean(0).detach()
            coder.b_dec.data = y.mean(0)
            first = False
        coder(x, y).fvu.backward()
        optimizer.step()
        optimizer.zero_grad()

    def encode(rows: torch.Tensor) -> torch.Tensor:
        acts, indices, _ = coder.encode(rows[:, :d_in])
        return torch.zeros(len(rows), settings["d_sae"]).scatter(1, indices, acts)

    def transcoder() -> tuple[Encode, Encode]:
        optimizer.eval()
        return encode, lambda f: f @ coder.W_dec + coder.b_dec

    return step, transcoder


@torch.no_grad()
def evaluate(encode: Encode, decode: Encode, rows: torch.Tensor) -> dict[str, float]:
    """FVU with one global mean and float64 sums, mean L0, and the share of latents that are off on every row.

    A transcoder's rows have the targets, as wide as what it decodes, behind the inputs.
    """
    errors, active, counts = 0.0, 0, 0
    for batch in rows.split(1024):
        y_hat = decode(f := encode(batch))
        errors += float((batch[:, -y_hat.shape[1] :] - y_hat).double().pow(2).sum())
        active += int((f > 0).sum())
        counts = counts + (f > 0).sum(0)
    targets = rows[:, -y_hat.shape[1] :].double()
    spread = float((targets - targets.mean(0)).pow(2).sum())
    dead = float((counts == 0).float().mean())
    return {"fvu": errors / spread, "l0": active / len(rows), "dead_fraction": dead}


LIBRARIES = {"sae-lens": sae_lens, "dictionary-learning": dictionary_learning, "sparsify": sparsify}

if __name__ == "__main__":
    main()
