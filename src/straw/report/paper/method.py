"""How an article's numbers came about: the game, the ledger's law with its proof, how things were counted.

Each part stands there only where some run of the study is what it speaks of.
"""

from __future__ import annotations

from collections.abc import Iterator

from straw.report.page.sections import methods
from straw.report.paper.blocks import Block, Heading, Lines, Paragraph
from straw.report.study.analysis import Study
from straw.report.study.law import law

GAME = (
    "A secret number S is drawn below N, one for each prompt. The policy is asked for it and writes replies; a channel "
    "pays for each reply, and nothing else is told. What is known of the secret is measured on the weights themselves, "
    "from the probability of the right reply, end token included: bits known = log2 N + log2 p(S), at most log2 N, and "
    "0 for a policy that says every number equally often and nothing else."
)
ACCURACY = (
    "On tasks whose answers cannot be listed, what is measured is the accuracy on held-out problems; no bound is "
    "known there."
)
CURVES = (
    "Every run keeps a ledger of bits. Offered is the length of a causal code for the rewards: what it takes to write "
    "them down for somebody who knows everything before each of them, the reply it was paid for included. Received is "
    "what an ideal observer of the same rollouts and rewards would know of the secret. Absorbed is what the weights "
    "know."
)
LAW = (
    "The law. Let S be uniform on M possibilities (N for one secret), and let everything else that a run depends on, "
    "its seeds and the weights that it begins with, be independent of S: call it w. Let q be a causal code, so that "
    "its q(h) over all histories h of rewards sum to at most 1, and let p be the policy that a history led to. With "
    "offered = −log2 q(h) and absorbed = log2 M + log2 p(S), after a number of episodes that does not depend on S:"
)
FORMULA = "(1/M) Σ over S of 2^(absorbed − offered)  ≤  1"
PROOF = (
    "Proof. For a fixed w nothing but the rewards can depend on S, so a run is a function of S: it leads to one "
    "history h(S), and that to one policy p_h. Then"
)
STEPS = """(1/M) Σ_S 2^(absorbed − offered)
    = (1/M) Σ_S M p_h(S)(S) q(h(S))                since 2^absorbed = M p(S) and 2^−offered = q
    = Σ_h q(h) Σ_{S: h(S) = h} p_h(S)              the secrets that lead to one history together
    ≤ Σ_h q(h)  ≤  1                               p_h sums to at most 1 over S, and q over h"""
END = (
    "It holds for every w, and so in the mean over w. By Markov's inequality a run absorbs c bits more than it was "
    "offered with a probability of at most 2^−c. Nothing was assumed of the policy at the start, since absorbed is "
    "measured against the uniform distribution; of what is gained since the start the law says nothing. With received "
    "in the place of offered it holds as well, and in the mean absorbed ≤ received ≤ offered. Where secrets were not "
    "drawn evenly, or answers are fixed, it is no theorem."
)


def method(study: Study) -> Iterator[Block]:
    yield Heading("Method")
    if any(cell.ceiling_bits is not None for cell in study.cells):
        yield Paragraph(GAME)
    if study.with_accuracy:
        yield Paragraph(ACCURACY)
    if any(law(cell, "offered_bits") is not None for cell in study.cells):
        yield from the_law()
    yield Heading("How it was counted", 3)
    yield from map(Paragraph, methods())


def the_law() -> Iterator[Block]:
    yield Heading("The ledger and its law", 3)
    yield from (Paragraph(CURVES), Paragraph(LAW), Lines(FORMULA), Paragraph(PROOF), Lines(STEPS), Paragraph(END))
