"""The board's entries: plays those that are missing or that this code no longer plays as they stand.

    python benchmarks/board_rows.py                  every row in every form that it plays, into benchmarks/board
    python benchmarks/board_rows.py grpo es          these alone
    python benchmarks/board_rows.py --form short     this form alone
    python benchmarks/board_rows.py --stale          names what would be made anew, and makes nothing

An entry stands where it is whole, was made on such a machine, and its first run replays bit for bit, whatever else
changed in straw's learners; else the row plays anew: at most some three minutes of one core in the short form, and more
in the broad one. One row at a time.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from straw.benchmark.bench import one_by_one
from straw.benchmark.check import EQUAL
from straw.benchmark.draws import Draw
from straw.benchmark.entry import read_entry
from straw.benchmark.wall.process import LearnerProcess

BOARD = Path(__file__).with_name("board")
# Those that look at the answer or ask a teacher cannot play: sft, reward_aware, opd.
ROWS = (
    "reinforce", "grpo", "surrogate", "regress", "rloo", "maxrl", "dr_grpo", "dapo", "gspo", "cispo", "reinforce_pp",
    "reinforce_pp_baseline", "ppo", "ppo_critic", "reinforce_ema", "reinforce_constant", "optimistic", "es",
    "expert_iteration",
)  # fmt: skip
READERS = ("sdpo", "rltf_sd")
PLAYS = {"short": ROWS, "broad": ROWS, "words": (*READERS, "reinforce", "surrogate", "grpo")}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", nargs="*", help="rows by name; all where none is named")
    parser.add_argument("--form", choices=[*PLAYS], help="one form; all where none is named")
    parser.add_argument("--stale", action="store_true", help="only name what would be made anew")
    words = parser.parse_args()
    for form in [words.form] if words.form else PLAYS:
        for row in words.rows or PLAYS[form]:
            look(row, form, only_say=words.stale)


def look(row: str, form: str, *, only_say: bool) -> None:
    path = BOARD / f"{row}-{form}.json"
    reason = why_anew(path)
    print(f"{row}, {form} form: {reason or 'stands'}", flush=True)
    if reason and not only_say:
        path.unlink(missing_ok=True)
        command = [sys.executable, "-m", "straw", "bench", row, "--form", form, "-o", str(path)]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
        print(done.stdout[-1200:], flush=True)


def why_anew(path: Path) -> str:
    """Nothing where the entry stands."""
    if not path.exists():
        return "is missing"
    entry = read_entry(path)
    if not entry.is_whole:
        return "is not whole"
    if not entry.is_of_this_machine:
        return "was made with other versions or another processor"
    draw = Draw(entry.cells[0], 0, entry.submission.mark)
    with LearnerProcess({}) as away:
        (run,) = one_by_one([draw], entry.submission, away, print)
    before = entry.runs[draw.cell.name][0]
    differs = [name for name in EQUAL if getattr(run, name) != getattr(before, name)]
    return f"does not replay: other {', '.join(differs)}" if differs else ""


if __name__ == "__main__":
    main()
