from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.made_runs import write_run

from straw.measure.ledger.series import efficiencies_of, ledger_of, reason, series_from
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


def test_the_newest_value_that_was_measured_is_the_last() -> None:
    rows: list[dict[str, float]] = [{"episodes": at} for at in (0, 4, 8)]
    rows[0]["ledger/eta"], rows[1]["ledger/eta"] = 0.25, 0.5
    found = series_from({}, rows)
    assert (found.last("eta"), found.last("gold_bits"), found["eta"]) == (0.5, None, [0.25, 0.5, None])
    secret = series_from({"task": {"kind": "secret", "N": 8, "length": 1}}, rows)
    assert (found.bound, secret.bound) == ("none", "law")


def test_up_to_65536_secrets_could_have_been_listed() -> None:
    many = "there are more than 65536 secrets"
    assert reason({"kind": "secret", "N": "256", "length": "2"}).startswith("the ledger does not sort secrets")
    assert reason({"kind": "secret", "N": "257", "length": "2"}) == many
    assert reason({"kind": "secret", "N": "65536", "length": "1"}).startswith("the ledger does not sort secrets")
    assert reason({"kind": "secret", "N": "65537", "length": "1"}) == many
    assert reason({}) == "answers cannot be listed"


def test_an_efficiency_over_runs_lacks_what_one_of_them_lacks() -> None:
    def ended(**bits: float) -> Any:
        return series_from({}, [{"episodes": 4, **{f"ledger/{name}_bits": value for name, value in bits.items()}}])

    both = ended(offered=4, received=2, absorbed=1), ended(offered=4, absorbed=2)
    assert efficiencies_of(both) == {"eta_channel": None, "eta_absorb": None, "eta": 3 / 8}
    assert efficiencies_of([]) == {"eta_channel": None, "eta_absorb": None, "eta": None}
