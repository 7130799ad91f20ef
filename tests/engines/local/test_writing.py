"""What the rows of a batch write, slot by slot, and the numbers that their tokens are drawn with."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from tests.engines.local.kinds import make_engine
from torch import Tensor

from straw.engines.base import Reply, SamplingParams, Tokens
from straw.engines.local import sampler
from straw.engines.local.engine import LocalEngine
from straw.engines.local.forward.reader import Layout
from straw.engines.local.sampler import LOOK, Rows, Writing, draw, keep_likeliest, slots_to_keep, uniforms

CPU, ALL = torch.device("cpu"), 2**64
GOLDEN = 0x9E3779B97F4A7C15


# --- numbers


def splitmix64(x: int) -> int:
    """As published, in whole numbers."""
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9 % ALL
    x = (x ^ (x >> 27)) * 0x94D049BB133111EB % ALL
    return x ^ (x >> 31)


def test_the_hash_is_the_published_splitmix64() -> None:
    wanted = [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F]  # what its author's code says to seed 0
    assert [splitmix64(GOLDEN * n % ALL) for n in (1, 2, 3)] == wanted
    found = sampler.mix(sampler.GOLDEN * np.arange(1, 4, dtype=np.uint64))
    assert found.tolist() == wanted


@pytest.mark.parametrize("seed", [0, 1, 41, -1, -7, 2**63, 2**64 - 1, 2**64 + 5])
def test_a_number_is_the_hash_of_its_seed_s_hash_and_its_place(seed: int) -> None:
    start = splitmix64((seed + GOLDEN) % ALL)
    wanted = [(splitmix64((start + GOLDEN * place) % ALL) >> 11) / 2**53 for place in (1, 2, 3, 4)]
    assert uniforms([3, seed], 4)[1].tolist() == wanted


# --- what is drawn


def kept(z: Sequence[Sequence[float]], top_k: int, top_p: float = 1.0) -> list[list[int]]:
    return [row.isfinite().nonzero().flatten().tolist() for row in keep_likeliest(torch.tensor(z), top_k, top_p)]


def test_the_kth_of_each_row_is_its_own_and_who_is_as_likely_stays_too() -> None:
    rows = [[5.0, 1.0, 4.0, 3.0, 2.0], [1.0, 2.0, 3.0, 4.0, 5.0], [2.0, 2.0, 2.0, 1.0, 3.0]]
    assert kept(rows, 3) == [[0, 2, 3], [2, 3, 4], [0, 1, 2, 4]]
    assert kept(rows, 4) == [[0, 2, 3, 4], [1, 2, 3, 4], [0, 1, 2, 4]]
    assert kept(rows, 5) == kept(rows, 6) == kept(rows, 0) == [[0, 1, 2, 3, 4]] * 3


def test_a_set_that_holds_exactly_top_p_is_enough_and_of_equals_the_first_stay() -> None:
    even, other = [0.0] * 4, [3.0, 0.0, 0.0, 9.0]
    assert kept([even, other], 0, 0.5) == [[0, 1], [3]]
    assert kept([even], 0, 0.75) == [[0, 1, 2]] and kept([even], 0, 0.76) == [[0, 1, 2, 3]]


def test_with_a_top_p_of_one_what_is_next_to_impossible_stays() -> None:
    assert kept([[0.0, -60.0, -70.0]], 0, 1.0) == [[0, 1, 2]]
    assert kept([[0.0, -60.0, -70.0]], 0, 0.999) == [[0]]


def test_a_number_of_zero_draws_the_first_token_that_was_not_cut_off() -> None:
    z = torch.tensor([[0.2, 0.5, 0.3], [0.5, 0.2, 0.3]]).log()
    u = torch.zeros(2, dtype=torch.float64)
    tokens, logprobs = draw(z, u, SamplingParams(max_tokens=1, top_k=2))
    assert tokens.tolist() == [1, 0]
    assert logprobs.exp().tolist() == pytest.approx([0.625, 0.625])


def test_each_row_is_drawn_with_its_own_number() -> None:
    z = torch.tensor([[0.5, 0.3, 0.2], [0.2, 0.3, 0.5], [0.5, 0.3, 0.2]]).log()
    tokens, logprobs = draw(z, torch.tensor([0.9, 0.1, 0.6], dtype=torch.float64), SamplingParams(max_tokens=1))
    assert tokens.tolist() == [2, 0, 1] and logprobs.exp().tolist() == pytest.approx([0.2, 0.2, 0.3])
    tokens, logprobs = draw(z, torch.zeros(3), SamplingParams(max_tokens=1, temperature=0.0))
    assert tokens.tolist() == [0, 2, 0] and logprobs.exp().tolist() == pytest.approx([0.5, 0.5, 0.5])


# --- who writes


def written(writing: Writing, said: Sequence[Sequence[int]], unseen: bool) -> None:
    """Time after time a token for every slot, with a log-probability that says which token it is of and which slot."""
    for tokens in said:
        logprobs = torch.tensor([-token - slot / 8 for slot, token in enumerate(tokens)])
        (writing.take_unseen if unseen else writing.take)(torch.tensor(tokens), logprobs)


@pytest.mark.parametrize("unseen", [False, True])
def test_a_row_writes_until_its_stop_token_or_its_last_and_a_filler_never(unseen: bool) -> None:
    params = SamplingParams(max_tokens=3, stop=frozenset({9, 8}))
    writing = Writing([False, False, True, False], params, CPU)
    written(writing, [[1, 9, 4, 1]], unseen)
    assert writing.still_writing.tolist() == [True, False, False, True]
    written(writing, [[2, 5, 5, 2], [3, 6, 6, 8], [7, 7, 7, 7]], unseen)
    assert writing.still_writing.tolist() == [False] * 4
    one, two, nobody, four = writing.replies()
    assert (one.tokens, one.stopped) == ((1, 2, 3), False)
    assert (two.tokens, two.stopped) == ((9,), True)
    assert (four.tokens, four.stopped) == ((1, 2, 8), True)
    assert nobody == Reply((), (), False)
    assert one.logprobs == (-1.0, -2.0, -3.0) and four.logprobs == (-1.375, -2.375, -8.375)


@pytest.mark.parametrize("unseen", [False, True])
def test_slots_hold_other_rows_once_some_have_left(unseen: bool) -> None:
    writing = Writing([False] * 3, SamplingParams(max_tokens=2, stop=frozenset({9})), CPU)
    written(writing, [[9, 1, 2]], unseen)
    writing.slot = torch.tensor([2, 1])
    written(writing, [[5, 6]], unseen)
    assert [reply.tokens for reply in writing.replies()] == [(9,), (1, 6), (2, 5)]
    assert writing.replies()[2].logprobs == (-2.25, -5.0)


def test_a_row_that_wrote_nothing_did_not_stop_even_where_padding_is_a_stop_token() -> None:
    writing = Writing([False], SamplingParams(max_tokens=2, stop=frozenset({0})), CPU)
    assert writing.replies() == [Reply((), (), False)]


def test_rows_are_told_of_when_they_are_done_each_once_and_no_filler() -> None:
    told: list[tuple[int, Tokens]] = []
    writing = Writing(
        [False, True, False, False], SamplingParams(max_tokens=2, stop=frozenset({9})), CPU,
        lambda row, reply: told.append((row, reply.tokens)),
    )  # fmt: skip
    written(writing, [[1, 1, 9, 1]], False)
    writing.tell_news()
    assert told == [(2, (9,))]
    written(writing, [[2, 2, 2, 3]], False)
    writing.tell_news()
    assert told == [(2, (9,)), (0, (1, 2)), (3, (1, 3))] and writing.untold == set()


def test_where_a_look_is_dear_news_are_told_at_the_look_and_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sampler, "is_dear_to_ask", lambda device: True)
    told: list[tuple[int, Tokens]] = []
    writing = Writing(
        [False, False, False, True], SamplingParams(max_tokens=2, stop=frozenset({9})), CPU,
        lambda row, reply: told.append((row, reply.tokens)),
    )  # fmt: skip
    written(writing, [[1, 9, 9, 9]], True)
    assert told == [] and writing.untold == {0, 1, 2}
    writing.tell_news()
    assert told == [(1, (9,)), (2, (9,))] and writing.untold == {0}
    written(writing, [[5, 9, 9, 9]], True)
    writing.tell_news()
    writing.tell_news()
    assert told == [(1, (9,)), (2, (9,)), (0, (1, 5))]


# --- who leaves


def places(grid: Sequence[Sequence[int]]) -> tuple[list[int], list[int]] | None:
    found = slots_to_keep(torch.tensor(grid).bool().flatten(), len(grid))
    return None if found is None else (found[0].tolist(), found[1].tolist())


def test_exactly_three_quarters_may_stay_and_one_more_keeps_all() -> None:
    assert places([[1] * 30 + [0] * 10]) == ([0], list(range(30)))
    assert places([[1] * 31 + [0] * 9]) is None


def test_a_prompt_whose_slots_are_all_taken_stays_while_another_leaves() -> None:
    assert places([[1] * 16, [0] * 16]) == ([0], list(range(16)))
    assert places([[0] * 16, [1] * 16]) == ([1], list(range(16, 32)))


def test_nobody_leaves_where_the_rest_have_too_few_slots_for_a_tile() -> None:
    assert places([[1]] + [[0]] * 23) is None  # one slot each: sixteen rows of one prompt are not there


def test_prompts_share_a_tile_evenly_and_round_up() -> None:
    found = places([[1, 0] * 6, [0] * 12, [0, 1] + [0] * 10, [0] * 11 + [1]])
    assert found is not None and found[0] == [0, 2, 3]
    assert len(found[1]) == 3 * 6  # sixteen rows over three prompts are six each
    assert found[1][:6] == [0, 2, 4, 6, 8, 10] and found[1][6] == 25 and found[1][12] == 47


# --- rows behind a prompt


@pytest.fixture(scope="module")
def engine() -> LocalEngine:
    return make_engine("embedded")


class Watched:
    """Reads as another, and writes down how many tokens each reading has."""

    is_by_token = True

    def __init__(self, engine: LocalEngine) -> None:
        self.reader, self.read = engine.reader, [0]

    def hidden(self, tokens: Tensor, positions: Tensor, layout: Layout) -> Tensor:
        self.read.append(len(tokens))
        return self.reader.hidden(tokens, positions, layout)

    def layers(self, tokens: Tensor, positions: Tensor, layout: Layout) -> list[Tensor]:
        return self.reader.layers(tokens, positions, layout)

    def fewest_rows(self, head: Tensor) -> int:
        return 16


def rows_of(engine: LocalEngine, lengths: Sequence[int], num_rows: int) -> tuple[Rows, list[int]]:
    reader = Watched(engine)
    prompts = [tuple(range(5, 5 + length)) for length in lengths]
    rows = Rows(reader, engine.head, prompts, num_rows, CPU)
    reader.read.clear()
    return rows, reader.read


@pytest.mark.parametrize(
    ("num_prompts", "num_rows", "width"), [(3, 1, 6), (16, 1, 1), (17, 1, 1), (1, 3, 16), (5, 7, 7)]
)
def test_prompts_share_a_tile_of_rows_with_fillers_and_none_has_fewer(
    num_prompts: int, num_rows: int, width: int, engine: LocalEngine
) -> None:
    rows, _ = rows_of(engine, [3] * num_prompts, num_rows)
    assert rows.width == width and len(rows.unread) == len(rows.logits) == num_prompts * width


def test_what_rows_hear_is_read_in_blocks_of_four_tokens_and_nothing_is_not_read(engine: LocalEngine) -> None:
    rows, read = rows_of(engine, [5], 16)
    for heard, block in ((0, 0), (1, 4), (4, 4), (5, 8), (8, 8)):
        read.clear()
        rows.append([[(), *[(7,) * heard] * 15]])
        assert sum(read) == 16 * block


def test_the_longest_row_is_counted_with_what_it_has_not_read_yet(engine: LocalEngine) -> None:
    rows, _ = rows_of(engine, [5, 9], 2)
    assert rows.longest == 9
    rows.append([[(7,) * 6, ()], [(7,), ()]])
    assert rows.longest == 11
    rows.generate(SamplingParams(max_tokens=3), [[0, 1], [2, 3]])
    assert rows.longest == 14 and all(len(more) == 1 for more in rows.unread)


@pytest.mark.parametrize(
    ("width", "keeps", "goes"), [(24, 18, True), (24, 19, False), (24, 3, True), (20, 3, False), (22, 3, True)]
)
def test_rows_leave_one_prompt_when_a_quarter_can_down_to_a_tile(
    width: int, keeps: int, goes: bool, engine: LocalEngine
) -> None:
    rows, _ = rows_of(engine, [4], width)
    rows.unread = [(place,) for place in range(width)]
    chosen = list(range(1, 1 + keeps))
    assert rows.keep_rows(chosen) is goes
    if goes:
        assert (rows.num_rows, rows.width) == (keeps, max(16, keeps)) and len(rows.logits) == max(16, keeps)
        assert rows.unread == [(place,) for place in [*chosen, *[keeps] * (16 - keeps)]]


def test_rows_of_several_prompts_all_stay(engine: LocalEngine) -> None:
    rows, _ = rows_of(engine, [4, 4], 24)
    assert rows.keep_rows([0, 1]) is False and (rows.num_rows, rows.width) == (24, 24)


def test_where_a_look_is_dear_rows_stop_at_the_look_behind_their_end(
    engine: LocalEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every token stops, so on the CPU one is read; elsewhere all up to the first look."""
    params = SamplingParams(max_tokens=40, stop=frozenset(range(engine.head.weight.shape[0])))
    for is_dear, num_read in ((False, 0), (True, 15)):
        monkeypatch.setattr(sampler, "is_dear_to_ask", lambda device, is_dear=is_dear: is_dear)
        rows, read = rows_of(engine, [4], 16)
        (replies,) = rows.generate(params, [range(16)])
        assert [len(reply.tokens) for reply in replies] == [1] * 16 and all(reply.stopped for reply in replies)
        assert read == [16] * num_read
    assert LOOK == 16
