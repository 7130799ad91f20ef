"""The greedy observer: always the guess whose reward says most. Exact, as the tree of all that can happen.

A node is a set C of secrets that fit. Its best guess is the one that splits C with the highest entropy; ties go to a
guess in C, then to the smaller one. The children are the parts. No look-ahead: a tree that is best in the end may
begin with a worse split.
"""

from __future__ import annotations

import math

import numpy as np

from straw.measure.ledger.reward_classes import Array
from straw.measure.observer.learning_curve import Pace, median_of

AT_ONCE = 1 << 22  # numbers
FEW = 16  # secrets: so many are looked at among themselves first
TIE = 1e-9  # bits


def greedy_pace(codes: Array, num_codes: int) -> Pace:
    N = codes.shape[1]
    nodes, bits = [np.arange(N)], [0.0]
    known_at, near_at = np.full(N, math.inf), np.full(N, math.inf)
    known_at[:] = near_at[:] = math.inf if N > 1 else 0
    settled = 0.0  # bits times share of those that can be told no more
    while nodes:
        children: list[Array] = []
        reached = settled
        for node in nodes:
            parts = split(codes, num_codes, node)
            if len(parts) == 1:  # no guess tells these apart
                settled += share_bits(len(node), N)
                reached += share_bits(len(node), N)
                continue
            for part in parts:
                reached += share_bits(len(part), N)
                if math.log2(N / len(part)) >= 0.9 * math.log2(N) - TIE:
                    near_at[part] = np.minimum(near_at[part], len(bits))
                if len(part) == 1:
                    known_at[part] = len(bits)
                    settled += share_bits(1, N)
                else:
                    children.append(part)
        bits.append(reached)
        nodes = children
    mean = float(known_at.mean())
    return Pace.of(bits, to_know=mean if math.isfinite(mean) else None, to_nine_tenths=median_of(near_at.tolist()))


def share_bits(size: int, N: int) -> float:
    return size / N * math.log2(N / size)


def split(codes: Array, num_codes: int, node: Array) -> list[Array]:
    """The parts that the best guess leaves."""
    row = codes[best_guess(codes, num_codes, node)][node]
    order = np.argsort(row, kind="stable")
    return np.split(node[order], np.flatnonzero(np.diff(row[order].astype(np.int64))) + 1)


def best_guess(codes: Array, num_codes: int, node: Array) -> int:
    if len(node) <= FEW:
        among = np.sort(codes[node[:, None], node], axis=1)
        perfect = np.flatnonzero((among[:, 1:] != among[:, :-1]).all(axis=1))
        if len(perfect):  # nothing can say more
            return int(node[perfect[0]])
    bits = partition_bits(codes, node, num_codes)
    inside = node[bits[node] >= bits.max() - TIE]
    return int(inside[0]) if len(inside) else int(np.flatnonzero(bits >= bits.max() - TIE)[0])


def partition_bits(codes: Array, node: Array, num_codes: int) -> Array:
    """The entropy of the reward of every guess, for a secret that lies evenly in the node."""
    sizes = np.arange(len(node) + 1, dtype=float)
    sizes[1:] *= np.log2(sizes[1:])
    found = []
    rows = max(1, AT_ONCE // max(len(node), num_codes))
    for start in range(0, len(codes), rows):
        block = codes[start : start + rows]
        some = block if len(node) == codes.shape[1] else block[:, node]
        flat = (some + np.arange(len(block))[:, None] * num_codes).ravel()
        counts = np.bincount(flat, minlength=len(block) * num_codes).reshape(len(block), num_codes)
        found.append(sizes[counts].sum(axis=1))
    return np.log2(len(node)) - np.concatenate(found) / len(node)
