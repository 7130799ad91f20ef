from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.made_runs import write_run

from straw.measure.ledger.series import efficiencies_of, ledger_of
from straw.report.ledger import ledger_rows

ROWS = [
    {"step": 0, "episodes": 0, "ledger/offered_bits": 0.0, "ledger/received_bits": 0.0, "ledger/absorbed_bits": 0.0},
    {"step": 1, "episodes": 4, "ledger/offered_bits": 2.0, "ledger/received_bits": 1.0},
    {"step": 2, "episodes": 8, "ledger/offered_bits": 4.0, "ledger/received_bits": 3.0, "ledger/absorbed_bits": 1.5,
     "ledger/eta_absorb": 0.5},
]  # fmt: skip


def test_a_run_tells_its_series(tmp_path: Path) -> None:
    found = ledger_of(write_run(tmp_path / "run", ROWS))
    assert found.episodes == [0, 4, 8]
    assert found["absorbed_bits"] == [0.0, None, 1.5]
    assert found["capacity_bits"] == [None, None, None]
    assert found.last("received_bits") == 3.0
    assert (found.bound, found.no_received) == ("law", None)
    assert ("absorbed / received", "0.50") in ledger_rows(tmp_path / "run")


def test_efficiencies_are_ratios_of_sums(tmp_path: Path) -> None:
    """(3 + 1) / (4 + 4), not the mean of 3/4 and 1/4 by luck: absorbed 1.5 + 0.5 of 4."""
    one = ledger_of(write_run(tmp_path / "one", ROWS))
    last = {**ROWS[-1], "ledger/received_bits": 1.0, "ledger/absorbed_bits": 0.5, "ledger/offered_bits": 12.0}
    two = ledger_of(write_run(tmp_path / "two", [last]))
    found = efficiencies_of([one, two])
    assert found == {"eta_channel": pytest.approx(4 / 16), "eta_absorb": pytest.approx(2 / 4), "eta": 2 / 16}
    assert efficiencies_of([one, ledger_of(write_run(tmp_path / "none", ROWS[:0]))])["eta"] is None


@pytest.mark.parametrize(
    ("options", "bound", "why"),
    [
        ({"algorithm": "sft"}, "law", "no rewards"),
        ({"N": 100_000}, "law", "more than 65536"),
        ({"kind": "sum_digits"}, "none", "cannot be listed"),
    ],
)
def test_why_nothing_was_received_is_said(tmp_path: Path, options: dict[str, Any], bound: str, why: str) -> None:
    found = ledger_of(write_run(tmp_path / "run", [{"step": 0, "episodes": 0}], **options))
    assert found.bound == bound
    assert why in found.no_received


def test_reading_a_ledger_and_an_observer_needs_no_torch() -> None:
    code = "import sys, straw.report.ledger, straw.report.curves.observer; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
