"""How many worked solutions each grader judges in a CPU-second, those of math-verify's own process included.

    python benchmarks/graders.py                                 made-up solutions, about a minute of CPU
    python benchmarks/graders.py --data gsm8k/test.jsonl         lines {"answer": "16 - 7 = 9 eggs. #### 9"}

    tag, number        ... </reasoning> <answer> 36 </answer>
    tag, formula       ... </reasoning> <answer> \\\\frac{72}{2} </answer>
    no tag             ... The answer is $36.

All are right, and none comes twice in a pass. A pass begins with nothing remembered; passes go on for a second.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Sequence
from pathlib import Path
from random import Random

from distributed import cpu_s, tree
from rich.console import Console
from rich.table import Table

from straw.text.graders import GRADERS, Grader
from straw.text.graders.judge import said_in, same_value

FORMS = {
    "tag, number": "<reasoning>\n{work}\n</reasoning>\n<answer>\n{gold}\n</answer>\n",
    "tag, formula": "<reasoning>\n{work}\n</reasoning>\n<answer>\n\\frac{{{twice}}}{{2}}\n</answer>\n",
    "no tag": "{work}\nThe answer is ${gold}.",
}
LEAST_S = 1.0
Solution = tuple[str, int]  # the work, and what comes out


def made_up(count: int) -> list[Solution]:
    """Each comes to another number."""
    chance, found = Random(0), []
    for place in range(count):
        boxes, each = chance.randrange(3, 40), chance.randrange(5, 60)
        total, sold = boxes * each + 10_000 + 2_400 * place, 10_000
        found.append((
            f"She packs {boxes} boxes of {each} apples, so {boxes} * {each} = {boxes * each} apples.\n"
            f"With the {total - boxes * each} from the other farm that makes {total}.\n"
            f"{sold} are sold on Monday, and {total} - {sold} = {total - sold} remain.",
            total - sold,
        ))  # fmt: skip
    return found


def read(path: Path, count: int) -> list[Solution]:
    """Those with a whole number, as GSM8K writes them."""
    answers = [json.loads(line)["answer"].rpartition("####") for line in path.read_text().splitlines()]
    plain = [(work.strip(), gold.strip().replace(",", "")) for work, _, gold in answers]
    return [(work, int(gold)) for work, gold in plain if gold.isdecimal()][:count]


def replies(form: str, solutions: Sequence[Solution]) -> list[tuple[str, str]]:
    return [(FORMS[form].format(work=work, gold=gold, twice=2 * gold), str(gold)) for work, gold in solutions]


def judges_s() -> float:
    """CPU-seconds of the processes below this one, in hundredths."""
    return cpu_s(tree(os.getpid())[1:])


def one_pass(grader: Grader, pairs: Sequence[tuple[str, str]]) -> int:
    """How many were found right."""
    same_value.cache_clear()
    said_in.cache_clear()
    return sum(grader.judge(reply, gold) for reply, gold in pairs)


def rate(grader: Grader, pairs: Sequence[tuple[str, str]]) -> tuple[float, float]:
    """The share that was found right, and grades per CPU-second."""
    one_pass(grader, pairs[:1])  # what is needed for the first time is there
    judged = num_right = 0
    theirs, begun = judges_s(), time.process_time()
    until = time.perf_counter() + LEAST_S
    while not judged or time.perf_counter() < until:
        num_right += one_pass(grader, pairs)
        judged += len(pairs)
    ours = time.process_time() - begun
    return num_right / judged, judged / (ours + judges_s() - theirs)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="a file of worked solutions; none: they are made up")
    parser.add_argument("--count", type=int, default=1000)
    options = parser.parse_args()
    solutions = read(options.data, options.count) if options.data else made_up(options.count)
    table = Table("answer", *(column for name in GRADERS for column in ("right", f"{name}, a CPU-second")))
    for form in FORMS:
        pairs = replies(form, solutions)
        found = [rate(grader, pairs) for grader in GRADERS.values()]
        table.add_row(form, *(cell for share, speed in found for cell in (f"{share:.0%}", f"{speed:,.0f}")))
    console = Console(width=110, highlight=False)
    length = sum(len(work) for work, _ in solutions) / len(solutions)
    console.print(f"{len(solutions)} solutions of {length:.0f} characters in the mean")
    console.print(table)


if __name__ == "__main__":
    main()
