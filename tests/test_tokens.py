"""Tokens are shown with the spaces that they begin with, whatever the tokenizer, and ids that are no token are known."""

import pytest
from conftest import END_OF_TEXT, TEXTS
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from sae_tutorial.transformer.tokens import token_strings, vocabulary

TEXT = "the bank said that profits fell, and  stocks fell"


def sentencepiece_like(kind):
    """As Llama 2's (spaces by a normaliser, bytes for what is not in the vocabulary) and as Gemma's or Mistral's."""
    trainer_of = {"BPE": trainers.BpeTrainer, "Unigram": trainers.UnigramTrainer}
    if kind == "byte fallback":
        model = Tokenizer(models.BPE(byte_fallback=True))
        model.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
        model.decoder = decoders.Sequence(
            [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
        )
        specials = ["<s>", *(f"<0x{byte:02X}>" for byte in range(256))]
        kind = "BPE"
    else:
        kind, scheme = kind.split()
        model = Tokenizer(getattr(models, kind)())
        model.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme=scheme)
        model.decoder = decoders.Metaspace(prepend_scheme=scheme)
        specials = ["<s>"]
    trainer = trainer_of[kind](vocab_size=420, special_tokens=specials, show_progress=False)
    words = " ".join([TEXT, *TEXTS]).split()
    model.train_from_iterator([example for word in words for example in (word, f"so {word}")], trainer)
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=model, bos_token="<s>")
    if specials[1:]:  # bytes are no special tokens
        assert tokenizer.all_special_ids == [0]
    return tokenizer


@pytest.mark.parametrize("kind", ["byte fallback", "BPE always", "BPE first", "BPE never", "Unigram always"])
def test_spaces_are_kept_where_a_decoder_strips_the_first(kind):
    tokenizer = sentencepiece_like(kind)
    ids = tokenizer(TEXT, add_special_tokens=False)["input_ids"]
    assert len(ids) > 8
    strings = token_strings(tokenizer, ids)
    assert len(strings) == len(ids)
    assert "".join(strings).removeprefix(" ") == TEXT
    middle = next(
        i for i, piece in enumerate(tokenizer.convert_ids_to_tokens(ids)) if i > 2 and piece[0] == "▁"
    )
    assert token_strings(tokenizer, ids[middle:])[0][0] == " "  # also where a window begins with it
    assert token_strings(tokenizer, ids[middle : middle + 1]) == strings[middle : middle + 1]


def test_a_token_of_spaces_alone_is_shown():
    tokenizer = sentencepiece_like("BPE always")
    space = tokenizer.convert_tokens_to_ids("▁")
    assert token_strings(tokenizer, [space]) == [" "]
    assert token_strings(tokenizer, [space, space]) == [" ", " "]


def test_characters_of_several_bytes_are_shown_once():
    tokenizer = sentencepiece_like("byte fallback")
    ids = tokenizer("x 🜚 y", add_special_tokens=False)["input_ids"]
    strings = token_strings(tokenizer, ids)
    assert strings.count("⋯") == 3 and "".join(string for string in strings if string != "⋯") == " x 🜚 y"


def test_byte_level_tokens_are_shown_as_before(tokenizer):
    ids = tokenizer(TEXT, add_special_tokens=False)["input_ids"]
    assert token_strings(tokenizer, ids) == [tokenizer.decode([i]) for i in ids]


def test_ids_beyond_the_tokenizer_are_shown_as_nothing(tokenizer):
    assert token_strings(tokenizer, [5, len(tokenizer) + 3]) == [tokenizer.decode([5]), ""]


def test_the_vocabulary_ends_where_the_tokenizer_or_the_model_does(tokenizer):
    n = len(tokenizer)
    assert vocabulary(tokenizer, n + 30).tolist() == list(range(n))
    assert vocabulary(tokenizer, n - 30).tolist() == list(range(n - 30))
    assert tokenizer.bos_token == END_OF_TEXT and tokenizer.bos_token_id == 0
    assert vocabulary(tokenizer, n, special=False).tolist() == list(range(1, n))
