"""Tiny language models and a tokenizer, made here: nothing is downloaded and nothing leaves the machine."""

import guard  # before anything that could use the network

# isort: split
import importlib
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformer_lens.model_bridge import TransformerBridge
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

import sae_tutorial
from sae_tutorial.activations.collect import collect_activations
from sae_tutorial.activations.store import ActivationStore

PACKAGE = Path(sae_tutorial.__file__).parent
for path in sorted(PACKAGE.rglob("*.py")):
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    importlib.import_module(".".join(parts).removesuffix(".__init__"))
REFUSED_AT_IMPORT, GPU_TOUCHED_AT_IMPORT = list(guard.REFUSED), torch.cuda.is_initialized()

torch.set_num_threads(1)  # the tensors here are too small to share out

END_OF_TEXT = "<|endoftext|>"
N_POSITIONS = 64
HOOK = "blocks.1.hook_mlp_out"
CONTEXT = 24
# Different lengths, a text that is cut, one token, special tokens as plain text, several scripts and emoji.
TEXTS = [
    "Stocks fell on Tuesday after the bank said that profits would shrink.",
    "Goal!",
    "a",
    "The cup final ended one to one, and the replay is on Friday night in the old stadium by the river.",
    "A line that quotes <|endoftext|> and goes on.",
    "Zürich, 東京 and Αθήνα: 🙂🚀 naïve café",
    "  leading spaces,\n\na blank line and\ta tab",
    "The bank said on Friday that stocks and profits fell.",
]


@pytest.fixture(autouse=True)
def no_network() -> Iterator[None]:
    """Fail a test that tried to leave this machine, even if the code under test caught the refusal."""
    guard.REFUSED.clear()
    yield
    assert guard.REFUSED == []


@pytest.fixture(scope="session")
def tokenizer() -> PreTrainedTokenizerFast:
    """Byte-level BPE with some merges; BOS, EOS and padding are one id, as in GPT-2."""
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400, special_tokens=[END_OF_TEXT], initial_alphabet=alphabet, show_progress=False
    )
    bpe.train_from_iterator(TEXTS * 3, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=bpe,
        bos_token=END_OF_TEXT,
        eos_token=END_OF_TEXT,
        pad_token=END_OF_TEXT,
        add_bos_token=True,
        name_or_path="tiny",
    )


def bridge(model: torch.nn.Module, tokenizer: PreTrainedTokenizerFast) -> TransformerBridge:
    """Wrap a Hugging Face model."""
    model.config.architectures = [type(model).__name__]
    return TransformerBridge.boot_transformers(
        "tiny", hf_model=model.eval(), tokenizer=tokenizer, device="cpu", dtype=torch.float32
    )


@pytest.fixture(scope="session")
def make_gpt2(tokenizer: PreTrainedTokenizerFast) -> Callable[..., TransformerBridge]:
    """A function that makes a random 3-layer GPT-2 of width 32; `scale_mlp` multiplies what its MLPs put out."""

    def make(scale_mlp: float = 1.0) -> TransformerBridge:
        torch.manual_seed(0)
        config = GPT2Config(
            vocab_size=len(tokenizer), n_layer=3, n_embd=32, n_head=4, n_positions=N_POSITIONS,
            bos_token_id=0, eos_token_id=0, initializer_range=0.2,
        )  # fmt: skip
        model = GPT2LMHeadModel(config)
        for block in model.transformer.h:
            block.mlp.c_proj.weight.data *= scale_mlp
        return bridge(model, tokenizer)

    return make


@pytest.fixture(scope="session")
def gpt2(make_gpt2: Callable[..., TransformerBridge]) -> TransformerBridge:
    """A random GPT-2: learned positions, LayerNorm."""
    return make_gpt2()


@pytest.fixture(scope="session")
def llama(tokenizer: PreTrainedTokenizerFast) -> TransformerBridge:
    """A random 2-layer Llama of width 32: rotary positions, RMSNorm, grouped queries, no biases."""
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer), num_hidden_layers=2, hidden_size=32, intermediate_size=64,
        num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=N_POSITIONS,
        bos_token_id=0, eos_token_id=0, initializer_range=0.2, attn_implementation="eager",
    )  # fmt: skip
    return bridge(LlamaForCausalLM(config), tokenizer)


@pytest.fixture(scope="session")
def store(gpt2: TransformerBridge, tmp_path_factory: pytest.TempPathFactory) -> ActivationStore:
    """The activations of TEXTS at HOOK. Do not write into its directory."""
    directory: Path = tmp_path_factory.mktemp("session") / "store"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the cut text
        return collect_activations(gpt2, TEXTS, HOOK, directory=directory, context_size=CONTEXT)
