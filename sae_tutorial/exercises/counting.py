"""Checks for notebook 02, the numbers: what a probability costs in nats, and how many paths there are."""

from math import exp, log
from typing import Any

from sae_tutorial.exercises.matching import match_number
from sae_tutorial.exercises.reporting import Exercise

D_VOCAB = 49_152  # of the offline lab's model


def check_nats(an_eighth: float | None, uniform: float | None, probability: float | None) -> None:
    """Exercise 2.1: the loss of a probability of 1/8, of a uniform guess over 49,152 tokens; the probability of 3 nats."""
    exercise = Exercise(
        "2.1",
        "put a number in place of each None.",
        "the section 'From scores to nats'",
        "you can read a loss in nats as the probability that the right token was given.",
    )
    exercise.check(_judge_nats, an_eighth, uniform, probability)


def check_paths(whole_blocks: int | None, apart: int | None, with_heads: int | None) -> None:
    """Exercise 2.2: the paths through 4 blocks of 3 heads: whole blocks, attention and MLP apart, each head apart."""
    exercise = Exercise(
        "2.2",
        "put a number in place of each None.",
        "the section 'What one block can know'",
        "you can say what a count of paths counts, which a bare 2ⁿ does not.",
    )
    exercise.check(_judge_paths, whole_blocks, apart, with_heads)


def _judge_nats(an_eighth: Any, uniform: Any, probability: Any) -> None:
    smaller = "A probability of 1/2 costs ln 2 = 0.693 nats."
    match_number(
        "an_eighth",
        an_eighth,
        log(8),
        {
            3: "that is the loss in bits, log2 8. A nat is made with the natural logarithm: ln 8.",
            -log(
                8
            ): "the sign is turned: the logarithm of a probability is negative, the loss is minus that.",
            0.903: "that is the logarithm to base 10; take the natural one.",
            0.125: "that is the probability; the loss is minus its logarithm.",
            0.875: "that is the chance of being wrong; the loss is minus the logarithm of the chance of being right.",
        },
        digits=2,
        example=smaller,
    )
    match_number(
        "uniform",
        uniform,
        log(D_VOCAB),
        {
            15.585: "that is in bits, log2; take the natural logarithm.",
            4.692: "that is the logarithm to base 10; take the natural one.",
            1 / D_VOCAB: "that is the probability of each token; the loss is minus its logarithm.",
            -log(D_VOCAB): "the sign is turned: the loss is minus the logarithm of the probability.",
            D_VOCAB: "that is the number of tokens; the guess gives each 1 / 49,152, and the loss is minus the log.",
        },
        digits=2,
        example=smaller,
    )
    match_number(
        "probability",
        probability,
        exp(-3),
        {
            exp(3): "that is e to the power of +3. A probability is at most 1: turn the sign.",
            0.125: "that is 2 to the power of -3, as if the loss were in bits.",
            0.001: "that is 10 to the power of -3; nats go with e.",
            100 * exp(-3): "that is in per cent. A probability lies between 0 and 1: divide by 100.",
            1 / 3: "that is 1 / 3. The loss is a logarithm: undo it with e to the power of -3.",
            log(
                3
            ): "that is the loss of a probability of 1/3. Here the loss is 3, and its probability is asked for.",
            1 - exp(-3): "that is the chance of everything else; the right token's is what is left of 1.",
        },
        digits=2,
        example=smaller,
    )


def _judge_paths(whole_blocks: Any, apart: Any, with_heads: Any) -> None:
    smaller = "With 2 blocks of 3 heads the three answers would be 4, 16 and 64."
    match_number(
        "whole_blocks",
        whole_blocks,
        2**4,
        {
            4: "that is the number of blocks. Each is gone through or passed by, whatever the others do.",
            8: "that is 2 · 4. Choices multiply, they do not add: 2 · 2 · 2 · 2.",
            15: "one less than all: the path past all blocks, the direct path, counts too.",
            5: "that is the number of lengths a path can have; of most lengths there are several paths.",
        },
        example=smaller,
    )
    match_number(
        "apart",
        apart,
        4**4,
        {
            16: "that counts whole blocks. Attention and MLP of a block are passed by independently: 8 modules.",
            32: "that is 2 · 16. A block has twice the modules, 2 ways for attention times 2 for the MLP.",
            81: "that is 3 ways for each block; there are four: neither, attention, MLP, and attention then MLP.",
            255: "one less than all: the direct path counts too.",
            8: "that is the number of modules; each is gone through or passed by.",
        },
        example=smaller,
    )
    match_number(
        "with_heads",
        with_heads,
        8**4,
        {
            65536: "that is 16 ways for each block, as if a path could go through any set of a layer's heads. A path is "
            "one line: one head, or none.",
            1296: "that is 6 ways for each block, 3 heads times 2. A path may also pass attention by: 3 heads make 4 "
            "ways through it.",
            256: "that is 4 ways for each block, those through attention; each goes on through the MLP or passes it by.",
            625: "that is 5 ways for each block. The MLP comes after attention, not beside it: ways through the two "
            "multiply.",
            2401: "that is 7 ways for each block. The MLP comes after attention: ways through the two multiply.",
            20736: "that is 12 ways for each block. 3 heads and passing by make 4 ways through attention, not 6.",
            4095: "one less than all: the direct path counts too.",
        },
        example=smaller,
    )
