"""Groups of latents put to the test: changed in many prompts at once.

Prompts come in kinds (a language each, say) and templates. A group is a mask with a row for each kind,
`Bool[kinds, layers, latents]`, so that what two groups share is `one & other`.
"""

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from transformer_lens.model_bridge import TransformerBridge

from sae_tutorial.effects.graphs import Graph, total_influence
from sae_tutorial.effects.transcoders import Coders, edited_mlps, mlp_hooks
from sae_tutorial.features.intervals import Interval

Mask = Bool[Tensor, "kinds layers latents"]
Values = Float[Tensor, "kinds layers latents"]
# From latents [prompts, places, latents] and which to edit [prompts, 1, latents] to what they are to be.
GroupEdit = Callable[[Tensor, Tensor], Tensor]


def latent_sums(graph: Graph, coders: Coders, signed: bool = False) -> Float[Tensor, "two layers latents"]:
    """Each latent's influence in a graph, and its activation, summed over positions.

    Layers are those of `coders`, ascending. With `signed` influence keeps the signs of edges (`graphs.total_influence`).
    """
    layers = sorted(coders)
    sums = torch.zeros(2, len(layers), coders[layers[0]].config.d_sae)
    influence = total_influence(graph.edges, graph.weights, signed)
    pairs = torch.stack([influence, graph.values], dim=1)
    for node, pair in zip(graph.nodes, pairs, strict=True):
        if node.kind == "latent":
            sums[:, layers.index(node.layer), node.index] += pair
    return sums


def beyond_costliest(
    own: Float[Tensor, "templates kinds"], theirs: Float[Tensor, "rivals templates kinds"]
) -> list[Interval]:
    """For each kind, by how much a group costs more than its costliest rival in the same prompts, over templates.

    What makes a prompt costly for every group cancels in it.
    """
    costliest = theirs.mean(1).argmax(0)
    return [Interval.of_mean((own - theirs[rival])[:, i].numpy()) for i, rival in enumerate(costliest)]


class EditedPrompts:
    """Prompts of several kinds in several templates, run with latents of transcoders changed.

    Args:
        model: the model; its MLPs stay, and what an edit changes is added (`transcoders.edited_mlps`).
        coders: transcoders by layer.
        prompts: for each template a prompt of every kind; those of one template have equal numbers of tokens.
        answers: words whose first token is asked for; none where latents alone are read.

    Attributes:
        tokens: all prompts, template by template, BOS first, filled up on the right, which nothing reads. Places are
            its positions without the BOS, which is never edited.

    Raises:
        ValueError: prompts of one template with different numbers of tokens.
    """

    def __init__(
        self,
        model: TransformerBridge,
        coders: Coders,
        prompts: Sequence[Sequence[str]],
        answers: Sequence[str] = (),
    ) -> None:
        self.model, self.coders, self.shape = model, coders, (len(prompts), len(prompts[0]))
        rows = [model.to_tokens(prompt)[0] for template in prompts for prompt in template]
        lengths = torch.tensor([len(row) for row in rows], device=rows[0].device)
        if (lengths.view(self.shape) != lengths.view(self.shape)[:, :1]).any():
            raise ValueError("the prompts of one template must have equal numbers of tokens.")
        self.tokens: Int[Tensor, "prompts positions"] = torch.nn.utils.rnn.pad_sequence(
            rows, batch_first=True
        )
        self.ends: Int[Tensor, " prompts"] = lengths - 1
        self.answers = [model.tokenizer.encode(word, add_special_tokens=False)[0] for word in answers]

    @torch.no_grad()
    def log_p(
        self, edit: GroupEdit | None = None, groups: Mask | None = None
    ) -> Float[Tensor, "templates kinds answers"]:
        """The log probabilities of all answers after each prompt, with the groups of its kind edited."""
        found = self._logits(edit, groups).log_softmax(-1)
        return found[:, self.answers].cpu().view(*self.shape, -1)

    def _logits(self, edit: GroupEdit | None, groups: Mask | None) -> Float[Tensor, "prompts vocabulary"]:
        """The logits after each prompt, with the groups of its kind edited."""
        edits = {}
        if edit is not None:
            for i, layer in enumerate(sorted(self.coders)):
                if groups[:, i].any():
                    mask = groups[:, i].repeat(self.shape[0], 1)[:, None].to(self.tokens.device)
                    edits[layer] = lambda f, mask=mask: edit(f.clone(), mask)  # it may write into f
        keep, column = self.ends.unique(
            return_inverse=True
        )  # the vocabulary is large: only where a prompt ends
        with edited_mlps(self.model, self.coders, edits):
            logits = self.model(self.tokens, logits_to_keep=keep)
        return logits[torch.arange(len(self.tokens)), column].float()

    @torch.no_grad()
    def strength(self) -> Values:
        """What each latent is, summed over places, mean over templates."""
        places = torch.arange(1, self.tokens.shape[1], device=self.tokens.device)
        where = (places <= self.ends[:, None])[..., None]
        return self._latents(where).view(*self.shape, len(self.coders), -1).mean(0)

    @torch.no_grad()
    def strength_at_end(self) -> Float[Tensor, "templates kinds layers latents"]:
        """What each latent is at the last token of each prompt."""
        places = torch.arange(1, self.tokens.shape[1], device=self.tokens.device)
        return self._latents((places == self.ends[:, None])[..., None]).view(
            *self.shape, len(self.coders), -1
        )

    def _latents(self, where: Bool[Tensor, "prompts places 1"]) -> Float[Tensor, "prompts layers latents"]:
        """What each latent is, summed over these places."""
        layers = sorted(self.coders)
        names = [mlp_hooks(layer)[0] for layer in layers]
        _, cache = self.model.run_with_cache(self.tokens, names_filter=names)
        found = [
            (self.coders[layer].encode(cache[name][:, 1:].float()) * where).sum(1)
            for layer, name in zip(layers, names, strict=True)
        ]
        return torch.stack(found, dim=1).cpu()
