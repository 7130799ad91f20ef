"""Runs whose replies are written by somebody else: what is promised of them, what is not, and what is refused."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
from tests.monarch_here import needs_monarch
from tests.small_runs import Listener, small_page, small_plan

from straw.config import Model
from straw.engines.base import SamplingParams
from straw.errors import ConfigError
from straw.runs.reading import read_metrics
from straw.training.checks.sampler_parity import limit_of
from straw.training.session import run_page
from straw.training.sources.prefetch import Prefetching
from straw.training.sources.registry import source_of

WORDS = "N=4 n_batches=12 eval_every=12 group_size=8 reward_type=binary generator=transformers"


def learned(folder: Path, *words: str) -> tuple[list[str], list[dict[str, float]]]:
    heard = Listener()
    run_page(small_page(f"run_dir={folder}", WORDS, *words), heard)
    return heard.lines, list(read_metrics(folder))


def test_a_run_learns_from_replies_of_transformers(home: Path, tmp_path: Path) -> None:
    lines, rows = learned(tmp_path / "run")
    assert any("generator=transformers promises no bits" in line for line in lines)
    assert any("sampler and trainer" in line and "independent" not in line for line in lines)
    assert rows[-1]["bits_known"] > rows[0]["bits_known"] + 0.5
    assert abs(rows[-1]["kl_sampler"]) < 1e-4
    assert (
        "ratio_cap = 2.0                       # generator transformers" in (tmp_path / "run/config.toml").read_text()
    )


@needs_monarch
@pytest.mark.slow
@pytest.mark.parametrize("words", ["", "max_lag=1", "max_lag=1 pace=free", "weights=pushed lora_rank=2"])
def test_and_on_processes_of_their_own(words: str, home: Path, tmp_path: Path) -> None:
    lines, rows = learned(tmp_path / "run", "engine=monarch num_generators=2", words)
    assert rows[-1]["bits_known"] > rows[0]["bits_known"]
    assert any("pace=exact promises lag alone" in line for line in lines) == (words == "max_lag=1")


def test_what_a_person_wrote_of_the_cap_holds_and_the_own_sampler_has_none() -> None:
    assert small_plan(WORDS).loss_settings["ratio_cap"] == 2.0
    assert small_plan(WORDS, "ratio_cap=5").loss_settings["ratio_cap"] == 5.0
    assert "ratio_cap" not in small_plan().loss_settings and not small_plan().notes


def test_the_gate_allows_for_other_kernels() -> None:
    assert limit_of(Model(dtype="float32", device="cpu"), exact=False) == 1e-2
    assert limit_of(Model(dtype="bfloat16", device="cpu"), exact=False) == 0.5


def test_nothing_is_foreseen_where_neighbours_change_bits() -> None:
    def foreseen(*words: str) -> bool:
        state = SimpleNamespace(pass_rates=None, student=None)
        source = source_of(small_plan(*words), None, SamplingParams(max_tokens=2), state, print, print)  # type: ignore[arg-type]
        assert isinstance(source, Prefetching)
        return source.is_foreseen

    assert not foreseen(WORDS) and foreseen()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("generator=trnsformers", "there is no generator 'trnsformers': did you mean 'transformers'"),
        ("generator=hf", "known: straw, transformers, vllm"),
        (
            "generator=fractions:Fraction",
            r"generator=fractions:Fraction, which is none\. Write class Fraction\(Backend\)",
        ),
        ("generator=math:gcd", "a generator is a subclass of straw.engines.backends.base.Backend"),
        ("generator=vllm", r"pip install 'straw\[vllm\]'"),
        ("generator=transformers engine=monarch max_lag=1 pace=free fresh_weights=true", "Write generator=straw"),
    ],
)
def test_what_cannot_be_is_refused_in_a_line(words: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said) as refused:
        small_plan(words)
    assert "\n" not in str(refused.value)
