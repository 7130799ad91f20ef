from __future__ import annotations

import subprocess
import sys
from typing import get_args, get_type_hints

import pytest

from straw import catalogue, config
from straw.errors import ConfigError


@pytest.mark.parametrize("kind", catalogue.CATALOGUE)
def test_every_name_leads_to_something(kind: str) -> None:
    assert catalogue.names(kind)
    for name in catalogue.names(kind):
        assert callable(catalogue.find(kind, name)) or kind in ("algorithms", "graders")


def test_a_class_is_found_by_its_name() -> None:
    from straw.tasks.secret import Secret

    assert catalogue.find("tasks", "secret") is Secret


def test_a_name_of_a_table_beside_the_code_is_found_too() -> None:
    from straw.algorithms.named import NAMED

    assert catalogue.find("algorithms", "reinforce") is NAMED["reinforce"]


def test_an_unknown_name_is_told_its_neighbour() -> None:
    with pytest.raises(ConfigError, match=r"there is no reward_type .binry.: did you mean .binary.\?"):
        catalogue.find("channels", "binry")


def test_every_kind_has_the_word_by_which_a_person_writes_it() -> None:
    assert set(catalogue.OPTIONS) == set(catalogue.CATALOGUE)
    assert set(catalogue.OPTIONS.values()) - {"task"} <= {one.name for one in config.describe_options("gsm8k")}


def test_all_channels_of_the_study_and_the_controls_are_there() -> None:
    of_the_study = {"binary", "log_distance", "binned_log_distance", "dense"}
    controls = {"random", "shuffled_bins", "higher_lower", "noisy_binary"}
    assert of_the_study | controls <= set(catalogue.names("channels"))


def test_the_catalogue_and_the_page_are_read_without_torch() -> None:
    code = "import sys, straw.catalogue as c, straw.config; c.names('channels'); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_choices_of_the_page_exist() -> None:
    from straw.algorithms.named import BASELINES, WEIGHINGS

    assert set(config.TASKS) == set(catalogue.names("tasks"))
    assert choices("loss_fn") <= set(catalogue.names("losses"))
    assert choices("baseline") <= set(BASELINES)
    assert choices("weigh") == set(WEIGHINGS)


def choices(name: str) -> set[str]:
    literal, _ = get_args(get_type_hints(config.Algorithm)[name])
    return set(get_args(literal))
