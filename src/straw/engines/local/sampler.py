"""Draw replies: read each prompt once, then grow all rows a token at a time.

    token[t] of a sample = inverse CDF of softmax(z / temperature) at u(seed, t)

`u` is a counter-based hash, so a sample is a function of its seed and its prompt. That it does not
depend on its neighbours either is the work of fixed shapes: a prompt is read as if alone, at least
ROW_TILE rows decode together (empty slots are filled), and each row's keys stand in a buffer at
their own slot. Rows that are done leave; the others' bits do not change.

On a device that the host would have to wait for, nobody asks which rows are done but every LOOK tokens: until then all
go on, and what is drawn for those that are done goes nowhere.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from straw.engines.base import Done, Reply, SamplingParams, Tokens
from straw.engines.local.forward.attention import ROW_TILE, round_up
from straw.engines.local.forward.kv_cache import Decode
from straw.engines.local.forward.lm_head import Head
from straw.engines.local.forward.prompts.kept import KeptPrompts
from straw.engines.local.forward.prompts.reading import read_prompts
from straw.engines.local.forward.reader import Reader, row_tile
from straw.engines.precision import has_float64, is_dear_to_ask

T = TypeVar("T")
Tell = Callable[[int, Reply], None]  # (row, reply)
LOOK = 16  # tokens between two looks at who is done, where a look is dear
GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def mix(x: np.ndarray) -> np.ndarray:
    """splitmix64: every bit of the input moves every bit of the output."""
    with np.errstate(over="ignore"):
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return x ^ (x >> np.uint64(31))


def uniforms(seeds: Sequence[int], num_draws: int) -> np.ndarray:
    """[seeds, draws] numbers in [0, 1), each a hash of (seed, draw)."""
    start = mix(np.array([seed % 2**64 for seed in seeds], dtype=np.uint64) + GOLDEN)
    with np.errstate(over="ignore"):
        bits = mix(start[:, None] + GOLDEN * np.arange(1, num_draws + 1, dtype=np.uint64))
    return (bits >> np.uint64(11)).astype(np.float64) / 2**53


class Uniforms:
    """u(seed, t) where draws are made: on the device, or on the CPU for one that has no float64."""

    def __init__(self, seeds: Sequence[int], num_draws: int, device: torch.device) -> None:
        self.device = device if has_float64(device) else torch.device("cpu")
        self.u = torch.from_numpy(uniforms(seeds, num_draws)).to(self.device)

    def draw(self, z: Tensor, rows: Tensor, steps: Tensor | int, params: SamplingParams) -> tuple[Tensor, Tensor]:
        """A token for each row of `z`, the `steps`th of the seeds that `rows` name."""
        if z.device == self.device:
            return draw(z, self.u[rows, steps], params)
        steps = steps.to(self.device) if isinstance(steps, Tensor) else steps
        tokens, logprobs = draw(z.to(self.device), self.u[rows.to(self.device), steps], params)
        return tokens.to(z.device), logprobs.to(z.device)


def keep_likeliest(z: Tensor, top_k: int, top_p: float) -> Tensor:
    """Logits outside the top k, or outside the smallest set that holds top_p, become -inf."""
    if top_k:
        kth = z.topk(min(top_k, z.shape[-1])).values[:, -1:]
        z = z.masked_fill(z < kth, -torch.inf)
    if top_p < 1.0:
        ordered, order = z.sort(descending=True, stable=True)
        p = ordered.softmax(-1)
        outside = p.cumsum(-1) - p >= top_p  # the token that crosses the line stays
        z = z.masked_fill(outside.scatter(1, order, outside), -torch.inf)
    return z


def draw(z: Tensor, u: Tensor, params: SamplingParams) -> tuple[Tensor, Tensor]:
    """[R, V] logits and [R] uniforms -> tokens and their log-probabilities."""
    if params.temperature == 0:
        tokens = z.argmax(-1)
    else:
        z = z / params.temperature if params.temperature != 1.0 else z
        z = keep_likeliest(z, params.top_k, params.top_p)
        p = z.softmax(-1)
        mass = p.cumsum(-1, dtype=torch.float64)
        tokens = torch.searchsorted(mass, (u * mass[:, -1]).unsqueeze(1), right=True).clamp_max_(z.shape[-1] - 1)
        return tokens.squeeze(1), p.gather(1, tokens).squeeze(1).log()
    chosen = z.gather(1, tokens.unsqueeze(1)).squeeze(1)
    return tokens, chosen - z.logsumexp(-1)


class Writing:
    """What the rows of one `say` have written so far, and which are still writing.

    `slot[i]` is the row in slot i of the batch: rows that are done may leave it. Each row is handed to
    `tell` when it is done.
    """

    def __init__(
        self, is_filler: Sequence[bool], params: SamplingParams, device: torch.device, tell: Tell | None = None
    ) -> None:
        self.tell, self.untold = tell, {row for row, is_nobody in enumerate(is_filler) if not is_nobody}
        self.stop = torch.tensor(sorted(params.stop), dtype=torch.long, device=device)
        num_rows = len(is_filler)
        self.tokens = torch.zeros(num_rows, params.max_tokens, dtype=torch.long, device=device)
        self.logprobs = torch.zeros(num_rows, params.max_tokens, device=device)
        self.lengths = torch.zeros(num_rows, dtype=torch.long, device=device)
        self.done = torch.tensor(is_filler, device=device)
        self.slot = torch.arange(num_rows, device=device)

    def take(self, tokens: Tensor, logprobs: Tensor) -> None:
        """One token for every slot; those of rows that are done are nobody's."""
        writes = self.still_writing
        self.put(self.slot[writes], tokens[writes], logprobs[writes])

    def take_unseen(self, tokens: Tensor, logprobs: Tensor) -> None:
        """The same in fixed shapes, for which nobody has to know who is done; `tell_news` says it later."""
        rows, writes = self.slot, self.still_writing
        steps = self.lengths[rows]
        here = rows, steps.clamp_max(self.tokens.shape[1] - 1)
        self.tokens[here] = torch.where(writes, tokens, self.tokens[here])
        self.logprobs[here] = torch.where(writes, logprobs.float(), self.logprobs[here])
        self.lengths[rows] = steps + writes.long()
        self.done[rows] = ~writes | torch.isin(tokens, self.stop) | (steps + 1 == self.tokens.shape[1])

    def tell_news(self) -> None:
        """Of whoever is done and was not told of; `put` leaves nobody."""
        if self.tell is not None and is_dear_to_ask(self.done.device):
            done = self.done.tolist()
            self._tell(
                torch.tensor(
                    [row for row in sorted(self.untold) if done[row]], dtype=torch.long, device=self.slot.device
                )
            )

    def _tell(self, rows: Tensor) -> None:
        for row, reply in zip(rows.tolist(), self.replies_of(rows), strict=True):
            self.untold.discard(row)
            self.tell(row, reply)  # type: ignore[misc]

    def put(self, rows: Tensor, tokens: Tensor, logprobs: Tensor) -> None:
        """One more token for each of these rows."""
        steps = self.lengths[rows]
        self.tokens[rows, steps] = tokens
        self.logprobs[rows, steps] = logprobs.float()
        self.lengths[rows] = steps + 1
        self.done[rows] = torch.isin(tokens, self.stop) | (steps + 1 == self.tokens.shape[1])
        if self.tell is not None:
            self._tell(rows[self.done[rows]])

    @property
    def still_writing(self) -> Tensor:
        """For every slot of the batch."""
        return ~self.done[self.slot]

    def replies(self) -> list[Reply]:
        return self.replies_of(torch.arange(len(self.lengths), device=self.lengths.device))

    def replies_of(self, rows: Tensor) -> list[Reply]:
        lengths = self.lengths[rows].tolist()
        tokens, logprobs = self.tokens[rows].tolist(), self.logprobs[rows].tolist()
        stop = set(self.stop.tolist())
        return [
            Reply(tuple(t[:n]), tuple(lp[:n]), n > 0 and t[n - 1] in stop)
            for t, lp, n in zip(tokens, logprobs, lengths, strict=True)
        ]


def slots_to_keep(writing: Tensor, num_prompts: int, tile: int = ROW_TILE) -> tuple[Tensor, Tensor] | None:
    """Which prompts and slots go on, the same number of slots for each; None while few would leave."""
    grid = writing.view(num_prompts, -1)
    counts = grid.sum(1)
    prompts = counts.nonzero().flatten()
    if len(prompts) == 0:
        return None
    width = max(int(counts.max()), -(-tile // len(prompts)))
    if width > grid.shape[1] or len(prompts) * width > 0.75 * grid.numel():
        return None
    first = torch.argsort((~grid[prompts]).int(), dim=1, stable=True)[:, :width]
    return prompts, (prompts.unsqueeze(1) * grid.shape[1] + first).flatten()


class Rows:
    """Conversations behind prompts that were read once: U prompts with G rows each.

    Filler rows round the batch up to a tile; they copy a real row and are never reported.
    """

    def __init__(
        self, reader: Reader, head: Head, prompts: Sequence[Tokens], rows_per_prompt: int, device: torch.device,
        kept: KeptPrompts | None = None,
    ) -> None:  # fmt: skip
        self.reader, self.head, self.device = reader, head, device
        self.num_prompts, self.num_rows = len(prompts), rows_per_prompt
        self.tile = row_tile(reader, head.weight, device)
        self.width = max(rows_per_prompt, -(-self.tile // len(prompts)))
        with torch.no_grad():
            packs, logits = kept.read(prompts, device) if kept else read_prompts(reader, head, prompts, device)
        self.decode = Decode(packs, self.width)
        self.logits = logits.repeat_interleave(self.width, 0)  # of each row's next token
        self.unread: list[Tokens] = [()] * (self.num_prompts * self.width)  # written, but not in the keys yet

    @property
    def longest(self) -> int:
        """Tokens of the longest row, prompt and unread ones included."""
        read = self.decode.prompt_len.repeat_interleave(self.width) + self.decode.own_len
        return max(length + len(more) for length, more in zip(read.tolist(), self.unread, strict=True))

    def _fill(self, values: Sequence[Sequence[T]]) -> list[T]:
        """[prompt][row] -> a flat list with fillers."""
        return [row for rows in values for row in [*rows, *[rows[-1]] * (self.width - len(rows))]]

    @torch.no_grad()
    def append(self, tokens: Sequence[Sequence[Tokens]]) -> None:
        """tokens[prompt][row], appended behind what each row wrote; a row may hear nothing."""
        rows = [old + new for old, new in zip(self.unread, self._fill(tokens), strict=True)]
        self.unread = [()] * len(rows)
        if not any(rows):
            return
        width = round_up(max(map(len, rows)), 4)
        block = torch.tensor([[*row, *[0] * (width - len(row))] for row in rows], device=self.device)
        self.decode.reserve(width)
        hidden = self.reader.hidden(block.flatten(), self.decode.grow(width), self.decode)
        lengths = torch.tensor([len(row) for row in rows], device=self.device)
        self.decode.settle(lengths)
        last = hidden.view(*block.shape, -1)[torch.arange(len(rows), device=self.device), lengths - 1]
        self.logits = torch.where((lengths > 0).unsqueeze(1), self.head.logits(last), self.logits)

    def keep_rows(self, rows: Sequence[int]) -> bool:
        """Of one prompt: only these go on, with fillers up to a tile. Their bits do not change; False: few would go.

        To be called before what the rows hear is appended.
        """
        width = max(len(rows), self.tile)
        if self.num_prompts > 1 or not rows or width > 0.75 * self.width:
            return False
        slots = [*rows, *[rows[-1]] * (width - len(rows))]
        index = torch.tensor(slots, device=self.device)
        self.decode.keep(torch.zeros(1, dtype=torch.long, device=self.device), index)
        self.logits, self.unread = self.logits[index], [self.unread[slot] for slot in slots]
        self.num_rows, self.width = len(rows), width
        return True

    @torch.no_grad()
    def generate(
        self, params: SamplingParams, seeds: Sequence[Sequence[int]], last: bool = False, done: Done | None = None
    ) -> list[list[Reply]]:
        """One reply for every row. With `last`, rows that are done leave the batch, and nothing follows."""
        self.append([[()] * self.num_rows] * self.num_prompts)  # a row that heard nothing goes on from what it wrote
        u = Uniforms(self._fill(seeds), params.max_tokens, self.device)
        filler = [row >= self.num_rows for _ in range(self.num_prompts) for row in range(self.width)]
        tell = None if done is None else lambda row, reply: done(row // self.width, row % self.width, reply)
        writing, logits = Writing(filler, params, self.device, tell), self.logits
        self.decode.reserve(params.max_tokens)
        dear = is_dear_to_ask(self.device)
        for step in range(params.max_tokens):
            tokens, logprobs = u.draw(logits, writing.slot, step, params)
            (writing.take_unseen if dear else writing.take)(tokens, logprobs)
            goes_on = writing.still_writing
            if not dear or step % LOOK == LOOK - 1 or step == params.max_tokens - 1:
                writing.tell_news()
                if not bool(goes_on.any()):
                    break
                kept = slots_to_keep(goes_on, self.decode.u, self.tile) if last else None
                if kept is not None:
                    self.decode.keep(*kept)
                    writing.slot, tokens, goes_on = (x[kept[1]] for x in (writing.slot, tokens, goes_on))
            hidden = self.reader.hidden(tokens, self.decode.grow(1), self.decode)
            self.decode.settle(goes_on.long())
            logits = self.head.logits(hidden)
        replies = writing.replies()
        self.unread = self._fill([[r.tokens[-1:] for r in rows] for rows in self._by_prompt(replies)])
        return self._by_prompt(replies)

    def _by_prompt(self, flat: list[Reply]) -> list[list[Reply]]:
        return [flat[start : start + self.num_rows] for start in range(0, len(flat), self.width)]
