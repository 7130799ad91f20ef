"""As few rows through a model as this processor needs: their bits are those of sixteen."""

from __future__ import annotations

from random import Random

import pytest
import torch
from tests.engines.local.kinds import make_engine

from straw.engines.base import SamplingParams
from straw.engines.local import continuous_batching, sampler
from straw.engines.local.engine import LocalEngine
from straw.engines.local.forward import fewest_rows as measured
from straw.engines.local.forward.attention import Rule, attend_prefix_and_own, attend_with_one_token
from straw.engines.local.forward.fewest_rows import CANDIDATES, ROW_TILE, fewest_rows_through, measured_through
from straw.engines.local.forward.reader import row_tile

pytestmark = pytest.mark.usefixtures("one_thread")
CPU = torch.device("cpu")


def replies_of(engine: LocalEngine, seed: int) -> list[object]:
    """Groups of all sizes below a tile, some prompts at once, some with few places."""
    chance = Random(seed)
    found: list[object] = []
    for _ in range(12):
        size, count = chance.randrange(1, 16), chance.choice([1, 1, 2, 3])
        prompts = [tuple(chance.randrange(4, 60) for _ in range(chance.randrange(3, 30))) for _ in range(count)]
        seeds = [[chance.randrange(2**60) for _ in range(size)] for _ in range(count)]
        stop = frozenset(range(3, engine.head.weight.shape[0], 9))
        params = SamplingParams(max_tokens=chance.randrange(1, 9), stop=stop, temperature=chance.choice([1.0, 0.7]))
        found += engine.sample(prompts, size, params, seeds)
    return found


@pytest.mark.parametrize("kind", ["embedded", "lora", "llama", "qwen2"])
def test_replies_have_the_bits_of_full_tiles(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = make_engine(kind)
    few = replies_of(engine, 1)
    for room in (sampler, continuous_batching):
        monkeypatch.setattr(room, "row_tile", lambda *of: ROW_TILE)
    assert replies_of(engine, 1) == few


def test_the_tile_of_a_model_is_the_largest_of_its_matrices(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = make_engine("embedded")
    sizes = {1: 8}
    asked: list[tuple[int, ...]] = []

    def told(weight: torch.Tensor) -> int:
        asked.append(tuple(weight.shape))
        return sizes.get(len(asked), 4)

    monkeypatch.setattr(measured, "measured_through", told)
    monkeypatch.setattr(measured, "through", {})
    engine.reader.fewest.clear()  # type: ignore[attr-defined]
    assert row_tile(engine.reader, engine.head.weight, CPU) == 8
    assert len(asked) == len(set(asked)) and tuple(engine.head.weight.shape) in asked
    assert row_tile(engine.reader, engine.head.weight, CPU) == 8 and len(asked) == len(set(asked))


def test_in_bfloat16_and_off_the_cpu_tiles_are_full() -> None:
    engine = make_engine("embedded")
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert row_tile(engine.reader, engine.head.weight, CPU) == ROW_TILE
    assert row_tile(engine.reader, engine.head.weight, torch.device("meta")) == ROW_TILE
    engine.reader.fewest.clear()  # type: ignore[attr-defined]
    assert engine.reader.fewest_rows(engine.head.weight.bfloat16()) == ROW_TILE


def test_another_number_of_threads_is_measured_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    engine, tiles = make_engine("embedded"), {1: 4, 2: 8}
    monkeypatch.setattr(measured, "through", {})
    monkeypatch.setattr(measured, "measured_through", lambda weight: tiles[torch.get_num_threads()])
    for threads in (1, 2, 1):
        torch.set_num_threads(threads)
        assert row_tile(engine.reader, engine.head.weight, CPU) == tiles[threads]


def test_modules_of_others_get_full_tiles() -> None:
    engine = make_engine("modules")
    assert row_tile(engine.reader, engine.head.weight, CPU) == ROW_TILE


@pytest.mark.parametrize("shape", [(128, 128), (512, 128), (128, 512), (357, 128), (8, 128), (128, 8), (192, 576)])
def test_what_is_measured_holds_for_other_numbers(shape: tuple[int, int]) -> None:
    draw = torch.Generator().manual_seed(7)
    weight, x = torch.randn(shape, generator=draw), torch.randn(64, shape[1], generator=draw)
    rows = measured_through(weight)
    assert rows in (*CANDIDATES, ROW_TILE)
    for count in range(rows, ROW_TILE):
        assert torch.equal(torch.nn.functional.linear(x[:count].clone(), weight), (x[:ROW_TILE] @ weight.t())[:count])


@pytest.mark.parametrize(
    ("wrong", "rows"), [((), 2), ((2,), 4), ((3,), 4), ((4,), 8), ((7,), 8), ((8,), 16), ((15,), 16)]
)
def test_every_number_of_rows_from_there_on_has_to_agree(
    wrong: tuple[int, ...], rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measured, "same_through", lambda weight, x, other, among: len(x) not in wrong)
    assert measured_through(torch.randn(5, 3)) == rows


def test_of_a_large_matrix_fewer_are_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[int] = []
    monkeypatch.setattr(measured, "LARGE", 10)
    monkeypatch.setattr(measured, "same_through", lambda weight, x, other, among: tried.append(len(x)) or True)
    assert measured_through(torch.randn(5, 3)) == 2 and tried == [2, 3, 4, 5, 6, 7, 11, 15]


def test_a_sum_with_a_residual_is_measured_too(monkeypatch: pytest.MonkeyPatch) -> None:
    real = torch.addmm
    monkeypatch.setattr(torch, "addmm", lambda r, x, w: real(r, x, w) + (len(x) == 5))
    assert measured_through(torch.randn(16, 16)) == 8


def test_measuring_moves_no_seed_and_is_done_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measured, "through", {})
    state, weight = torch.random.get_rng_state(), torch.randn(6, 5)
    state = torch.random.get_rng_state()
    first = fewest_rows_through([weight, weight.clone()])
    assert torch.equal(torch.random.get_rng_state(), state)
    monkeypatch.setattr(measured, "measured_through", lambda weight: 99)
    assert fewest_rows_through([weight]) == first and fewest_rows_through([]) == ROW_TILE


@pytest.mark.parametrize("prompts", [1, 3])
@pytest.mark.parametrize("has_bias", [False, True])
@pytest.mark.parametrize("softcap", [None, 20.0])
def test_one_token_a_row_is_attended_in_fewer_steps_with_the_same_bits(
    prompts: int, has_bias: bool, softcap: float | None
) -> None:
    draw, rows, heads, width = torch.Generator().manual_seed(prompts), 20, 3, 16
    q = torch.randn(prompts, rows, 1, heads, width, generator=draw)
    prefix = tuple(torch.randn(prompts, heads, 64, width, generator=draw) for _ in range(2))
    own = tuple(torch.randn(prompts * rows, heads, 48, width, generator=draw)[:, :, :32] for _ in range(2))
    bias = None
    if has_bias:
        bias = torch.where(torch.rand(prompts, rows, 96, generator=draw) < 0.3, -1e30, 0.0)
    rule = Rule(width**-0.5, softcap=softcap)
    short = attend_with_one_token(q, prefix, own, bias, rule)  # type: ignore[arg-type]
    assert torch.equal(attend_prefix_and_own(q, prefix, own, bias, rule), short)  # type: ignore[arg-type]
    long = attend_prefix_and_own(q.clone().requires_grad_(), prefix, own, bias, rule)  # type: ignore[arg-type]
    assert torch.equal(long, short)
