"""Reading prompts: those of one length that wait together, as LocalEngine does, and in pieces, so that a long one makes
nobody wait for all of it.

A reading is cut between layers. The blocks in which it begins like another that is kept (an earlier turn of the
conversation, the same examples) are not read again: that changes no bit, see `local.forward.prompts.blocks`.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Hashable, Sequence
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import Tensor

from straw.engines.base import Tokens
from straw.engines.local.forward.attention import ROW_TILE, full_tile, keeps_bits
from straw.engines.local.forward.lm_head import Head
from straw.engines.local.forward.packing import Pack
from straw.engines.local.forward.prompts.reading import Alike, num_in_common, num_together
from straw.engines.local.forward.prompts.turns import Turns
from straw.engines.local.forward.reader import Reader
from straw.engines.tenants.records import Sampled
from straw.engines.tenants.sampling.keys.prompts import Kept, Prompt, Prompts
from straw.engines.tenants.sampling.routes import Routes
from straw.engines.tenants.sampling.rows import Request
from straw.engines.tenants.sampling.scores import score

MOST_TOGETHER = 64  # prompts
Work = Generator[float, None, None]  # what the next piece will cost, in multiplications


class PromptReader:
    """One request at a time; what it found stands in the request."""

    def __init__(
        self, reader: Reader, head: Head, device: torch.device, routes: Routes, prompts: Prompts,
        precision: Callable[[], AbstractContextManager[None]],
    ) -> None:  # fmt: skip
        self.reader, self.head, self.device = reader, head, device
        self.routes, self.prompts, self.precision = routes, prompts, precision
        body: Any = reader.body if hasattr(reader, "body") else None
        self.body_size = float(sum(p.numel() for p in body.parameters())) if body is not None else 0.0
        self.num_tokens_read = 0
        self.request: Request | None = None
        self.work: Work | None = None

    def knows(self, request: Request) -> bool:
        """Whether its prompt was read before, and nothing is asked about it; then that is done."""
        prompt = self.prompts.find(request.version, request.opening)
        said = self._find_said(request) if request.num_said else None
        if prompt is None or (said is None and request.num_said):
            return False
        if request.sampling.asks_of_prompt or self.request is request:
            return False
        self._take(request, prompt, said)
        request.cached = 0 if prompt.is_news else len(request.sampling.prompt)
        request.facts, prompt.is_news = Sampled(sequences=()), False
        return True

    def _find_said(self, request: Request, num_turns: int | None = None) -> Prompt | None:
        """In the first of its turns, or all."""
        turns = request.sampling.turns[:num_turns]
        return self.prompts.find(request.version, request.sampling.prompt[: sum(turns)], turns)

    def num_unread(self, request: Request) -> int:
        """Tokens of its prompt that nobody has read."""
        return len(request.sampling.prompt) - self._num_known(request)

    def _num_known(self, request: Request) -> int:
        return self.prompts.beginnings.longest(request.version, request.opening, request.codes)[1]

    def _take(self, request: Request, prompt: Prompt | None, said: Prompt | None) -> None:
        for one in (prompt, said):
            if one is not None:
                self.prompts.hold(one)
        request.prompt, request.said = prompt or request.prompt, said or request.said

    def read(self, request: Request, budget: float, waiting: Sequence[Request] = ()) -> float:
        """Go on with a request as far as the budget goes, at least a piece; returns what is left of it. Prompts of some
        that are `waiting` may be read with it."""
        if self.request is not request:
            self.request, self.work = request, self._reading(request, waiting)
        while budget > 0 and self.request is not None and self.work is not None:
            with torch.no_grad(), self.precision(), self.routes.reading(request.version):
                cost = next(self.work, None)
            if cost is None:
                self.drop(request)
            else:
                budget -= cost
        return budget

    def drop(self, request: Request) -> None:
        if self.request is request:
            self.request = self.work = None

    def _reading(self, request: Request, waiting: Sequence[Request]) -> Work:
        prompt = self.prompts.find(request.version, request.opening)
        if prompt is None:
            prompt = yield from self._read_prompt(request, waiting)
        elif not prompt.is_news:
            request.cached = len(prompt.tokens)
        prompt.is_news = False
        self._take(request, prompt, None)
        if request.num_said:
            self._take(request, None, (yield from self._read_said(request, prompt)))
        scores = score(prompt, request.sampling, self.head)
        while True:
            try:
                yield float(next(scores) * self.head.weight.numel())
            except StopIteration as end:
                request.facts = end.value
                return

    def _read_prompt(self, request: Request, waiting: Sequence[Request]) -> Generator[float, None, Prompt]:
        version, tokens = request.version, request.opening
        like, num_known = self.prompts.beginnings.longest(version, tokens, request.codes)
        if like is None and (others := self._alike(request, waiting)):
            return (yield from self._read_together(version, [tokens, *others]))
        layout = self._layout(tokens, like, num_known)
        hidden = yield from self._hidden(torch.tensor(tokens[num_known:], device=self.device), layout)
        request.cached = num_known
        self.num_tokens_read += len(tokens) - num_known
        logits = self.head.logits(full_tile(hidden[-1:]))[:1]
        hidden = hidden if like is None else torch.cat([like.hidden[:num_known], hidden])
        in_blocks = isinstance(layout, Alike) and layout.is_in_blocks and self.reader.is_by_token
        return Prompt(version, tokens, layout.kept, hidden, logits, in_blocks)

    def _alike(self, request: Request, waiting: Sequence[Request]) -> list[Tokens]:
        """Other prompts of this length and these weights of which nothing is known, as many as LocalEngine would read
        at once: they have the bits that they have alone."""
        tokens, found = request.opening, dict[Tokens, None]()
        if len(tokens) < ROW_TILE or not (self.reader.is_by_token and keeps_bits(self.device)):
            return []
        same = (one for one in waiting if one.version is request.version and len(one.opening) == len(tokens))
        for one in same:
            known = self.prompts.find(one.version, one.opening) is not None or self._num_known(one)
            if not known and one.opening != tokens and len(found) < MOST_TOGETHER:
                found[one.opening] = None
        others = list(found)
        return others[: num_together(len(tokens), num_in_common([tokens, *others])) - 1] if others else []

    def _read_together(self, version: Hashable, prompts: list[Tokens]) -> Generator[float, None, Prompt]:
        """The first of them; the others are kept for those who ask for them next."""
        layout = Alike(prompts, self.device)
        hidden = layout.of_each((yield from self._hidden(layout.tokens, layout)))
        self.num_tokens_read += len(layout.tokens)
        logits = self.head.logits(full_tile(hidden[:, -1]))
        found = []
        for u, tokens in enumerate(prompts):
            kept = {layer: (k[u : u + 1].clone(), v[u : u + 1].clone()) for layer, (k, v) in layout.kept.items()}
            last = logits[u : u + 1].clone()
            found.append(Prompt(version, tokens, kept, hidden[u].clone(), last, layout.is_in_blocks, is_news=u > 0))
        for prompt in found[1:]:
            self.prompts.keep(prompt)
        return found[0]

    def _read_said(self, request: Request, prompt: Prompt) -> Generator[float, None, Prompt]:
        """Behind the last turns that are kept."""
        turns, whole = request.sampling.turns, request.sampling.prompt
        kept = (self._find_said(request, num_turns) for num_turns in range(len(turns), 1, -2))
        before = next((one for one in kept if one is not None), None)
        if before is not None and before.turns == turns:
            return before
        known = {} if before is None else before.kept
        layout = Turns(prompt.kept, whole[turns[0] :], turns[1:], known, self.device)
        hidden = (yield from self._hidden(layout.tokens, layout))[: layout.num_new]
        request.cached += request.num_said - layout.num_new
        self.num_tokens_read += layout.num_new
        logits = self.head.logits(full_tile(hidden[-1:]))[:1]
        return Prompt(request.version, whole, layout.kept, hidden[-1:], logits, turns=turns)

    def _layout(self, tokens: Tokens, like: Prompt | None, num_known: int) -> Alike | Pack:
        if not keeps_bits(self.device):
            return Pack([len(tokens)], [[]], self.device, record=True)
        return Alike([tokens], self.device, None if like is None else first_of(like.kept, num_known))

    def _hidden(self, tokens: Tensor, layout: Alike | Pack | Turns) -> Generator[float, None, Tensor]:
        work = len(tokens) * self.body_size
        if not hasattr(self.reader, "layer_by_layer"):
            yield work
            return self.reader.hidden(tokens, layout.positions, layout)
        layers: Generator[None, None, Tensor] = self.reader.layer_by_layer(tokens, layout.positions, layout)
        num_layers = len(self.reader.body.layers)  # type: ignore[attr-defined]
        while True:
            try:
                next(layers)
            except StopIteration as end:
                hidden: Tensor = end.value
                return hidden
            yield work / num_layers


def first_of(kept: Kept, num_tokens: int) -> Kept:
    return {layer: (keys[:, :, :num_tokens], values[:, :, :num_tokens]) for layer, (keys, values) in kept.items()}
