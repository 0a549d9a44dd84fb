"""Groups of latents are edited where they are named and nowhere else."""

import pytest
import torch
from test_graphs import ANSWERS, CODERS

from sae_tutorial.effects.graphs import attribution_graph
from sae_tutorial.effects.groups import (
    EditedPrompts,
    beyond_costliest,
    latent_sums,
)

PROMPTS = [["the Q ends", "the Z ends"], ["in all of Q it is", "in all of Z it is"]]
WORDS = [" profits", " cup"]


@pytest.fixture
def prompts(gpt2):
    return EditedPrompts(gpt2, CODERS, PROMPTS, WORDS)


def all_of(prompts):
    return torch.ones(2, len(CODERS), CODERS[0].config.d_sae, dtype=torch.bool)


def out(f, mask):
    return f.masked_fill(mask, 0.0)


def test_untouched_prompts_give_the_models_own_answers(gpt2, prompts):
    found = prompts.log_p()
    assert found.shape == (2, 2, 2)
    for i, template in enumerate(PROMPTS):
        for j, prompt in enumerate(template):
            own = gpt2(gpt2.to_tokens(prompt))[0, -1].log_softmax(-1)
            torch.testing.assert_close(found[i, j], own[prompts.answers].detach(), atol=1e-4, rtol=1e-4)


def test_an_edit_reaches_its_own_kind_alone(prompts):
    clean, groups = prompts.log_p(), all_of(prompts)
    torch.testing.assert_close(prompts.log_p(lambda f, mask: f, groups), clean)
    groups[1] = False
    edited = prompts.log_p(out, groups)
    assert (edited - clean)[:, 0].abs().max() > 1e-4
    torch.testing.assert_close(edited[:, 1], clean[:, 1])


def test_strengths_are_what_the_graph_has(gpt2, prompts):
    at_end = prompts.strength_at_end()
    assert at_end.shape == (2, 2, len(CODERS), CODERS[0].config.d_sae)
    tokens = gpt2.to_tokens(PROMPTS[0][1])[0]
    graph = attribution_graph(gpt2, tokens, CODERS, ANSWERS)
    last, layers = torch.zeros_like(at_end[0, 1]), sorted(CODERS)
    for node, value in zip(graph.nodes, graph.values.tolist(), strict=True):
        if node.kind == "latent" and node.position == len(tokens) - 1:
            last[layers.index(node.layer), node.index] = value
    torch.testing.assert_close(last.relu(), at_end[0, 1], atol=1e-4, rtol=1e-4)
    named = graph.of_kind("latent")
    whole, strength = latent_sums(graph, CODERS)
    assert float(whole.sum()) == pytest.approx(float(graph.influence[named].sum()), abs=1e-5)
    assert ((whole > 0) <= (strength != 0)).all()
    with_signs, _ = latent_sums(graph, CODERS, signed=True)
    assert (with_signs.abs() <= whole + 1e-6).all() and (with_signs < 0).any()
    _, everywhere = latent_sums(graph, CODERS)
    alone = EditedPrompts(gpt2, CODERS, [[PROMPTS[0][1]]]).strength()[0]
    torch.testing.assert_close(alone, everywhere.relu(), atol=1e-4, rtol=1e-4)


def test_prompts_of_a_template_have_one_length(gpt2):
    with pytest.raises(ValueError, match="equal numbers of tokens"):
        EditedPrompts(gpt2, CODERS, [["the Q", "the Q ends"]], WORDS)


def test_a_group_is_compared_with_its_costliest_rival_in_the_same_prompts():
    own = torch.tensor([[3.0, 1.0], [5.0, 1.0]])  # [templates, kinds]
    theirs = torch.stack([own - 1, torch.tensor([[0.0, 2.0], [0.0, 4.0]])])
    first, second = beyond_costliest(own, theirs)
    assert (first.value, first.low, first.high) == (1.0, 1.0, 1.0)  # the spread over prompts cancels
    assert (second.value, second.low, second.high) == (-2.0, -3.0, -1.0)
