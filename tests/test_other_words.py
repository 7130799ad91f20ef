"""Who types another library's word is told ours, on the command line, in a page and in Python."""

from __future__ import annotations

from pathlib import Path

import pytest

import straw
from straw.config.names import ALIASES, FIRST, options_of_all, parse_overrides
from straw.config.page import options
from straw.errors import ConfigError
from straw.other_words import OURS, WORDS

KNOWN = {**options(*FIRST), **options_of_all()}


def test_ours_are_options_and_theirs_are_not() -> None:
    assert set(WORDS) <= set(KNOWN)
    assert not set(OURS) & {*KNOWN, *ALIASES}
    assert len(OURS) == sum(map(len, WORDS.values())), "a word that stands for two options says nothing"


@pytest.mark.parametrize("spelling", ["num_generations=8", "--num-generations=8", "--NUM_GENERATIONS=8"])
def test_a_command_line_is_told(spelling: str) -> None:
    with pytest.raises(ConfigError, match=r"there is no option '.*': here it is group_size"):
        parse_overrides([spelling])


def test_a_page_and_a_call_are_told(tmp_path: Path) -> None:
    page = tmp_path / "mine.toml"
    page.write_text("[optimizer]\nmax_grad_norm = 1.0\n")
    with pytest.raises(ConfigError, match="here it is grad_clip"):
        straw.load(str(page))
    with pytest.raises(ConfigError, match="here it is kl_coef"):
        straw.train("secret", beta=0.1, run_dir=str(tmp_path / "run"))
    assert not (tmp_path / "run").exists()


def test_an_option_of_straw_is_near_where_nobody_else_has_the_word() -> None:
    with pytest.raises(ConfigError, match="did you mean 'learning_rate'"):
        parse_overrides(["learning_rat=1"])


@pytest.mark.parametrize(
    ("word", "flag"), [("quiet=true", "--quiet"), ("dry_run=1", "--dry-run"), ("--resume=true", "--resume")]
)
def test_a_flag_with_a_value_is_told_how_it_is_written(word: str, flag: str) -> None:
    with pytest.raises(ConfigError, match=f"it is a flag of the command, {flag}, without a value"):
        parse_overrides([word])
