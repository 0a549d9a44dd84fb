"""One token's row, with a part of another's in it: does the answer follow the part that was put in?

Every row is split in two, such as what an autoencoder's latents write and the rest. A text gets its partner's part, or its
partner's rest. The change that a rest makes is smaller, so it is stretched: length alone then cannot explain a difference.
"""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from transformer_lens.model_bridge import TransformerBridge

from sae_tutorial.activations.collect import run_to_hook
from sae_tutorial.effects.steering import added
from sae_tutorial.sae.metrics import Reconstruct
from sae_tutorial.transformer.edits import intervene

Answers = Callable[[Int[Tensor, "batch position"]], Int[Tensor, " batch"]]


def where_texts_differ(tokens: Int[Tensor, "batch position"]) -> int:
    """The one position at which texts differ, such as that of the country in one sentence about several.

    Raises:
        ValueError: they differ nowhere, or at several positions.
    """
    places = (tokens != tokens[0]).any(0).nonzero().flatten().tolist()
    if len(places) != 1:
        raise ValueError(f"the texts must differ at one position; they differ at {len(places)}: {places}.")
    return places[0]


def changes(
    x: Float[Tensor, "batch d_in"],
    part: Float[Tensor, "batch d_in"],
    partner: Sequence[int] | Int[Tensor, " batch"],
) -> tuple[Float[Tensor, "batch d_in"], Float[Tensor, "batch d_in"]]:
    """What is added to each row if it gets its partner's part, and if it gets its partner's rest, x − part, made as long."""
    partner = torch.as_tensor(partner, device=x.device)
    rest = x - part
    of_part = part[partner] - part
    of_rest = rest[partner] - rest
    stretch = of_part.norm(dim=1) / of_rest.norm(dim=1).clamp(min=1e-9)
    return of_part, of_rest * stretch[:, None]


@torch.no_grad()
def exchanged(
    model: TransformerBridge,
    hook_name: str,
    tokens: Int[Tensor, "batch position"],
    split: Reconstruct,
    partner: Sequence[int] | Int[Tensor, " batch"],
    answers: Answers,
) -> Bool[np.ndarray, "two texts"]:
    """Exchange a part of the rows at the one token in which the texts differ, then the rest, and read the answers.

    Args:
        model: the model that answers.
        hook_name: where the rows are.
        tokens: texts that differ at one position.
        split: from rows to the part that is exchanged first, such as a reconstruction; the rest is the row minus that.
        partner: of each text, the text whose part it gets.
        answers: from texts to the number of each one's answer, which before the exchange is the text's own number.

    Returns:
        Whether each answer became the partner's; first with the part exchanged, then with the rest.
    """
    place = where_texts_differ(tokens)
    x = run_to_hook(model, tokens, hook_name)[:, place]
    wanted = torch.as_tensor(partner, device=tokens.device)
    turned = []
    for change in changes(x, split(x), partner):
        with intervene(model, {hook_name: added(change[:, None])}, [place]):
            turned.append((answers(tokens) == wanted).tolist())
    return np.array(turned)
