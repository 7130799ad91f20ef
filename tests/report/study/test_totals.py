from __future__ import annotations

from pathlib import Path

import pytest
from tests.made_runs import write_run
from tests.made_studies import make_study, never

from straw.report.study.cells import Cell, cells_of
from straw.report.study.gathered import gathered
from straw.report.study.totals import bits_per_episode, efficiency, law, mean_last


def cell_at(folder: Path) -> Cell:
    return cells_of(gathered([folder]).runs)[0]


def ledgers(folder: Path, *ends: tuple[float, float, float]) -> Cell:
    """Runs by what was offered, received and absorbed in the end."""
    names = ("ledger/offered_bits", "ledger/received_bits", "ledger/absorbed_bits")
    for secret, values in enumerate(ends):
        row = {"step": 1, "episodes": 4, "time_s": 1.0, **dict(zip(names, values, strict=True))}
        write_run(folder / f"run-{secret}", [row], N=16, secret_seed=secret, seed=secret)
    return cell_at(folder)


def test_an_efficiency_is_a_ratio_of_sums(tmp_path):
    cell = ledgers(tmp_path, (10.0, 4.0, 4.0), (30.0, 4.0, 2.0))
    assert efficiency(cell, "eta").value == pytest.approx(6 / 40)  # the mean of ratios would be 0.23
    assert efficiency(cell, "eta_absorb").value == pytest.approx(6 / 8)


def test_nothing_offered_has_no_efficiency(tmp_path):
    assert efficiency(ledgers(tmp_path, (0.0, 0.0, 0.0)), "eta") is None


def test_the_law_is_a_mean_of_powers(tmp_path):
    cell = ledgers(tmp_path, (2.0, 1.0, 1.0), (2.0, 4.0, 4.0))
    assert law(cell, "offered_bits").value == pytest.approx((0.5 + 4) / 2)
    assert law(cell, "received_bits").value == pytest.approx(1)


def test_the_law_compares_runs_after_equally_many_episodes(tmp_path):
    """A run that is over when it knows the secret stopped at a time that tells the secret."""
    names = ("ledger/offered_bits", "ledger/received_bits", "ledger/absorbed_bits")
    for secret, ledger in enumerate([[(1, 1, 1), (2, 4, 4)], [(1, 0, -1)]]):
        rows = [
            {"step": step, "episodes": 4 * step, "time_s": 1.0, **dict(zip(names, values, strict=True))}
            for step, values in enumerate(ledger, 1)
        ]
        write_run(tmp_path / f"run-{secret}", rows, N=16, secret_seed=secret, seed=secret)
    assert law(cell_at(tmp_path), "offered_bits").value == pytest.approx((1 + 0.25) / 2)


def test_a_run_that_knew_enough_counts_with_all_that_it_could_know_later(tmp_path):
    """No secret chose 12 episodes, up to which the other run was looked at. The first stopped after 4 with 3.9 bits of
    four, and 5 were offered: at most 2^(4 - 5) by then. At the 4 episodes that its secret chose it were 2^(3.9 - 5)."""
    ledgers = {"sure": [(1, 5.0, 3.9, 0.93)], "not": [(1, 2.0, 0.0, 0.1), (3, 3.0, 1.0, 0.2)]}
    for seed, rows in enumerate(ledgers.values()):
        told = [
            {"step": step, "episodes": 4 * step, "time_s": 1.0, "ledger/offered_bits": offered,
             "ledger/absorbed_bits": absorbed, "ledger/received_bits": 4.0, "p_secret": p, "bits_known": absorbed}
            for step, offered, absorbed, p in rows
        ]  # fmt: skip
        write_run(tmp_path / f"run-{seed}", told, N=16, secret_seed=seed, seed=seed, stop_at=0.9)
    assert law(cell_at(tmp_path), "offered_bits").value == pytest.approx((2.0**-1 + 2.0**-2) / 2)
    assert law(cell_at(tmp_path), "received_bits").value == pytest.approx((1 + 2.0**-3) / 2)


def test_bits_per_episode_count_what_was_spent_on_them(tmp_path):
    """One run knew 0.97 of four bits at 100, one nothing in 300."""
    cell = cell_at(make_study(tmp_path, {16: [100, never]}, cap=300))
    assert bits_per_episode(cell).value == pytest.approx(0.97 * 4 / 400)


def test_a_mean_has_an_interval_from_three_secrets_on(tmp_path):
    assert mean_last(cell_at(make_study(tmp_path / "a", {16: [100, never]}, cap=300)), "bits_known").interval is None
    found = mean_last(cell_at(make_study(tmp_path / "b", {16: [100, never, 50]}, cap=300)), "bits_known")
    assert found.interval.low <= found.value <= found.interval.high
    assert mean_last(cell_at(tmp_path / "b"), "accuracy") is None
