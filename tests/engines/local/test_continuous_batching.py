"""Samples that follow one another in a few slots are those that begin together, bit for bit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.engines.contract import prompts_of, stops_of
from tests.small_runs import small_page, small_plan, train
from tests.torture import differing

from straw.engines.base import Reply, SamplingParams, Tokens
from straw.engines.local import continuous_batching as batching
from straw.engines.local.build import load_engine, with_adapters
from straw.engines.local.engine import LocalEngine
from straw.errors import ConfigError

PARAMS = SamplingParams(max_tokens=20)


def made(words: str = "") -> LocalEngine:
    page = small_plan("warmup=none", words).page
    return with_adapters(load_engine(page), page.model)


@pytest.fixture(scope="module", params=["", "lora_rank=2 fast_llama=false"], ids=["full", "lora"])
def engine(request: pytest.FixtureRequest) -> LocalEngine:
    return made(request.param)


def limited(
    engine: LocalEngine, limit: int | None, num_prompts: int, num_samples: int, share: int
) -> list[list[Reply]]:
    engine.settings = replace(engine.settings, rows_at_once=limit)
    prompts = [prompts_of(engine)[index % 4] for index in range(num_prompts)]
    seeds = [[100 * prompt + sample for sample in range(num_samples)] for prompt in range(num_prompts)]
    return engine.sample(prompts, num_samples, replace(PARAMS, stop=stops_of(engine, share)), seeds)


@pytest.mark.parametrize(
    ("num_prompts", "num_samples", "limit"),
    [(1, 40, 16), (5, 7, 16), (24, 1, 16), pytest.param(24, 3, 20, marks=pytest.mark.slow), (20, 5, 64)],
)
@pytest.mark.parametrize("share", [2, 13], ids=["short replies", "long replies"])
def test_a_sample_has_the_same_bits_in_any_place(
    engine: LocalEngine, num_prompts: int, num_samples: int, limit: int, share: int
) -> None:
    together = limited(engine, None, num_prompts, num_samples, share)
    assert len({len(reply.tokens) for replies in together for reply in replies}) > 3
    assert limited(engine, limit, num_prompts, num_samples, share) == together


@pytest.mark.parametrize(("limit", "num_samples"), [(32, 40), (48, 100)])
@pytest.mark.parametrize("short_first", [True, False])
def test_who_waits_takes_no_place_of_one_that_still_writes(
    engine: LocalEngine, limit: int, num_samples: int, short_first: bool
) -> None:
    """All samples of one prompt end with their first token, so its slots leave while others wait for theirs."""
    prompts = prompts_of(engine)[1:3]
    seeds = [range(num_samples), range(1000, 1000 + num_samples)]
    cold = SamplingParams(max_tokens=1, temperature=0.1)
    engine.settings = replace(engine.settings, rows_at_once=None)
    begun = {reply.tokens[0] for reply in engine.sample(prompts[:1], num_samples, cold, seeds[:1])[0]}
    params = replace(cold, max_tokens=20, stop=frozenset(begun))
    order = (0, 1) if short_first else (1, 0)
    given = [prompts[at] for at in order], num_samples, params, [seeds[at] for at in order]
    together = engine.sample(*given)
    lengths = [{len(reply.tokens) for reply in together[at]} for at in order]
    assert lengths[0] == {1} and len(lengths[1]) > 4
    engine.settings = replace(engine.settings, rows_at_once=limit)
    assert engine.sample(*given) == together


@pytest.mark.parametrize("limit", [None, 16])
def test_a_sample_is_handed_over_when_it_is_complete(engine: LocalEngine, limit: int | None) -> None:
    """Each once, as it is in the end; where all begin together, shorter ones before longer ones."""
    together = limited(engine, limit, 24, 3, share=13)
    prompts = [prompts_of(engine)[index % 4] for index in range(24)]
    seeds = [[100 * prompt + sample for sample in range(3)] for prompt in range(24)]
    told: list[tuple[int, int, Reply]] = []
    params = replace(PARAMS, stop=stops_of(engine, 13))
    engine.sample_one_by_one(prompts, 3, params, seeds, lambda *one: told.append(one))
    assert sorted(told, key=lambda one: one[:2]) == [
        (prompt, sample, reply) for prompt, row in enumerate(together) for sample, reply in enumerate(row)
    ]
    lengths = [len(reply.tokens) for _, _, reply in told]
    assert len({*lengths}) > 3
    assert limit is not None or lengths == sorted(lengths)


def test_more_rows_than_decode_together_are_handed_over_in_their_turn(
    engine: LocalEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("straw.engines.local.engine.MAX_ROWS", 4)
    engine.settings = replace(engine.settings, rows_at_once=None)
    told: list[tuple[int, int]] = []
    prompts = [prompts_of(engine)[index % 4] for index in range(5)]
    done = engine.sample(prompts, 2, PARAMS, [[2 * at, 2 * at + 1] for at in range(5)])
    engine.sample_one_by_one(
        prompts, 2, PARAMS, [[2 * at, 2 * at + 1] for at in range(5)],
        lambda prompt, sample, reply: told.append((prompt, sample)) or done[prompt].index(reply),
    )  # fmt: skip
    assert sorted(told) == [(prompt, sample) for prompt in range(5) for sample in range(2)]


class Counted(batching.Slots):
    """Writes down how many rows are read at each step."""

    rows: list[int]

    def draw(self, at: Any) -> Any:
        type(self).rows.append(len(self.logits))
        return super().draw(at)


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Counted]]:
    Counted.rows = []
    monkeypatch.setattr(batching, "row_tile", lambda *of: 16)  # on every processor
    monkeypatch.setattr("straw.engines.local.engine.Slots", Counted)
    yield Counted


def test_no_more_rows_are_read_than_there_are_places(engine: LocalEngine, counted: type[Counted]) -> None:
    limited(engine, 32, 9, 7, 13)
    assert max(counted.rows) == 27  # nine prompts with three slots each
    counted.rows.clear()
    limited(engine, 16, 3, 20, 13)
    assert max(counted.rows) == 18  # three equal shares that fill a tile


def test_every_prompt_is_read_once(engine: LocalEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[Tokens] = []
    real = batching.read_prompts
    monkeypatch.setattr(batching, "read_prompts", lambda *given: read.extend(given[2]) or real(*given))
    limited(engine, 16, 24, 3, 5)
    assert len(read) == 24


def test_a_run_does_not_show_how_many_rows_were_written_at_once(home: Path, tmp_path: Path) -> None:
    words = "n_batches=3 group_size=24 learning_rate=1e-3 save_every=1 eval_every=3"
    train(tmp_path / "all", words)
    train(tmp_path / "some", words, "rows_at_once=16")
    assert differing(tmp_path / "all", tmp_path / "some") == []


def test_fewer_rows_than_a_tile_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"got rows_at_once=8\. A matmul of fewer rows .* write rows_at_once=16"):
        small_page("rows_at_once=8")


def test_a_conversation_cannot_leave_its_place() -> None:
    with pytest.raises(ConfigError, match=r"got rows_at_once=16 with several turns\. Leave rows_at_once out"):
        small_page("rows_at_once=16 env_type=multi_step")


def test_towards_the_end_slots_that_stay_empty_are_read_no_more(engine: LocalEngine, counted: type[Counted]) -> None:
    limited(engine, 64, 20, 5, 13)
    assert counted.rows[0] == 60 and 16 <= counted.rows[-1] <= 20
    assert counted.rows == sorted(counted.rows, reverse=True)
