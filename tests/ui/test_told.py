"""What the page tells of a run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.made_runs import curve_rows, rollout, write_run
from tests.ui.made_sweep import make_sweep
from tests.ui.test_reading import one_run
from tokenizers import Tokenizer, models

from straw.report.curves.palette import ON_DARK, ON_LIGHT
from straw.ui.reading.page_lines import page_lines
from straw.ui.reading.samples import samples_to_read
from straw.ui.reading.sweep_name import place_of
from straw.ui.reading.tokens import token_texts


def test_where_values_came_from_is_read_off_the_page() -> None:
    text = """[task]
kind = "a # b"             # command line
N = 64
[optimizer]
learning_rate = 0.0012   # tuned: binary
nonsense
"""
    assert page_lines(text) == [
        {"section": "task", "name": "kind", "value": '"a # b"', "from": "command line"},
        {"section": "task", "name": "N", "value": "64", "from": ""},
        {"section": "optimizer", "name": "learning_rate", "value": "0.0012", "from": "tuned: binary"},
    ]


def test_sweeps_conditions_and_seeds_are_told_by_the_name() -> None:
    assert place_of("sweeps/bandwidth/reward_bins-4-seed-2") == ("sweeps/bandwidth", "reward_bins-4", "2")
    assert place_of("s/tune/N-64-lr-0.001-seed-100") == ("s/tune", "N-64-lr-0.001", "100")
    assert place_of("binary-seed-0") == ("", "binary", "0")
    assert place_of("first") is None


def test_rollouts_have_their_tokens_as_texts(tmp_path: Path) -> None:
    make_sweep(tmp_path / "s", 1, 30)
    told = samples_to_read(one_run(tmp_path), "newest", 3)
    assert len(told["rollouts"]) == 3
    turn = told["rollouts"][0]["turns"][0]
    assert "".join(turn["texts"]) == told["rollouts"][0]["replies"][0] + "<|end|>"
    assert len(turn["logprobs"]) == len(turn["tokens"]) and told["rollouts"][0]["advantages"]
    best = samples_to_read(one_run(tmp_path), "best", 1)["rollouts"][0]
    assert best["reward"] == 1 and best["turns"][0]["tokens"]


def test_no_path_that_a_run_names_is_opened_for_a_tokenizer(tmp_path: Path, home: Path) -> None:
    Tokenizer(models.WordLevel({"a": 0}, unk_token="a")).save(str(tmp_path / "tokenizer.json"))
    for name in (str(tmp_path), "../..", "..", ".", "a/../../b", "~/x", "org/name/more", ""):
        assert token_texts(name) is None
    texts = token_texts("tiny-1M")
    assert texts is not None and texts([24, 1, 99_999]) == ["2", "<|end|>", "#99999"]


def test_rollouts_too_many_to_look_through_say_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_run(tmp_path / "a", curve_rows(0.0), [(1, rollout("37", 1.0))])
    run = one_run(tmp_path)
    monkeypatch.setattr("straw.ui.reading.samples.LARGEST", 10)
    told = samples_to_read(run, "best", 3)
    assert told["rollouts"] == [] and "straw show a" in told["note"]


@pytest.fixture(scope="module")
def style() -> Iterator[str]:
    import straw.report.page as page

    yield (Path(page.__file__).parent / "style.css").read_text()


def test_the_colours_are_those_of_the_report(style: str) -> None:
    light, dark = style.split("@media (prefers-color-scheme: dark)")[:2]
    for part, colours in ((light, ON_LIGHT), (dark, ON_DARK)):
        assert all(f"--c{number}: {colour};" in part for number, colour in enumerate(colours))
