from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from straw.config import Page, dump, with_values
from straw.errors import RunError
from straw.runs.checkpoints.config_match import as_branch, check_is_same
from straw.runs.reading import CONFIG


def begun_without(folder: Path, option: str, page: Page) -> Path:
    """A run of this page, from before there was such an option."""
    lines = [line for line in dump(page).splitlines() if not line.startswith(f"{option} = ")]
    assert len(lines) == len(dump(page).splitlines()) - 1
    (folder / CONFIG).write_text("\n".join(lines) + "\n")
    return folder


@pytest.mark.parametrize("option", ["stop_at", "replay_cap", "optimism", "novelty"])
def test_an_option_that_came_later_counts_as_its_default(option: str, tmp_path: Path) -> None:
    page = with_values(Page(), {"N": 16, "group_size": 8})
    check_is_same(page, begun_without(tmp_path, option, page))


def test_an_option_that_came_later_and_was_chosen_makes_another_page(tmp_path: Path) -> None:
    page = with_values(Page(), {"N": 16})
    folder = begun_without(tmp_path, "stop_at", page)
    with pytest.raises(RunError, match=r"\(stop_at=0\.95, not none\)"):
        check_is_same(with_values(page, {"stop_at": 0.95}), folder)


def test_a_run_from_before_all_options_had_every_default(tmp_path: Path) -> None:
    (tmp_path / CONFIG).write_text("")
    check_is_same(Page(), tmp_path)


def test_an_option_that_was_written_is_never_taken_for_a_default(tmp_path: Path) -> None:
    """Even one that the algorithm of the run makes no use of: nobody asks here what it would do."""
    (tmp_path / CONFIG).write_text("[algorithm]\noptimism = 0.2\n")
    with pytest.raises(RunError, match=r"\(optimism=0.1, not 0.2\)"):
        check_is_same(Page(), tmp_path)


@pytest.mark.parametrize("pool", ['"none"', "4096"])
def test_what_an_older_run_wrote_down_of_other_algorithms_is_no_matter(tmp_path: Path, pool: str) -> None:
    """It never read them: whatever they say, it goes on."""
    lines = f'[algorithm]\nmost_updates = "none"\ntarget_kl = "none"\npool = {pool}\nfresh = 64\n'
    (tmp_path / CONFIG).write_text(lines)
    check_is_same(Page(), tmp_path)


def test_where_a_run_lies_and_what_it_keeps_is_no_matter(tmp_path: Path) -> None:
    (tmp_path / CONFIG).write_text(dump(Page()))
    check_is_same(
        with_values(Page(), {"run_dir": "elsewhere", "keep_weights": False, "keep_optimizer": False}), tmp_path
    )


def test_a_command_to_be_copied_runs_nothing_that_stands_in_a_config() -> None:
    changed = {"question": ("; rm -rf ~; $(reboot)", ""), "seed": (3, 0)}
    told = as_branch(Path("runs/a b"), changed)
    assert told == "straw resume 'runs/a b' --branch 'question=; rm -rf ~; $(reboot)' seed=3"
    assert shlex.split(told)[-2:] == ["question=; rm -rf ~; $(reboot)", "seed=3"]
