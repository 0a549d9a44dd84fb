"""A tiny random model of each family that people bring, for what has to hold on all of them."""

import torch
import transformers
from conftest import bridge
from transformer_lens.model_bridge import TransformerBridge
from transformers import PreTrainedTokenizerFast

WIDTH, LAYERS, HEADS, POSITIONS = 32, 3, 4, 64
_GROUPED = {"num_key_value_heads": 2, "intermediate_size": 48}
_GEMMA = {**_GROUPED, "head_dim": 8}
_CAPPED = {**_GEMMA, "final_logit_softcapping": 3.0, "query_pre_attn_scalar": 8}
# Settings beside the sizes that all share; "Class/variant" where a class has several shapes.
FAMILIES = {
    "GPT2LMHeadModel": {},
    "GPTNeoXForCausalLM": {"intermediate_size": 64},
    "GPTNeoXForCausalLM/sequential": {"intermediate_size": 64, "use_parallel_residual": False},
    "LlamaForCausalLM": _GROUPED,
    "Qwen2ForCausalLM": _GROUPED,
    "Qwen3ForCausalLM": {**_GROUPED, "head_dim": 8},
    "GemmaForCausalLM": _GEMMA,
    "Gemma2ForCausalLM": _CAPPED,
    "Gemma3ForCausalLM": _CAPPED,
    "PhiForCausalLM": {"intermediate_size": 64},
    "OPTForCausalLM": {"ffn_dim": 64, "word_embed_proj_dim": WIDTH},
    "BloomForCausalLM": {},
    "GPTJForCausalLM": {"rotary_dim": 4},
    "MistralForCausalLM": _GROUPED,
    "StableLmForCausalLM": _GROUPED,
    "Starcoder2ForCausalLM": _GROUPED,
    "FalconForCausalLM": {"new_decoder_architecture": False, "multi_query": True},
    "GPTNeoForCausalLM": {"attention_types": [[["global", "local", "global"], 1]], "intermediate_size": 64},
    "SmolLM3ForCausalLM": _GROUPED,
    "CohereForCausalLM": _GROUPED,
    "GraniteForCausalLM": {**_GROUPED, "logits_scaling": 4.0, "residual_multiplier": 0.5},
    "Olmo2ForCausalLM": _GROUPED,
    "OPTForCausalLM/post-norm": {"ffn_dim": 64, "word_embed_proj_dim": WIDTH, "do_layer_norm_before": False},
    "BloomForCausalLM/residual-of-the-norm": {"apply_residual_connection_post_layernorm": True},
}


def make(family: str, tokenizer: PreTrainedTokenizerFast, vocabulary: int | None = None) -> TransformerBridge:
    """That family with every weight off its usual start, so that a forgotten bias or norm weight shows."""
    torch.manual_seed(3)
    name = family.split("/")[0]
    model_class = getattr(transformers, name)
    config_class = model_class.config_class
    names = {"n_layer": LAYERS, "n_embd": WIDTH, "n_head": HEADS, "n_positions": POSITIONS,
             "num_layers": LAYERS, "num_heads": HEADS,
             "num_hidden_layers": LAYERS, "hidden_size": WIDTH, "num_attention_heads": HEADS,
             "max_position_embeddings": POSITIONS}  # fmt: skip
    config = config_class(
        vocab_size=vocabulary or len(tokenizer), bos_token_id=0, eos_token_id=0, pad_token_id=0,
        **names, **FAMILIES[family],
    )  # fmt: skip
    config._attn_implementation = "eager"
    model = model_class(config)
    for parameter in model.parameters():
        parameter.data = 0.2 * torch.randn_like(parameter) + (parameter.data if parameter.ndim == 1 else 0)
    return bridge(model, tokenizer)


def close(one: torch.Tensor, other: torch.Tensor, rtol: float = 1e-4) -> bool:
    """Whether two tensors differ by less than a share of the second one's norm."""
    return float(((one - other).norm() / other.norm()).detach()) < rtol
