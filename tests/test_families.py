from __future__ import annotations

import pytest

from straw import catalogue
from straw.config import load_page, parse_overrides
from straw.errors import ConfigError
from straw.families import entry_for

KNOWN = {"secret", "gym:NAME"}


def test_a_name_stands_under_itself_or_its_family():
    assert entry_for("secret", KNOWN) == "secret"
    assert entry_for("gym:chain_sum", KNOWN) == "gym:NAME"


@pytest.mark.parametrize("name", ["secrets", "gym", "gym:", "zoo:chain_sum", "secret:1", ""])
def test_others_have_no_entry(name):
    assert entry_for(name, KNOWN) is None


def test_a_task_of_a_family_has_its_options_and_is_found():
    page = load_page(None, parse_overrides(["task=gym:chain_sum", "gym_options=min_terms=2", "num_shots=1"])).page
    assert (page.task.kind, page.task.gym_options) == ("gym:chain_sum", ("min_terms=2",))
    assert catalogue.find("tasks", "gym:chain_sum").__name__ == "Gym"


def test_a_misspelt_family_is_told_what_there_is():
    with pytest.raises(ConfigError, match=r"there is no task 'gim:chain_sum'; .*gym:NAME"):
        load_page(None, {"kind": "gim:chain_sum"})
