"""An exchange adds what the partner's part has more, the rest's change is as long, and answers are read behind it."""

import pytest
import torch

from sae_tutorial.activations.collect import run_to_hook
from sae_tutorial.effects.exchange import changes, exchanged, where_texts_differ
from sae_tutorial.transformer.edits import intervene
from sae_tutorial.transformer.heads import repeated_tokens

HOOK = "blocks.1.hook_mlp_out"
PARTNER = [1, 2, 0]


@pytest.fixture(params=["gpt2", "llama"])
def model(request):
    return request.getfixturevalue(request.param)


@pytest.fixture
def tokens(model):
    tokens = repeated_tokens(model, 1, 3, seed=0).repeat(3, 1)
    tokens[:, 4] = torch.tensor([20, 30, 40])
    return tokens


def half(x):
    return torch.cat([x[:, :20], torch.zeros_like(x[:, 20:])], dim=1)


def test_texts_that_differ_at_one_place(tokens):
    assert where_texts_differ(tokens) == 4
    with pytest.raises(ValueError, match="differ at 0"):
        where_texts_differ(tokens[:1])
    tokens[0, 2] += 1
    with pytest.raises(ValueError, match=r"differ at 2: \[2, 4\]"):
        where_texts_differ(tokens)


def test_a_part_becomes_the_partners_and_the_rests_change_is_as_long():
    x = torch.randn(3, 32, generator=torch.Generator().manual_seed(0))
    of_part, of_rest = changes(x, half(x), PARTNER)
    torch.testing.assert_close((x + of_part)[:, :20], x[PARTNER, :20])
    torch.testing.assert_close((x + of_part)[:, 20:], x[:, 20:])
    torch.testing.assert_close(of_rest.norm(dim=1), of_part.norm(dim=1))
    assert of_rest[:, :20].abs().max() < 1e-5  # only the rest moves, towards the partner's
    moved = x[PARTNER, 20:] - x[:, 20:]
    torch.testing.assert_close(torch.cosine_similarity(of_rest[:, 20:], moved), torch.ones(3))
    nothing = changes(x, x, torch.tensor(PARTNER))[1]
    assert nothing.abs().max() == 0  # the whole row leaves no rest


@torch.no_grad()
def test_answers_are_read_with_the_part_and_with_the_rest_exchanged(model, tokens):
    x, asked = run_to_hook(model, tokens, HOOK)[:, 4], []

    def answers(some):
        logits = model(some)[:, -1]
        asked.append(logits)
        return torch.tensor([1, 2, 1])

    found = exchanged(model, HOOK, tokens, half, PARTNER, answers)
    assert found.tolist() == [[True, True, False]] * 2
    for change, logits in zip(changes(x, half(x), PARTNER), asked, strict=True):
        with intervene(model, {HOOK: lambda rows, change=change: rows + change[:, None]}, [4]):
            torch.testing.assert_close(logits, model(tokens)[:, -1])
