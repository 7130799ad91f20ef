from __future__ import annotations

from math import inf, log2, nan
from typing import Any

from straw.config import dump, load_page
from straw.report.runs.options_diff import ceiling_bits, chosen, differing, filled_in, flat


def config(**options: Any) -> Any:
    import tomllib

    return tomllib.loads(dump(load_page(None, options).page))


def test_what_a_run_is_about_is_shown_even_by_default_and_the_rest_when_it_differs() -> None:
    told = chosen(config(group_size=8))
    assert told["N"] == "64" and told["model_name"] == "tiny-1M"
    assert told["group_size"] == "8"
    assert "batch_size" not in told and "run_dir" not in told


def test_options_that_a_page_leaves_open_are_apart() -> None:
    page = config(learning_rate=2e-4, device="cpu", seed=3)
    assert filled_in(page) == {"learning_rate": "0.0002", "device": "cpu"}
    assert not filled_in(page).keys() & chosen(page).keys()


def test_values_are_spelled_so_that_they_can_be_typed() -> None:
    page = config(stop=("a", "b"), trust_remote_code=True, seed=3)
    assert (flat(page)["stop"], flat(page)["trust_remote_code"], flat(page)["fixed_secret"]) == ("a,b", "true", "none")
    again = load_page(None, flat(page)).page
    assert (again.sampling.stop, again.model.trust_remote_code, again.run.seed) == (("a", "b"), True, 3)


def test_only_what_differs_between_runs_is_listed_and_not_where_they_lie() -> None:
    pages = [config(seed=1, run_dir="a"), config(seed=2, run_dir="b"), config(seed=1, N=16)]
    assert differing(pages) == {"N": ["64", "64", "16"], "seed": ["1", "2", "1"]}


def test_an_option_of_another_version_is_shown_as_it_stands() -> None:
    page = config()
    page["run"]["speed"] = 9
    assert chosen(page)["speed"] == "9"
    assert differing([page, config()]) == {"speed": ["9", ""]}


def test_options_of_other_algorithms_which_a_run_of_before_wrote_down_are_left_out() -> None:
    old = config(algorithm="grpo")
    old["algorithm"] |= {"most_updates": "none", "target_kl": "none", "pool": "none", "fresh": 64}
    assert flat(old) == flat(config(algorithm="grpo")) and chosen(old) == chosen(config(algorithm="grpo"))
    assert differing([old, config(algorithm="grpo")]) == {}
    assert "pool" not in filled_in(config(algorithm="surrogate"))
    assert filled_in(config(algorithm="surrogate", pool=8))["pool"] == "8"
    assert differing([old, config(algorithm="surrogate", pool=8)])["pool"] == ["", "8"]


def test_the_ceiling_is_the_tasks_and_unknown_for_a_task_that_we_do_not_know() -> None:
    assert ceiling_bits(config(N=16)) == log2(16)
    assert ceiling_bits(config(N=16, length=3)) == 3 * log2(16)
    assert ceiling_bits({"task": {"kind": "chess"}}) is None
    assert ceiling_bits({"task": {"kind": "chess"}}, {"ceiling_bits": 6}) == 6
    for odd in (nan, inf, -1, 10**400, 1e300, "6", [6], None):
        assert ceiling_bits({"task": {"kind": "chess"}}, {"ceiling_bits": odd}) is None
    assert ceiling_bits({}) == log2(64)
