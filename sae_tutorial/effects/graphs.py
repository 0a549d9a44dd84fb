"""Attribution graphs: who wrote what each latent of a prompt read, and which of it the answer rests on.

In the frozen model of one prompt (`frozen.py`) a latent's pre-activation is a sum over everything that was written
before it, and so is a logit:

    π_target = Σ over sources  edge  + constants       edge = what the source wrote · what the target reads

The graph has these sums as its rows (Ameisen et al. 2025, "Circuit tracing"). How much a node matters to the answer by
all ways together is its influence. With A the absolute edges, each row divided by its sum,

    B = A + A² + A³ + ...  =  (I − A)⁻¹ − I

and pruning keeps the most influential nodes. A graph is a hypothesis about the model: `transcoders.edited_mlps` tests it.
"""

from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from einops import einsum
from jaxtyping import Bool, Float, Int
from torch import Tensor
from transformer_lens.model_bridge import TransformerBridge

from sae_tutorial.effects.frozen import FrozenModel, freeze
from sae_tutorial.effects.transcoders import Coders

Kind = Literal["token", "latent", "error", "mlp", "logit"]


class Node(NamedTuple):
    """One thing that writes or reads, at one position.

    Attributes:
        kind: "token", an embedding; "latent" of a transcoder; "error" of a transcoder; "mlp", all of an MLP without
            one (and every MLP at the BOS); "logit".
        layer: of the MLP; -1 for a token, the number of layers for a logit.
        position: in the prompt.
        index: which latent, or which token of the vocabulary; -1 for an error and for an MLP.
    """

    kind: Kind
    layer: int
    position: int
    index: int = -1


@dataclass(frozen=True)
class Graph:
    """An attribution graph; row i of `edges` says what node i was made of.

    Attributes:
        nodes: sources before targets: tokens, then layer by layer, logits last.
        edges: what each source (column) added to each target (row); rows of tokens, errors and MLPs are 0.
        values: the targets' pre-activations, of logits their height above the mean of all logits; 0 for the others.
        constants: the share of biases in `values`.
        weights: how much each node counts as an answer: of logits their probabilities, scaled to sum 1.
    """

    nodes: list[Node]
    edges: Float[Tensor, "target source"]
    values: Float[Tensor, " nodes"]
    constants: Float[Tensor, " nodes"]
    weights: Float[Tensor, " nodes"]

    def of_kind(self, *kinds: Kind) -> Bool[Tensor, " nodes"]:
        """Which nodes are of these kinds."""
        return torch.tensor([node.kind in kinds for node in self.nodes])

    def only(self, keep: Bool[Tensor, " nodes"]) -> "Graph":
        """Some of the nodes, with their edges as they are: those into a target no longer sum to its value."""
        kept = keep.nonzero()[:, 0]
        return Graph(
            [self.nodes[i] for i in kept.tolist()], self.edges[kept][:, kept], self.values[kept],
            self.constants[kept], self.weights[kept],
        )  # fmt: skip

    def following(self, weights: Float[Tensor, " answers"]) -> "Graph":
        """The graph of a weighted sum of its answers' logits, such as one of them less the mean of the others.

        The sum is the only answer then, in the place of the one of largest weight. It reads a weighted sum of what the
        logits read, so its edges are the weighted sum of theirs.
        """
        kept = len(self.nodes) - len(weights)
        edges = torch.zeros(kept + 1, kept + 1)
        edges[:-1, :-1], edges[-1, :-1] = self.edges[:kept, :kept], weights @ self.edges[kept:, :kept]
        values, constants = (
            torch.cat([part[:kept], (weights @ part[kept:])[None]]) for part in (self.values, self.constants)
        )
        answer = self.nodes[kept + int(weights.argmax())]
        return Graph([*self.nodes[:kept], answer], edges, values, constants, torch.eye(kept + 1)[-1])

    @property
    def influence(self) -> Float[Tensor, " nodes"]:
        """How much of the answers' weight comes by way of each node; 0 for the answers themselves."""
        return total_influence(self.edges, self.weights)

    @property
    def scores(self) -> tuple[float, float]:
        """Replacement and completeness score, between 0 and 1 (Ameisen et al. 2025, "Evaluating graphs").

        Replacement: of the influence that ends in tokens or in what is not explained (errors and whole MLPs), the
        share of tokens. Completeness: the share of incoming edges that come from tokens and latents, a mean over nodes
        by influence; what is not explained at one node may be small though every path meets some.
        """
        shares, influence = normalised(self.edges), self.influence
        unexplained = self.of_kind("error", "mlp")
        ends = float(influence[self.of_kind("token")].sum()), float(influence[unexplained].sum())
        importance = (influence + self.weights)[self.of_kind("latent", "logit")]
        explained = 1 - shares[self.of_kind("latent", "logit")][:, unexplained].sum(1)
        return ends[0] / max(sum(ends), 1e-12), float(
            importance @ explained / importance.sum().clamp(min=1e-12)
        )


def normalised(edges: Float[Tensor, "target source"]) -> Float[Tensor, "target source"]:
    """Absolute edges, each row divided by its sum: the shares in which a target was made; a row of zeros stays one."""
    absolute = edges.abs()
    return absolute / absolute.sum(1, keepdim=True).clamp(min=1e-12)


def total_influence(
    edges: Float[Tensor, "target source"], weights: Float[Tensor, " target"], signed: bool = False
) -> Float[Tensor, " source"]:
    """Each source's share in the weighted targets over paths of any length: weights B, B = (I − A)⁻¹ − I.

    No path comes back to where it began, so the sum over lengths ends, and the inverse exists. With `signed` shares keep
    the signs of their edges, so that what lowers the answer counts below 0 and paths of opposite signs cancel.
    """
    shares = normalised(edges)
    if signed:
        shares = shares * edges.sign()
    one = torch.eye(len(shares), dtype=shares.dtype, device=shares.device)
    # Sources come before targets, so I − A is triangular; solving for one row of B is quicker than all of it.
    reached = torch.linalg.solve_triangular(
        (one - shares).T, weights[:, None], upper=True, unitriangular=True
    )
    return reached[:, 0] - weights


@torch.no_grad()
def attribution_graph(
    model: TransformerBridge,
    tokens: Int[Tensor, " position"],
    coders: Coders,
    answers: Int[Tensor, " answers"],
) -> Graph:
    """The graph of every latent that is on in a prompt, and of the logits of `answers` after its last token.

    Args:
        model: see `freeze`.
        tokens: the prompt, BOS included.
        coders: transcoders by layer.
        answers: ids of tokens.

    Raises:
        ValueError: see `freeze`.
    """
    frozen = freeze(model, tokens, coders)
    nodes = frozen_nodes(frozen, tokens, answers)
    n, last = len(nodes), len(frozen.layers)
    edges, values, constants, weights = torch.zeros(n, n), torch.zeros(n), torch.zeros(n), torch.zeros(n)
    written = [_written(frozen, nodes, layer) for layer in range(-1, last)]
    for layer in sorted(coders):
        targets = torch.tensor(
            [i for i, node in enumerate(nodes) if node[:2] == ("latent", layer)], dtype=torch.long
        )
        positions, latents = torch.tensor([nodes[i][2:] for i in targets], dtype=torch.long).view(-1, 2).T
        here = frozen.layers[layer]
        reads, bias = here.readers(latents, positions)
        bias = bias + einsum(reads, here.attention_constant, "t p d, p d -> t")
        reads = here.back_through_attention(reads)
        edges[targets], on_the_way = _incoming(frozen, reads, written[: layer + 1], n)
        constants[targets], values[targets] = bias.cpu() + on_the_way, here.f[positions, latents].cpu()
    reads, bias = frozen.readout(answers)
    edges[-len(answers) :], on_the_way = _incoming(frozen, reads, written, n)
    constants[-len(answers) :] = bias.cpu() + on_the_way
    logits = model(tokens[None])[0, -1].float().cpu()
    values[-len(answers) :] = logits[answers] - logits.mean()
    weights[-len(answers) :] = logits.softmax(0)[answers] / logits.softmax(0)[answers].sum()
    return Graph(nodes, edges, values, constants, weights)


@torch.no_grad()
def pruned(graph: Graph, share: float) -> Graph:
    """The graph of the most influential nodes, as few as hold `share` of all influence; logits stay.

    Raises:
        ValueError: `share` is not above 0 and at most 1.
    """
    if not 0 < share <= 1:
        raise ValueError(f"share must lie above 0 and be at most 1, got {share}.")
    influence = graph.influence
    order = influence.argsort(descending=True, stable=True)
    held = influence[order].cumsum(0)
    n_kept = int((held < share * held[-1]).sum()) + 1
    keep = graph.of_kind("logit")
    keep[order[:n_kept]] = True
    return graph.only(keep)


def frozen_nodes(
    frozen: FrozenModel, tokens: Int[Tensor, " position"], answers: Int[Tensor, " answers"]
) -> list[Node]:
    """The nodes of a prompt's graph, sources before targets."""
    n, last = len(tokens), len(frozen.layers)
    nodes = [Node("token", -1, position, int(tokens[position])) for position in range(n)]
    for layer, here in enumerate(frozen.layers):
        if here.coder is None:
            nodes += [Node("mlp", layer, position) for position in range(n)]
            continue
        nodes += [Node("latent", layer, position, latent) for position, latent in here.f.nonzero().tolist()]
        nodes += [Node("error" if position else "mlp", layer, position) for position in range(n)]
    return nodes + [Node("logit", last, n - 1, int(token)) for token in answers]


class _Written(NamedTuple):
    """What the nodes of one layer wrote: their places in the graph, their positions, and a row of the stream each."""

    places: Int[Tensor, " sources"]
    positions: Int[Tensor, " sources"]
    rows: Float[Tensor, "sources d_model"]


def _written(frozen: FrozenModel, nodes: list[Node], layer: int) -> _Written:
    places = [i for i, node in enumerate(nodes) if node.layer == layer]
    rows = []
    for _, _, position, latent in (nodes[i] for i in places):
        if layer < 0:
            rows.append(frozen.embeddings[position])
        elif latent < 0:
            rows.append(frozen.layers[layer].rest[position])
        else:
            here = frozen.layers[layer]
            rows.append(here.f[position, latent] * here.coder.W_dec[latent])
    return _Written(
        torch.tensor(places), torch.tensor([nodes[i].position for i in places]), torch.stack(rows).detach()
    )


def _incoming(
    frozen: FrozenModel, gradient: Float[Tensor, "targets position d_model"], written: list[_Written], n: int
) -> tuple[Float[Tensor, "targets nodes"], Float[Tensor, " targets"]]:
    """The edges from `written` into targets that read the stream behind it, and what biases on the way added."""
    edges, constants = gradient.new_zeros(len(gradient), n), gradient.new_zeros(len(gradient))
    for layer in reversed(range(-1, len(written) - 1)):
        places, positions, rows = written[layer + 1]
        for position in positions.unique():
            here = positions == position
            edges[:, places[here]] = gradient[:, position] @ rows[here].T
        if layer >= 0:
            block = frozen.layers[layer]
            constants += einsum(gradient, block.mlp_constant, "t p d, p d -> t")
            gradient = block.back_through_skip(gradient)
            constants += einsum(gradient, block.attention_constant, "t p d, p d -> t")
            gradient = block.back_through_attention(gradient)
    return edges.cpu(), constants.cpu()
