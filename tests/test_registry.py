from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import get_args, get_type_hints

import pytest

from straw import config, registry
from straw.config import load_page, parse_overrides
from straw.errors import ConfigError
from straw.registry import entry_for
from straw.training.resolve.page_to_plan import plan_of

KNOWN = {"secret", "gym:NAME"}


@pytest.mark.parametrize("kind", registry.REGISTRY)
def test_every_name_leads_to_something(kind: str) -> None:
    assert registry.names(kind)
    for name in registry.names(kind):
        found = registry.find(kind, name)
        assert callable(found) or kind in ("algorithms", "baselines", "graders", "intrinsic")


def test_a_class_is_found_by_its_name() -> None:
    from straw.tasks.secret.single_step import Secret

    assert registry.find("tasks", "secret") is Secret


def test_a_name_of_a_table_beside_the_code_is_found_too() -> None:
    from straw.algorithms.registry import NAMED

    assert registry.find("algorithms", "reinforce") is NAMED["reinforce"]


def test_an_unknown_name_is_told_its_neighbour() -> None:
    with pytest.raises(ConfigError, match=r"there is no reward_type .binry.: did you mean .binary.\?"):
        registry.find("rewards", "binry")


def test_every_kind_has_the_word_by_which_a_person_writes_it() -> None:
    assert set(registry.OPTIONS) == set(registry.REGISTRY)
    of_a_page = {one.name for task in ("gsm8k", "countdown") for one in config.describe_options(task)}
    assert set(registry.OPTIONS.values()) - {"task", "learner"} <= of_a_page


def test_all_channels_of_the_study_and_the_controls_are_there() -> None:
    of_the_study = {"binary", "log_distance", "binned_log_distance", "dense"}
    controls = {"random", "shuffled_bins", "higher_lower", "noisy_binary"}
    assert of_the_study | controls <= set(registry.names("rewards"))


def test_every_reward_goes_by_the_name_that_it_is_found_under() -> None:
    assert all(registry.find("rewards", name).name == name for name in registry.names("rewards"))


def test_the_registry_and_the_page_are_read_without_torch() -> None:
    code = (
        "import sys, straw.registry as r, straw.config as c; r.names('rewards'); c.load_page(None, {'use_ir': 'knn'});"
        "c.describe_options('gsm8k'); c.describe_options('secret', 'surrogate');"
        "sys.exit('torch' in sys.modules or 'transformers' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_every_task_has_options_of_its_own_and_the_embedded_models_their_shapes() -> None:
    from straw.config.sections import EMBEDDED
    from straw.engines.local.models.tiny import SHAPES

    for kind in registry.names("tasks"):
        section = config.page.task_section(kind)
        assert section is not config.TaskSection and section.__module__.startswith("straw.tasks.")
    assert set(EMBEDDED) == set(SHAPES)


def test_the_options_of_an_algorithm_stand_in_the_file_of_its_learner() -> None:
    for name in registry.names("algorithms"):
        section, is_learner = config.owners.algorithm_section(name), name in registry.table("learners")
        assert (section is not config.Algorithm) == is_learner
        own = registry.find("learners", name).__module__ if is_learner else "straw.config.sections"
        assert section.__module__ in (own, "straw.training.learners.soft_targets")


def test_the_choices_of_the_page_exist() -> None:
    from straw.algorithms.registry import WEIGHINGS

    literal, _ = get_args(get_type_hints(config.Algorithm)["weigh"])
    assert set(get_args(literal)) == set(WEIGHINGS)


# --- families of names


def test_a_name_stands_under_itself_or_its_family() -> None:
    assert entry_for("secret", KNOWN) == "secret"
    assert entry_for("gym:chain_sum", KNOWN) == "gym:NAME"


@pytest.mark.parametrize("name", ["secrets", "gym", "gym:", "zoo:chain_sum", "secret:1", ""])
def test_others_have_no_entry(name: str) -> None:
    assert entry_for(name, KNOWN) is None


def test_a_task_of_a_family_has_its_options_and_is_found() -> None:
    page = load_page(None, parse_overrides(["task=gym:chain_sum", "gym_options=min_terms=2", "num_shots=1"])).page
    assert (page.task.kind, page.task.gym_options) == ("gym:chain_sum", ("min_terms=2",))
    assert registry.find("tasks", "gym:chain_sum").__name__ == "Gym"


def test_a_misspelt_family_is_told_what_there_is() -> None:
    with pytest.raises(ConfigError, match=r"there is no task 'gim:chain_sum': .*gym:NAME"):
        load_page(None, {"kind": "gim:chain_sum"})


# --- what an installed package declares


@pytest.fixture
def quiz(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A package as pip leaves it: a module, and entry points beside it."""
    (tmp_path / "quiz_lab.py").write_text(
        "from straw.tasks.simple import SimpleTask\n"
        "from straw.types import Message, Problem\n"
        "class Quiz(SimpleTask):\n"
        "    def problem(self, index):\n"
        "        return Problem(key='q', messages=(Message('user', '1 + 1?'),), reference=('2',))\n"
        "def kind(completions): return [1.0] * len(completions)\n"
    )
    info = tmp_path / "quiz_lab-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: quiz-lab\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[straw.tasks]\nquiz = quiz_lab:Quiz\n\n[straw.rewards]\nkind = quiz_lab:kind\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    registry.declared.cache_clear()
    yield
    registry.declared.cache_clear()


@pytest.mark.usefixtures("quiz")
def test_a_package_s_entry_points_are_names_like_ours() -> None:
    assert "quiz" in registry.names("tasks") and "kind" in registry.names("rewards")
    page = load_page(None, {"kind": "quiz", "reward_type": "kind"}).page
    assert page.task.kind == "quiz"
    plan = plan_of(load_page(None, {"kind": "quiz", "reward_type": "kind", "max_tokens": "4"}))
    assert plan.task.problem(0).reference == ("2",) and plan.channel.name == "kind"
    with pytest.raises(ConfigError, match=r"there is no task 'quizz': did you mean 'quiz'\?"):
        registry.find("tasks", "quizz")
