"""A world whose features are known, unequal and tied to each other.

Features of a language are not independent. Some imply others (Paris is a city), some exclude one another, some come
together, and they differ in frequency a hundredfold. Here is the smallest world with all of that and with the answer at
hand:

    parent   on by itself, and always when one of its children is
    child    on with its parent, and never beside a sibling
    partner  one of a pair that mostly comes together
    single   independent; their frequencies fall like 1 / rank
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import normalize


@dataclass(frozen=True)
class HierarchicalWorld:
    """Rows that are sums of known directions, on by the rules above, with strengths between ½ and 1½.

    Attributes:
        d_in: width of the rows.
        n_parents: features with children.
        n_children: children of each parent.
        n_pairs: pairs of partners.
        n_singles: independent features, on in 20%, 10%, 6.7%, ... of the rows.
        together: how often the second of a pair copies the first.
        seed: of the directions.
    """

    d_in: int = 40
    n_parents: int = 6
    n_children: int = 4
    n_pairs: int = 6
    n_singles: int = 20
    together: float = 0.8
    seed: int = 0

    @property
    def kinds(self) -> list[str]:
        """The kind of every feature, in order."""
        return (
            ["parent"] * self.n_parents
            + ["child"] * (self.n_parents * self.n_children)
            + ["partner"] * (2 * self.n_pairs)
            + ["single"] * self.n_singles
        )

    def children(self, parent: int) -> range:
        """The features that imply this one."""
        first = self.n_parents + parent * self.n_children
        return range(first, first + self.n_children)

    @property
    def directions(self) -> Float[Tensor, "features d_in"]:
        """The true directions, unit vectors, one per row."""
        generator = torch.Generator().manual_seed(self.seed)
        return normalize(torch.randn(len(self.kinds), self.d_in, generator=generator, device="cpu"), dim=1)

    def sample(
        self, n_rows: int, seed: int = 0
    ) -> tuple[Float[Tensor, "n_rows d_in"], Float[Tensor, "n_rows features"]]:
        """Rows, and how strongly each feature is on in them."""
        generator = torch.Generator().manual_seed(1_000 * self.seed + seed + 1)

        def chance(*columns: int) -> Tensor:
            return torch.rand(n_rows, *columns, generator=generator, device="cpu")

        parents = chance(self.n_parents) < 0.1
        # Which child comes with a parent: one of them, or with the last fifth of the chance none.
        which = (chance(self.n_parents) * 1.25 * self.n_children).long()
        children = [
            parents[:, [p]] & (which[:, [p]] == torch.arange(self.n_children, device="cpu"))
            for p in range(self.n_parents)
        ]
        first = chance(self.n_pairs) < 0.05
        second = torch.where(chance(self.n_pairs) < self.together, first, chance(self.n_pairs) < 0.05)
        pairs = torch.stack([first, second], dim=2).flatten(1)
        singles = chance(self.n_singles) < 0.2 / torch.arange(1, self.n_singles + 1, device="cpu")
        on = torch.cat([parents, *children, pairs, singles], dim=1)
        strength = on * (0.5 + chance(on.shape[1]))
        return strength @ self.directions, strength
