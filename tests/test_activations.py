"""The store holds what the model computes on real tokens, in order, or does not exist."""

import errno
import os
import shutil
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import CONTEXT, HOOK, TEXTS

from sae_tutorial import storage
from sae_tutorial.activations import collect as activations
from sae_tutorial.activations.collect import collect_activations, run_to_hook, text_activations
from sae_tutorial.activations.store import ActivationStore, iterate_batches
from sae_tutorial.transformer import tokens
from sae_tutorial.transformer.tokens import batches_by_length, pad_right, token_strings, tokenize


def ids_of(tokenizer, text: str, context_size: int = CONTEXT) -> list[int]:
    """One text's ids without any of the package's code: BOS, then the text with special tokens as plain text."""
    ids = tokenizer(text, add_special_tokens=False, split_special_tokens=True)["input_ids"]
    return [tokenizer.bos_token_id, *ids][:context_size]


def one_by_one(model, texts: list[str], hook_name: str, context_size: int = CONTEXT) -> torch.Tensor:
    """What one unpadded forward pass per text gives at the hook, BOS left out."""
    rows = []
    with torch.inference_mode():
        for text in texts:
            ids = torch.tensor([ids_of(model.tokenizer, text, context_size)])
            _, cache = model.run_with_cache(ids, names_filter=hook_name)
            rows.append(cache[hook_name][0, 1:])
    return torch.cat(rows)


def collect(model, texts: list[str], directory: Path, hook_name: str = HOOK, **options) -> ActivationStore:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # texts that are cut
        return collect_activations(
            model, texts, hook_name, directory=directory, **{"context_size": CONTEXT} | options
        )


def files_of(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.iterdir()}


# ------------------------------------------------------------------------------------- what is stored


@pytest.mark.parametrize("tokens_per_batch", [1, 50, 10_000])
@pytest.mark.parametrize("model_name", ["gpt2", "llama"])
def test_rows_equal_unpadded_passes_in_document_order(request, tmp_path, model_name, tokens_per_batch):
    model = request.getfixturevalue(model_name)
    store = collect(model, TEXTS, tmp_path / "s", dtype="float32", tokens_per_batch=tokens_per_batch)
    expected = one_by_one(model, TEXTS, HOOK)
    assert expected.std() > 0.05  # the comparison is not one of zeros
    torch.testing.assert_close(store[:], expected, atol=2e-5, rtol=1e-4)


def test_float16_store_is_the_float32_store_rounded(gpt2, tmp_path):
    wide = collect(gpt2, TEXTS, tmp_path / "wide", dtype="float32")
    narrow = collect(gpt2, TEXTS, tmp_path / "narrow")
    assert narrow.activations.dtype == np.float16
    assert narrow[:].dtype == torch.float32
    assert torch.equal(narrow[:], wide[:].half().float())


def test_token_ids_document_ids_and_counts(store, tokenizer):
    ids = [ids_of(tokenizer, text) for text in TEXTS]
    assert len(store) == sum(len(document) - 1 for document in ids)
    assert store.shape == (len(store), 32)
    assert store.token_ids.tolist() == [token for document in ids for token in document[1:]]
    assert store.document_ids.tolist() == [d for d, document in enumerate(ids) for _ in document[1:]]


def test_no_bos_and_no_padding_is_stored_even_where_texts_name_the_special_token(gpt2, tokenizer, tmp_path):
    texts = [
        "<|endoftext|>",
        "x <|endoftext|><|endoftext|> y",
        "a much longer text, so that the others are padded",
    ]
    store = collect(gpt2, texts, tmp_path / "s", context_size=64)
    assert tokenizer.bos_token_id == tokenizer.pad_token_id == 0
    assert 0 not in store.token_ids
    for document, text in enumerate(texts):
        assert tokenizer.decode(store.token_ids[store.document_ids == document]) == text


def test_padding_value_does_not_reach_real_positions(gpt2):
    short, long = np.arange(1, 5), np.arange(1, 20)
    padded = pad_right([short, long])
    assert padded.shape == (2, 19)
    assert padded[0].tolist() == [1, 2, 3, 4] + [0] * 15
    alone = run_to_hook(gpt2, padded[:1, :4], HOOK)[0]
    torch.testing.assert_close(run_to_hook(gpt2, padded, HOOK)[0, :4], alone, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize(
    "hook_name",
    [
        "blocks.0.hook_resid_pre",
        "blocks.0.hook_mlp_out",
        "blocks.1.hook_attn_out",
        "blocks.2.hook_resid_post",
        "blocks.2.mlp.hook_post",
        "hook_embed",
        "hook_pos_embed",
        "ln_final.hook_normalized",
    ],
)
def test_hooks_of_every_place(gpt2, tmp_path, hook_name):
    store = collect(gpt2, TEXTS[:4], tmp_path / "s", hook_name, dtype="float32")
    torch.testing.assert_close(store[:], one_by_one(gpt2, TEXTS[:4], hook_name), atol=2e-5, rtol=1e-4)


def test_layers_after_the_hook_are_not_run(gpt2):
    ran = []
    handles = [
        block.register_forward_hook(lambda *_, layer=layer: ran.append(layer))
        for layer, block in enumerate(gpt2.original_model.transformer.h)
    ]
    try:
        run_to_hook(gpt2, torch.tensor([[0, 5, 6]]), "blocks.1.hook_mlp_out")
    finally:
        for handle in handles:
            handle.remove()
    assert ran == [0, 1]


def test_settings_say_where_the_rows_came_from(store):
    assert store.settings["hook_name"] == HOOK
    assert store.settings["context_size"] == CONTEXT
    assert store.settings["prepend_bos"] is True
    assert store.settings["model_name"] == "tiny"


def test_cut_texts_are_counted_and_warned_of(gpt2, tokenizer, tmp_path):
    text = TEXTS[0]
    length = len(ids_of(tokenizer, text, 1000))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        whole = collect_activations(gpt2, [text], HOOK, directory=tmp_path / "a", context_size=length)
    assert (whole.settings["n_truncated"], len(whole)) == (0, length - 1)
    with pytest.warns(UserWarning, match=rf"1 of 2 texts were cut to {length - 1} tokens"):
        cut = collect_activations(gpt2, [text, "a"], HOOK, directory=tmp_path / "b", context_size=length - 1)
    assert (cut.settings["n_truncated"], int((cut.document_ids == 0).sum())) == (1, length - 2)


def test_tokenize_takes_many_texts_in_chunks(tokenizer, monkeypatch):
    whole = tokenize(tokenizer, TEXTS, 1000)
    monkeypatch.setattr(tokens, "TEXTS_PER_TOKENIZER_CALL", 3)
    chunked = tokenize(tokenizer, TEXTS, 1000)
    assert all(np.array_equal(a, b) for a, b in zip(whole, chunked, strict=True))


def test_text_activations_are_those_of_the_store(gpt2, store):
    ids, rows = text_activations(gpt2, TEXTS[0], HOOK, CONTEXT)
    of_document = store.document_ids == 0
    assert ids.tolist() == store.token_ids[of_document].tolist()
    torch.testing.assert_close(rows, store[of_document], atol=2e-3, rtol=2e-3)


def test_text_activations_can_be_trained_on(gpt2):
    _, rows = text_activations(gpt2, TEXTS[0], HOOK, CONTEXT)
    weight = torch.ones(32, requires_grad=True)
    (rows * weight).sum().backward()
    torch.testing.assert_close(weight.grad, rows.sum(0))


# ------------------------------------------------------------------------------------- wrong arguments


@pytest.mark.parametrize(
    ("texts", "error", "message"),
    [
        ("one string", TypeError, "wrap it in a list"),
        ([], ValueError, "texts is empty"),
        (["fine", ""], ValueError, r"texts\[1\] is ''"),
        (["fine", "fine", " \n\t"], ValueError, r"texts\[2\]"),
        (["fine", None], TypeError, r"texts\[1\] is None, a NoneType"),
        ([3.5], TypeError, r"texts\[0\] is 3.5, a float"),
        (["a \ud800 b"], ValueError, r"texts\[0\]"),
    ],
)
def test_wrong_texts_are_named(gpt2, tmp_path, texts, error, message):
    with pytest.raises(error, match=message):
        collect(gpt2, texts, tmp_path / "s")
    assert list(tmp_path.iterdir()) == []


def test_unknown_hook_gets_near_matches(gpt2, tmp_path):
    with pytest.raises(ValueError, match=r"no hook 'blocks.1.mlp_out'.*blocks.1.hook_mlp_out"):
        collect(gpt2, TEXTS, tmp_path / "s", "blocks.1.mlp_out")
    with pytest.raises(ValueError, match="no hook 'blocks.7.hook_mlp_out'"):
        collect(gpt2, TEXTS, tmp_path / "s", "blocks.7.hook_mlp_out")
    with pytest.raises(ValueError, match=r"no hook 'blocks\.\.\*'"):
        collect(gpt2, TEXTS, tmp_path / "s", "blocks..*")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("hook_name", ["blocks.1.attn.hook_attn_scores", "blocks.1.attn.hook_pattern"])
def test_hooks_without_one_vector_per_position_are_refused(gpt2, tmp_path, hook_name):
    with pytest.raises(ValueError, match=rf"{hook_name}.* is needed"):
        collect(gpt2, TEXTS, tmp_path / "s", hook_name)
    assert list(tmp_path.iterdir()) == []


def test_hooks_that_need_a_switch_say_which(gpt2, tmp_path):
    with pytest.raises(ValueError, match=r"Call set_use_split_qkv_input\(True\) first"):
        collect(gpt2, TEXTS, tmp_path / "s", "blocks.1.hook_q_input")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("context_size", [0, 1, 65])
def test_context_size_out_of_range(gpt2, tmp_path, context_size):
    with pytest.raises(ValueError, match=f"between 2 and the model's 64, got {context_size}"):
        collect(gpt2, TEXTS, tmp_path / "s", context_size=context_size)


def test_other_number_formats_are_refused(gpt2, tmp_path):
    with pytest.raises(ValueError, match="float16 or float32, got 'int8'"):
        collect(gpt2, TEXTS, tmp_path / "s", dtype="int8")
    assert list(tmp_path.iterdir()) == []


def test_a_tokenizer_without_bos_is_refused(tokenizer, monkeypatch):
    class Bare:
        bos_token_id = None

    with pytest.raises(ValueError, match="no BOS token"):
        tokenize(Bare(), ["text"], 8)


def test_a_model_with_dropout_on_is_refused(make_gpt2, tmp_path):
    model = make_gpt2()
    model.train()
    with pytest.raises(ValueError, match=r"training mode.*call model.eval\(\)"):
        collect(model, TEXTS, tmp_path / "store")
    model.eval()
    assert len(collect(model, TEXTS, tmp_path / "store"))


def test_a_directory_with_other_files_is_refused_before_anything_is_run(gpt2, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(FileExistsError, match=r"notes\.txt, among which these files do not belong"):
        collect(gpt2, TEXTS, tmp_path)
    assert files_of(tmp_path) == {"notes.txt": b"mine"}


def test_overflow_of_float16_names_the_cure_and_the_cure_works(make_gpt2, tmp_path):
    model = make_gpt2(scale_mlp=1e6)
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)  # numpy's own overflow warning adds nothing
        with pytest.raises(ValueError, match=r"does not fit float16; collect with dtype='float32'"):
            collect_activations(model, TEXTS[:1], HOOK, directory=tmp_path / "s", context_size=64)
    assert list(tmp_path.iterdir()) == []
    store = collect(model, TEXTS, tmp_path / "s", dtype="float32")
    assert store[:].abs().max() > 65_504


def test_nan_weights_are_named(make_gpt2, tmp_path):
    model = make_gpt2(scale_mlp=float("nan"))
    with pytest.raises(ValueError, match="nan.*check the model's weights"):
        collect(model, TEXTS, tmp_path / "s", dtype="float32")
    assert list(tmp_path.iterdir()) == []


# ------------------------------------------------------------------------------- failures on the way


@pytest.mark.parametrize("older", [False, True])
@pytest.mark.parametrize(
    ("place", "failure"),
    [
        ("run_to_hooks", RuntimeError("out of memory")),
        ("run_to_hooks", KeyboardInterrupt()),
        ("RowWriter.write", OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))),
    ],
)
def test_a_failure_midway_leaves_no_new_store_and_an_older_one_whole(
    gpt2, tmp_path, monkeypatch, place, failure, older
):
    directory = tmp_path / "s"
    if older:
        collect(gpt2, ["an older text"], directory)
    before = files_of(directory) if older else None
    owner, name = (activations.RowWriter, "write") if "." in place else (activations, place)
    real, calls = getattr(owner, name), []

    def fails_at_the_third(*arguments):
        calls.append(arguments)
        if len(calls) == 3:
            raise failure
        return real(*arguments)

    monkeypatch.setattr(owner, name, fails_at_the_third)
    with pytest.raises(type(failure)):
        collect(gpt2, TEXTS, directory, tokens_per_batch=30)
    assert len(calls) == 3
    assert [path.name for path in tmp_path.iterdir()] == (["s"] if older else [])
    if older:
        assert files_of(directory) == before
    monkeypatch.undo()
    assert len(collect(gpt2, TEXTS, directory)) > 50


def test_a_store_in_use_survives_being_replaced(gpt2, tmp_path):
    first = collect(gpt2, TEXTS[:2], tmp_path / "s")
    expected = first[:]
    second = collect(gpt2, TEXTS[2:5], tmp_path / "s")
    assert torch.equal(first[:], expected)
    assert len(ActivationStore.open(tmp_path / "s")) == len(second) != len(first)


# ------------------------------------------------------------------------------------ opening a store


@pytest.fixture
def copy(store, tmp_path) -> Path:
    """A copy of the session's store to damage."""
    source = Path(store.activations.filename).parent
    return Path(shutil.copytree(source, tmp_path / "copy"))


def test_open_gives_back_what_was_collected(copy, store):
    opened = ActivationStore.open(str(copy))
    assert torch.equal(opened[:], store[:])
    assert opened.settings == store.settings


def test_missing_store(tmp_path):
    for directory in (tmp_path, tmp_path / "nothing"):
        with pytest.raises(FileNotFoundError, match="holds no activation store; make one"):
            ActivationStore.open(directory)


def cut(name: str):
    return lambda d: (d / name).write_bytes((d / name).read_bytes()[:-40])


def empty(name: str):
    return lambda d: (d / name).write_bytes(b"")


def flat(d: Path) -> None:
    np.save(d / "activations.npy", np.zeros(len(np.load(d / "token_ids.npy"))))


def pickled(d: Path) -> None:
    np.save(d / "token_ids.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)


@pytest.mark.parametrize(
    "damage",
    [
        cut("activations.npy"),
        cut("document_ids.npy"),
        empty("activations.npy"),
        empty("token_ids.npy"),
        lambda d: (d / "activations.npy").write_bytes(b"not an array at all"),
        lambda d: (d / "token_ids.npy").unlink(),
        lambda d: np.save(d / "token_ids.npy", np.arange(3)),
        flat,
        pickled,
        lambda d: (d / "store.json").write_text("{"),
        lambda d: (d / "store.json").write_text("[1]"),
        lambda d: (d / "store.json").write_text('{"format": 99}'),
        lambda d: (d / "store.json").write_text("{}"),
        empty("store.json"),
    ],
)
def test_damaged_and_foreign_stores_are_refused(copy, damage):
    damage(copy)
    with pytest.raises(storage.DamagedFileError, match="copy"):
        ActivationStore.open(copy)


# ------------------------------------------------------------------------------------- reading a store


def test_indexing_of_stores_and_splits(store):
    everything = store[:]
    part, _ = store.split_by_document(0.4, seed=1)
    expected = everything[torch.from_numpy(part.rows)]
    for view, rows in ((store, everything), (part, expected)):
        last = len(view) - 1
        assert torch.equal(view[3:7], rows[3:7])
        assert torch.equal(view[-2:], rows[-2:])
        assert torch.equal(view[[5, 1, last]], rows[[5, 1, last]])
        assert torch.equal(view[np.array([0, 2])], rows[[0, 2]])
        assert torch.equal(view[view.token_ids > 50], rows[torch.from_numpy(view.token_ids > 50)])
        assert torch.equal(torch.cat(list(iterate_batches(view, 7))), rows)
        assert [len(batch) for batch in iterate_batches(view, len(view))] == [len(view)]
        with pytest.raises(IndexError):
            view[[len(store)]]


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_rows_are_a_copy_that_may_be_written_to(gpt2, tmp_path, dtype):
    store = collect(gpt2, TEXTS[:2], tmp_path / "s", dtype=dtype)
    before = store[0:3].clone()
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # torch warns of tensors over read-only memory
        rows = store[0:3]
    assert not np.shares_memory(rows.numpy(), store.activations)
    rows += 1
    assert torch.equal(store[0:3], before)


def test_positions_count_from_one_in_each_document(store):
    for view in (store, *store.split_by_document(0.4)):
        seen: dict[int, int] = {}
        expected = []
        for document in view.document_ids.tolist():
            seen[document] = seen.get(document, 0) + 1
            expected.append(seen[document])
        assert view.positions().tolist() == expected


def test_the_first_documents_are_the_rows_of_these_alone(store):
    n = int(store.document_ids.max())
    fewer = store.first_documents(n)
    kept = np.flatnonzero(store.document_ids < n)
    assert 0 < len(fewer) < len(store) and fewer.document_ids.max() < n
    torch.testing.assert_close(fewer[:], store[kept], rtol=0, atol=0)
    assert len(store.first_documents(n + 99)) == len(store)


def test_rows_from_a_place_on_leave_out_the_first_tokens_of_each_document(store):
    later = store.from_position(3)
    kept = np.flatnonzero(store.positions() >= 3)
    assert later.token_ids.tolist() == store.token_ids[kept].tolist()
    torch.testing.assert_close(later[:], store[kept], rtol=0, atol=0)
    assert later.document_ids.tolist() == store.document_ids[kept].tolist()
    with pytest.raises(ValueError, match="no document has a token at place 1000"):
        store.from_position(1000)


def test_split_shares_no_document_and_covers_everything(store):
    train, test = store.split_by_document(0.25, seed=3)
    assert set(train.document_ids).isdisjoint(test.document_ids)
    assert len(set(test.document_ids)) == 2
    assert sorted([*train.rows, *test.rows]) == list(range(len(store)))
    for side in (train, test):
        assert np.array_equal(side.token_ids, store.token_ids[side.rows])
        assert np.array_equal(side.document_ids, store.document_ids[side.rows])
        assert side.settings == store.settings
        assert side.shape == (len(side), 32)


def test_split_depends_on_the_seed_alone(store):
    choices = [tuple(store.split_by_document(0.4, seed=seed)[1].rows) for seed in (0, 0, 1, 2, 3)]
    assert choices[0] == choices[1]
    assert len(set(choices)) > 2


def test_a_split_can_be_split_again(store):
    train, test = store.split_by_document(0.25)
    inner, validation = train.split_by_document(0.3)
    assert sorted([*inner.rows, *validation.rows, *test.rows]) == list(range(len(store)))
    assert torch.equal(validation[:], store[validation.rows])


@pytest.mark.parametrize("fraction", [0.0, 1.0, 0.01, -0.5, 3.0])
def test_split_that_leaves_a_side_empty(store, fraction):
    with pytest.raises(ValueError, match=f"test_fraction {fraction} of 8 documents"):
        store.split_by_document(fraction)


# --------------------------------------------------------------------------------------------- pieces


@pytest.mark.parametrize("tokens_per_batch", [1, 30, 64, 1000])
def test_batches_hold_every_document_once_within_the_budget(tokens_per_batch):
    lengths = np.random.default_rng(0).integers(2, 33, 200)
    batches = batches_by_length(lengths, tokens_per_batch)
    assert sorted(np.concatenate(batches)) == list(range(200))
    for batch in batches:
        assert len(batch) == 1 or len(batch) * lengths[batch].max() <= tokens_per_batch
    assert lengths[batches[0]].max() == lengths.max()
    padding = sum(len(batch) * lengths[batch].max() for batch in batches) / lengths.sum()
    assert padding < 1.2


def test_token_strings_join_to_the_text(tokenizer):
    generator = np.random.default_rng(0)
    letters = list("ab é 東 京🙂🚀👩‍🚀\n") + ["na", "the "]
    made = ["".join(generator.choice(letters, 12)) for _ in range(60)]
    for text in [*TEXTS, *made, "🙂" * 9, "👩‍👩‍👧‍👦 family"]:
        ids = ids_of(tokenizer, text, 1000)[1:]
        strings = token_strings(tokenizer, ids)
        assert len(strings) == len(ids)
        assert "".join(string for string in strings if string != "⋯") == text
        assert "\N{REPLACEMENT CHARACTER}" not in "".join(strings)


def test_a_character_of_several_tokens_is_shown_at_its_last(tokenizer):
    ids = ids_of(tokenizer, "東", 1000)[1:]
    assert len(ids) > 1
    assert token_strings(tokenizer, ids) == ["⋯"] * (len(ids) - 1) + ["東"]


def test_token_strings_give_one_string_for_each_of_any_tokens(tokenizer):
    """Also where a window begins inside a character, or the bytes are no character at all."""
    generator = np.random.default_rng(0)
    for _ in range(30):
        ids = generator.integers(0, len(tokenizer), 15)
        assert len(token_strings(tokenizer, ids)) == 15


def test_a_split_keeps_groups_of_documents_on_one_side(store):
    groups = np.array([0, 1, 0, 1, 2, 2, 3, 3])[: len(TEXTS)]
    for seed in range(5):
        train, test = store.split_by_document(0.25, seed, groups=groups)
        assert len(train) + len(test) == len(store)
        assert set(groups[train.document_ids]).isdisjoint(groups[test.document_ids])
        assert len(set(groups[test.document_ids])) == 1
    alone = store.split_by_document(0.25, groups=np.arange(len(TEXTS)))
    assert np.array_equal(alone[1].rows, store.split_by_document(0.25)[1].rows)
    with pytest.raises(ValueError, match="leaves one side empty"):
        store.split_by_document(0.25, groups=np.zeros(len(TEXTS), dtype=int))
