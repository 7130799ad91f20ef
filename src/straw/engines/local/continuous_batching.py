"""Sampling in a bounded number of slots: a sample that is done gives its slot to the next.

    prompt A, slots 0 1   a0 a0 a0 a2 a2 a3 a3 a3        a0 to a3 are samples, token by token
                           a1 a1 a1 a1 a1 a1 .  .         nothing waits: the slot is empty
    prompt B, slots 2 3   b0 b1 b1 c0 c0 ...             B is done, and C has taken its slots

Where replies differ in length, few rows write for most of the time when all begin together; here nearly all slots
write until the work ends, and no more keys are held than there are slots. A prompt is still read once for all
its samples, and a sample still has the bits that it has alone: neither its slot nor its neighbours show in it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from straw.engines.base import Done, Reply, SamplingParams, Tokens
from straw.engines.local.forward.kv_cache import Decode
from straw.engines.local.forward.lm_head import Head
from straw.engines.local.forward.prompts.reading import read_prompts
from straw.engines.local.forward.reader import Reader, row_tile
from straw.engines.local.sampler import LOOK, Uniforms, Writing, slots_to_keep
from straw.engines.precision import is_dear_to_ask

NOBODY = -1  # the sample at an empty slot


class Slots:
    """Prompts stand side by side, each with `width` slots; as many prompts at once as there can be."""

    def __init__(
        self, reader: Reader, head: Head, prompts: Sequence[Tokens], num_samples: int, limit: int, device: torch.device
    ) -> None:
        """At most `limit` slots, or the few more that make every prompt's share equal and a full tile."""
        self.reader, self.head, self.device = reader, head, device
        self.prompts, self.num_samples = prompts, num_samples
        together = min(len(prompts), limit)
        self.tile = row_tile(reader, head.weight, device)
        self.width = max(min(limit // together, num_samples), -(-self.tile // together))
        self.unread = deque(range(together, len(prompts)))  # prompts that wait
        self.waiting = [deque(self.samples_of(prompt)) for prompt in range(together)]  # by where a prompt stands
        self.empty = [list(range(at * self.width, (at + 1) * self.width)) for at in range(together)]
        with torch.no_grad():
            packs, self.first = read_prompts(reader, head, prompts[:together], device)
        self.decode = Decode(packs, self.width, longest_prompt=max(map(len, prompts)))
        # `first` has the logits of each standing prompt, for the first token behind it

    def samples_of(self, prompt: int) -> range:
        return range(prompt * self.num_samples, (prompt + 1) * self.num_samples)

    @torch.no_grad()
    def write(
        self, params: SamplingParams, seeds: Sequence[Sequence[int]], done: Done | None = None
    ) -> list[list[Reply]]:
        """One reply for every seed; to be called once."""
        flat = [seed for row in seeds for seed in row]
        self.params, self.u = params, Uniforms(flat, params.max_tokens, self.device)
        tell = None if done is None else lambda n, reply: done(n // self.num_samples, n % self.num_samples, reply)
        self.writing = Writing([*[False] * len(flat), True], params, self.device, tell)  # the last one is NOBODY
        self.writing.slot = torch.full((self.decode.u * self.width,), NOBODY, device=self.device)
        self.logits = self.first.repeat_interleave(self.width, 0)
        self.tokens = torch.zeros(len(self.logits), dtype=torch.long, device=self.device)
        self.decode.reserve(params.max_tokens)
        self.go_on(self.fill(range(self.decode.u)))
        unseen = min(LOOK, params.max_tokens) - 1 if is_dear_to_ask(self.device) else 0
        while bool((goes_on := self.writing.still_writing).any()):
            for _ in range(unseen):
                goes_on = self.go_on_unseen(goes_on)
            self.read(goes_on)
            ended = self.ended_unseen() if unseen else []
            slots = goes_on.nonzero().flatten()
            if ended:
                slots = torch.cat([slots, self.fill(self.clear(ended))]).sort().values
            self.go_on(slots, begun=bool(ended))
        replies = self.writing.replies()[: len(flat)]
        return [replies[self.samples_of(prompt).start : self.samples_of(prompt).stop] for prompt in range(len(seeds))]

    def read(self, goes_on: Tensor) -> None:
        """The last token of every slot."""
        hidden = self.reader.hidden(self.tokens, self.decode.grow(1), self.decode)
        self.decode.settle(goes_on.long())
        self.logits = self.head.logits(hidden)

    def go_on_unseen(self, goes_on: Tensor) -> Tensor:
        """A token at every slot, in fixed shapes; returns which slots still write, and asks nobody."""
        self.read(goes_on)
        steps = self.writing.lengths[self.writing.slot].clamp_max(self.params.max_tokens - 1)
        tokens, logprobs = self.u.draw(self.logits, self.writing.slot, steps, self.params)
        self.tokens = torch.where(goes_on, tokens, self.tokens)
        self.writing.take_unseen(tokens, logprobs)
        return self.writing.still_writing

    def ended_unseen(self) -> list[int]:
        """Slots whose sample has ended since the last look."""
        self.writing.tell_news()
        over = ~self.writing.still_writing & (self.writing.slot != NOBODY)
        ended: list[int] = over.nonzero().flatten().tolist()
        return ended

    def go_on(self, slots: Tensor, begun: bool = False) -> None:
        """A token at each of these slots; what is done makes room, and who comes draws at once."""
        while len(slots):
            done = self.draw(slots)
            begun |= bool(done)
            slots = self.fill(self.clear(done))
        if begun:
            self.draw_together()

    def draw(self, slots: Tensor) -> list[int]:
        """The next tokens; returns the slots whose sample ended with them."""
        samples = self.writing.slot[slots]
        logits = self.logits if len(slots) == len(self.logits) else self.logits[slots]
        tokens, logprobs = self.u.draw(logits, samples, self.writing.lengths[samples], self.params)
        self.tokens[slots] = tokens
        self.writing.put(samples, tokens, logprobs)
        done: list[int] = slots[self.writing.done[samples]].tolist()
        return done

    def clear(self, slots: Sequence[int]) -> list[int]:
        """Nobody writes at these slots any more; returns where prompts stand that have room now."""
        if not slots:
            return []
        self.writing.slot[slots] = NOBODY
        self.decode.begin_again(slots)
        for slot in slots:
            self.empty[slot // self.width].append(slot)
        return sorted({slot // self.width for slot in slots})

    def fill(self, standing: Iterable[int]) -> Tensor:
        """The next samples take the empty slots of these prompts, or the next prompt all of them."""
        taken: list[int] = []
        samples: list[int] = []
        for at in standing:
            if not self.waiting[at] and self.unread and len(self.empty[at]) == self.width:
                self.stand(at, self.unread.popleft())
            while self.waiting[at] and self.empty[at]:
                taken.append(self.empty[at].pop(0))
                samples.append(self.waiting[at].popleft())
        slots = torch.tensor(taken, dtype=torch.long, device=self.device)
        self.writing.slot[slots] = torch.tensor(samples, dtype=torch.long, device=self.device)
        self.logits[slots] = self.first[slots // self.width]
        return slots

    def stand(self, at: int, prompt: int) -> None:
        """The next prompt, where one is done."""
        (pack,), logits = read_prompts(self.reader, self.head, [self.prompts[prompt]], self.device)
        self.decode.replace(at, pack)
        self.first[at] = logits[0]
        self.waiting[at] = deque(self.samples_of(prompt))

    def draw_together(self) -> None:
        """Towards the end slots stay empty for ever: they leave when there are enough of them."""
        waited_for = torch.tensor([bool(self.unread or wait) for wait in self.waiting], device=self.device)
        needed = self.writing.still_writing | waited_for.repeat_interleave(self.width)
        kept = slots_to_keep(needed, self.decode.u, self.tile)
        if kept is None:
            return
        prompts, slots = kept
        self.decode.keep(prompts, slots)
        self.width = self.decode.g
        self.first, self.logits, self.tokens = self.first[prompts], self.logits[slots], self.tokens[slots]
        self.writing.slot = self.writing.slot[slots]
        self.waiting = [self.waiting[at] for at in prompts.tolist()]
        empty = (self.writing.slot == NOBODY).view(self.decode.u, self.width).tolist()
        self.empty = [[at * self.width + i for i, free in enumerate(row) if free] for at, row in enumerate(empty)]
