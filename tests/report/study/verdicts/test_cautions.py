from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tests.made_runs import write_run
from tests.made_studies import in_proportion, make_study, never
from tests.report.study.in_memory import cell_of, knowing, run_of
from tests.report.study.verdicts.said import said, verdicts_at

from straw.report.figures.bits import conditions_table
from straw.report.figures.equal import equal_figure
from straw.report.study.analysis import studied
from straw.report.study.load_runs import gathered
from straw.report.study.verdicts import cautions, outcomes
from straw.report.study.verdicts.cautions import listed, shortly
from straw.report.study.verdicts.verdict import FEW


def test_a_censored_condition_is_said_plainly(tmp_path: Path) -> None:
    make_study(tmp_path, {16: [30, 40, 50], 64: [100, never, never]}, cap=500)
    assert "2 of 3 runs did not know 0.9 of the bits within 500 episodes" in said(tmp_path, "N = 64", "did not know")
    assert "its median is not reached" in said(tmp_path, "did not know")


def test_a_censored_run_below_the_median_changes_no_more_than_that(tmp_path: Path) -> None:
    make_study(tmp_path, {16: [30, 40, never]}, cap=500)
    assert "the median is reached without them" in said(tmp_path, "1 of 3 runs did not know")


def test_a_reward_that_cannot_tell_enough_is_not_blamed_on_the_learner(tmp_path: Path) -> None:
    make_study(tmp_path, {256: [never] * 2}, cap=400, reward_type="binned_log_distance", reward_bins=4)
    assert "its reward tells at most 6.4 of the 8 bits apart" in said(tmp_path, "did not know")


def test_few_secrets_behind_binary_discovery_are_warned_of_and_enough_are_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_study(tmp_path, in_proportion([4, 16], 5), cap=1000)
    assert "5 secrets at each N" in said(tmp_path, "a matter of luck", "Take 100 or more")
    monkeypatch.setattr("straw.report.study.verdicts.cautions.ENOUGH_SECRETS", 5)
    assert not [one for one in verdicts_at(tmp_path) if "matter of luck" in one.text]


def test_a_rate_chosen_on_the_judged_secrets_is_a_warning(tmp_path: Path) -> None:
    for rate in (1e-4, 1e-3):
        make_study(tmp_path, {16: [30, 40]}, name=f"lr{rate}", learning_rate=rate)
    (found,) = [one for one in verdicts_at(tmp_path) if "same secrets" in one.text]
    assert found.is_warning


def test_runs_that_were_over_when_they_knew_enough_are_told_of_and_others_are_not(tmp_path: Path) -> None:
    make_study(tmp_path / "early", {16: [30, 40, never]}, cap=100, stop_at=0.9)
    assert "2 of 3 runs were over" in said(tmp_path / "early", "nothing of forgetting")
    assert all(one.is_warning for one in verdicts_at(tmp_path / "early") if "forgetting" in one.text)
    make_study(tmp_path / "whole", {16: [30, 40, never]}, cap=100)
    assert not [one for one in verdicts_at(tmp_path / "whole") if "forgetting" in one.text]


def test_many_conditions_with_censored_runs_share_a_sentence(tmp_path: Path) -> None:
    for place in range(5):
        make_study(tmp_path, {16: [30, 40, never]}, cap=100, name=f"g{place}", group_size=place + 2)
    make_study(tmp_path, {16: [30, never, never]}, cap=100, name="slow", group_size=9)
    text = said(tmp_path, "did not know 0.9 of the bits when they ended")
    assert "In 6 of 6 conditions" in text
    assert "the medians of binary, group_size=9 are not reached" in text


def surrogates(folder: Path, counts: bool) -> None:
    """Two runs of two steps: 4,096 + 64 replies that nobody paid for, 8 and 6 updates."""
    for secret in range(2):
        rows: list[dict[str, float]] = [
            {"step": step, "episodes": 4 * step, "time_s": 1.0, "bits_known": 2.0 * step, "p_secret": 2.0**step / 16}
            for step in range(3)
        ]
        if counts:
            rows[1] |= {"updates": 8.0, "unpaid_draws": 4096.0}
            rows[2] |= {"updates": 6.0, "unpaid_draws": 64.0}
        write_run(folder / f"run-{secret}", rows, N=16, secret_seed=secret, seed=secret, algorithm="surrogate")


def test_what_a_surrogate_draws_unpaid_is_said_beside_its_episodes(tmp_path: Path) -> None:
    surrogates(tmp_path / "new", counts=True)
    text = said(tmp_path / "new", "nobody pays for")
    assert "drew 4,160 and made 14 updates beside 8 episodes" in text
    assert "one token" in text
    surrogates(tmp_path / "old", counts=False)
    assert "did not count them" in said(tmp_path / "old", "nobody pays for")
    make_study(tmp_path / "other", {16: [30, 40]}, cap=100)
    assert not [one for one in verdicts_at(tmp_path / "other") if "nobody pays for" in one.text]


def test_tables_have_updates_and_unpaid_draws_beside_the_episodes(tmp_path: Path) -> None:
    surrogates(tmp_path, counts=True)
    make_study(tmp_path, {16: [30, 40]}, cap=100, name="plain")
    assert "surrogate (which draws unpaid replies too) with 4 bits" in said(tmp_path, "After 8 episodes")
    study = studied(gathered([tmp_path]))
    for table in (conditions_table(study), *equal_figure(study).tables):
        columns = [table.header.index(name) for name in ("updates a run", "unpaid draws a run")]
        found = {row[0]: [row[column] for column in columns] for row in table.rows}
        assert ["14", "4,160"] in found.values() and ["–", "–"] in found.values()


def test_a_few_series_are_named_and_more_are_counted() -> None:
    names = [f"s{number}" for number in range(FEW + 1)]
    assert shortly(names[: FEW - 1]) == listed(names[: FEW - 1])
    assert shortly(names[:FEW]) == f"{FEW} series"
    assert shortly(names) == f"{FEW + 1} series"


# --- in memory ------------------------------------------------------------------------------------


def rated(how: str, label: str = "a", *, is_at_edge: bool = False) -> Any:
    return SimpleNamespace(how=how, label=label, chosen=3e-4, is_at_edge=is_at_edge)


def test_how_rates_were_chosen_is_told_by_kind_and_only_what_misleads_is_a_warning() -> None:
    study: Any = SimpleNamespace(
        rates=[*[rated("other secrets")] * 2, rated("other draws"), *[rated("half of the secrets")] * 3,
               rated("the same secrets", "b"), rated("the same secrets", "c", is_at_edge=True)]
    )  # fmt: skip
    found = list(cautions.rates(study))
    assert [one.text for one in found] == [
        "Learning rates were chosen on other secrets than those judged for 2 conditions.",
        "Learning rates were chosen with other draws, of secrets that are judged, for 1 condition.",
        "Learning rates were chosen on half of the secrets, and judged on the others, for 3 conditions.",
        "The learning rate of b and c was chosen on the same secrets that are judged: read those as what can be "
        "reached, not as what to expect.",
        "The best learning rate lies at the edge of those tried, and a better one may lie beyond: c (0.0003).",
    ]
    assert [one.is_warning for one in found] == [False, False, False, True, True]
    assert {one.about for one in found} == {"rates"}


@pytest.mark.parametrize(
    ("count", "words"), [(4, ": a (0.0003), a (0.0003), a (0.0003) and a (0.0003)."), (5, ": 5 of 6 conditions.")]
)
def test_rates_at_the_edge_are_named_up_to_four_and_counted_beyond(count: int, words: str) -> None:
    study: Any = SimpleNamespace(rates=[*[rated("given", is_at_edge=True)] * count, rated("given")])
    (found,) = cautions.rates(study)
    assert found.text.endswith(words) and found.is_warning


def test_a_reward_is_blind_where_it_tells_less_than_nine_tenths_of_the_bits() -> None:
    cell = cell_of(knowing(0, 1), label="a")  # four bits
    found = [cautions.is_blind(SimpleNamespace(identifiable=told), cell) for told in ({"a": 3.59}, {"a": 3.6}, {})]  # type: ignore[arg-type]
    assert found == [True, False, False]


def test_models_are_told_where_several_ran() -> None:
    def study(*pairs: tuple[str, str]) -> Any:
        return SimpleNamespace(cells=[cell_of(run_of(model_name=model), label=name) for model, name in pairs])

    assert list(cautions.models(study(("tiny-1M", "a"), ("tiny-1M", "b")))) == []
    (found,) = cautions.models(study(("tiny-1M", "a"), ("tiny-5M", "b"), ("tiny-1M", "c"), ("tiny-1M", "a")))
    assert found.text.endswith("compare their pace with care. tiny-1M: a and c; tiny-5M: b.") and found.is_warning


def test_what_was_drawn_unpaid_is_told_or_that_nobody_counted() -> None:
    columns = {"updates": ([4, 8], [8.0, 6.0]), "unpaid_draws": ([4, 8], [4096.0, 64.0])}
    run = run_of(columns, step=2, episodes=8)
    assert cautions.drawn_by(cell_of(run)) == "drew 4,160 and made 14 updates beside 8 episodes"
    for missing in columns:
        less = run_of({name: both for name, both in columns.items() if name != missing}, step=2)
        assert cautions.drawn_by(cell_of(less)) == "did not count them"


def test_a_coin_leaks_at_the_level_and_not_above_it(monkeypatch: pytest.MonkeyPatch) -> None:
    cell = cell_of(knowing(0, 1, reward_type="random"), label="random")
    for p, leaks in ((0.05, True), (0.051, False)):
        monkeypatch.setattr(outcomes, "law_of_nothing", lambda cell: SimpleNamespace(p=p))  # noqa: B023
        found = outcomes.coin(SimpleNamespace(), cell, 0.05)  # type: ignore[arg-type]
        assert found.is_warning == leaks == ("more than a coin can tell" in found.text)
    monkeypatch.setattr(outcomes, "law_of_nothing", lambda cell: None)
    assert not outcomes.coin(SimpleNamespace(), cell, 0.05).is_warning  # type: ignore[arg-type]


def test_accuracy_is_told_from_the_median_of_the_starts_of_runs_that_were_measured() -> None:
    runs = [
        run_of({"accuracy": ([0, 40], both)}, ceiling=None, kind="gsm8k", episodes=40)
        for both in ((0.1, 0.5), (0.3, 0.6), (0.2, 0.9))
    ]
    study: Any = SimpleNamespace(with_accuracy=[cell_of(*runs, run_of(episodes=999), label="weighted")])
    (found,) = outcomes.accuracy(study)
    assert found.text.startswith(
        "Weighted: accuracy on held-out problems from 0.200 to 0.6 (0.5 to 0.9) in the median after 40 episodes ("
    )
