"""Sampling in a bounded number of places: a sample that is done gives its place to the next.

    prompt A, places 0 1   a0 a0 a0 a2 a2 a3 a3 a3        a0 to a3 are samples, token by token
                           a1 a1 a1 a1 a1 a1 .  .         nothing waits: the place is empty
    prompt B, places 2 3   b0 b1 b1 c0 c0 ...             B is done, and C has taken its places

Where replies differ in length, few rows write for most of the time when all begin together; here nearly all places
write until the work ends, and no more keys are held than there are places. A prompt is still read once for all
its samples, and a sample still has the bits that it has alone: neither its place nor its neighbours show in it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from straw.engines.base import Done, Reply, SamplingParams, Tokens
from straw.engines.local.forward.attention import ROW_TILE
from straw.engines.local.forward.hf_reader import Reader
from straw.engines.local.forward.kv_cache import Decode
from straw.engines.local.forward.lm_head import Head
from straw.engines.local.sampler import Writing, draw, places_to_keep, read_prompt, uniforms

NOBODY = -1  # the sample at an empty place


class Places:
    """Prompts stand side by side, each with `width` places; as many prompts at once as there can be."""

    def __init__(
        self, reader: Reader, head: Head, prompts: Sequence[Tokens], num_samples: int, limit: int, device: torch.device
    ) -> None:
        """At most `limit` places, or the few more that make every prompt's share equal and a full tile."""
        self.reader, self.head, self.device = reader, head, device
        self.prompts, self.num_samples = prompts, num_samples
        together = min(len(prompts), limit)
        self.width = max(min(limit // together, num_samples), -(-ROW_TILE // together))
        self.unread = deque(range(together, len(prompts)))  # prompts that wait
        self.unseated = [deque(self.samples_of(prompt)) for prompt in range(together)]  # by where a prompt stands
        self.empty = [list(range(at * self.width, (at + 1) * self.width)) for at in range(together)]
        with torch.no_grad():
            read = [read_prompt(reader, head, prompt, device) for prompt in prompts[:together]]
        self.decode = Decode([pack for pack, _ in read], self.width, longest_prompt=max(map(len, prompts)))
        self.first = torch.cat([logits for _, logits in read])  # of each standing prompt, for the first token behind it

    def samples_of(self, prompt: int) -> range:
        return range(prompt * self.num_samples, (prompt + 1) * self.num_samples)

    @torch.no_grad()
    def write(
        self, params: SamplingParams, seeds: Sequence[Sequence[int]], done: Done | None = None
    ) -> list[list[Reply]]:
        """One reply for every seed; to be called once."""
        flat = [seed for row in seeds for seed in row]
        self.params, self.u = params, torch.from_numpy(uniforms(flat, params.max_tokens)).to(self.device)
        tell = None if done is None else lambda n, reply: done(n // self.num_samples, n % self.num_samples, reply)
        self.writing = Writing([*[False] * len(flat), True], params, self.device, tell)  # the last one is NOBODY
        self.writing.place = torch.full((self.decode.u * self.width,), NOBODY, device=self.device)
        self.logits = self.first.repeat_interleave(self.width, 0)
        self.tokens = torch.zeros(len(self.logits), dtype=torch.long, device=self.device)
        self.decode.reserve(params.max_tokens)
        self.go_on(self.seat(range(self.decode.u)))
        while bool((goes_on := self.writing.still_writing).any()):
            hidden = self.reader.hidden(self.tokens, self.decode.grow(1), self.decode)
            self.decode.settle(goes_on.long())
            self.logits = self.head.logits(hidden)
            self.go_on(goes_on.nonzero().flatten())
        replies = self.writing.replies()[: len(flat)]
        return [replies[self.samples_of(prompt).start : self.samples_of(prompt).stop] for prompt in range(len(seeds))]

    def go_on(self, places: Tensor) -> None:
        """A token at each of these places; what is done makes room, and who comes draws at once."""
        begun = False
        while len(places):
            done = self.draw(places)
            begun |= bool(done)
            places = self.seat(self.clear(done))
        if begun:
            self.draw_together()

    def draw(self, places: Tensor) -> list[int]:
        """The next tokens; returns the places whose sample ended with them."""
        samples = self.writing.place[places]
        logits = self.logits if len(places) == len(self.logits) else self.logits[places]
        tokens, logprobs = draw(logits, self.u[samples, self.writing.lengths[samples]], self.params)
        self.tokens[places] = tokens
        self.writing.put(samples, tokens, logprobs)
        return [int(place) for place in places[self.writing.done[samples]]]

    def clear(self, places: Sequence[int]) -> list[int]:
        """Nobody writes at these places any more; returns where prompts stand that have room now."""
        if not places:
            return []
        self.writing.place[places] = NOBODY
        self.decode.begin_again(places)
        for place in places:
            self.empty[place // self.width].append(place)
        return sorted({place // self.width for place in places})

    def seat(self, standing: Iterable[int]) -> Tensor:
        """The next samples take the empty places of these prompts, or the next prompt all of them."""
        taken: list[int] = []
        samples: list[int] = []
        for at in standing:
            if not self.unseated[at] and self.unread and len(self.empty[at]) == self.width:
                self.stand(at, self.unread.popleft())
            while self.unseated[at] and self.empty[at]:
                taken.append(self.empty[at].pop(0))
                samples.append(self.unseated[at].popleft())
        places = torch.tensor(taken, dtype=torch.long, device=self.device)
        self.writing.place[places] = torch.tensor(samples, dtype=torch.long, device=self.device)
        self.logits[places] = self.first[places // self.width]
        return places

    def stand(self, at: int, prompt: int) -> None:
        """The next prompt, where one is done."""
        pack, logits = read_prompt(self.reader, self.head, self.prompts[prompt], self.device)
        self.decode.replace(at, pack)
        self.first[at] = logits[0]
        self.unseated[at] = deque(self.samples_of(prompt))

    def draw_together(self) -> None:
        """Towards the end places stay empty for ever: they leave when there are enough of them."""
        waited_for = torch.tensor([bool(self.unread or wait) for wait in self.unseated], device=self.device)
        needed = self.writing.still_writing | waited_for.repeat_interleave(self.width)
        kept = places_to_keep(needed, self.decode.u)
        if kept is None:
            return
        prompts, places = kept
        self.decode.keep(prompts, places)
        self.width = self.decode.g
        self.first, self.logits, self.tokens = self.first[prompts], self.logits[places], self.tokens[places]
        self.writing.place = self.writing.place[places]
        self.unseated = [self.unseated[at] for at in prompts.tolist()]
        empty = (self.writing.place == NOBODY).view(self.decode.u, self.width).tolist()
        self.empty = [[at * self.width + i for i, free in enumerate(row) if free] for at, row in enumerate(empty)]
