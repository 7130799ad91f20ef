"""What a page is said to take of memory, beside the peak of its run: each in a process of its own.

    python benchmarks/memory_forecast.py                                six kinds of run, about five minutes
    python benchmarks/memory_forecast.py model_name=smollm2 N=16        a run of your own, in the words of straw train

    forecast    that of `straw train ... --dry-run`, worked out from the page and the sizes of the model
    peak        the largest resident set of a process that trains for two steps, gates and measurements included
    process     of both, what is there before a model is: Python, torch and transformers
    ratio       forecast over peak
    above       the same of what lies above the process, beside which a small model hardly counts

A warm-up is not in the forecast: those of the embedded model should be in the cache, so run this twice, and the others
go without. SmolLM2 (135M parameters) has to be there: `straw models add smollm2`.
"""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = "1"  # before torch comes

import argparse
import multiprocessing
import resource
from dataclasses import astuple, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from straw.training.plan import Plan
    from straw.training.resolve.memory_estimate import MemoryForecast

SECRET = "model_name=smollm2 N=16 group_size=16 warmup=none"
PAGES = (
    "N=64",
    "kind=countdown group_size=8 batch_size=16",
    f"{SECRET} dtype=float32",
    f"{SECRET} dtype=float32 kl_coef=0.04",
    f"{SECRET} dtype=float32 lora_rank=16",
    f"{SECRET} dtype=bfloat16",
)


@dataclass(frozen=True, kw_only=True)
class Memory:
    """Bytes: of everything, and of that before there is a model; as it was said, and as it came."""

    forecast: int
    forecast_process: int
    peak: int
    process: int

    @property
    def ratio(self) -> float:
        return self.forecast / self.peak

    @property
    def ratio_above(self) -> float:
        return (self.forecast - self.forecast_process) / (self.peak - self.process)


class Nobody:
    """Looks on, and says nothing."""

    def say(self, line: str) -> None: ...

    def begin(self, plan: Plan, folder: Path) -> None: ...

    def look_at(self, facts: object) -> None: ...

    def update(self, step: int, row: dict[str, float]) -> None: ...


def peak() -> int:
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def forecast_of(plan: Plan) -> MemoryForecast:
    from straw.training.resolve.dry_run import forecast
    from straw.training.resolve.memory_estimate import Work

    size = forecast(plan)
    return Work(
        size=size.size, page=plan.page, prompt_tokens=size.prompt_tokens, reply_tokens=size.reply_tokens,
        num_problems=size.num_problems,
    ).forecast()  # fmt: skip


def trained(words: str) -> Memory:
    """In a fresh process. What is said is asked last: to count the tokens it loads the model."""
    import transformers  # noqa: F401

    from straw.config import load_page, parse_overrides
    from straw.training.resolve.page_to_plan import plan_of
    from straw.training.session import run_page

    process = peak()
    with TemporaryDirectory() as folder:
        short = {"run_dir": f"{folder}/run", "n_batches": 2, "save_every": 0}
        loaded = load_page(None, parse_overrides(words.split()) | short)
        run_page(loaded, Nobody())
        reached = peak()
        said = forecast_of(plan_of(loaded))
    return Memory(forecast=said.peak, forecast_process=said.process, peak=reached, process=process)


def line(words: str, found: Memory) -> str:
    said, its, came, process = (f"{size / 2**20:,.0f}" for size in astuple(found))
    return f"{said:>8} {its:>7} {came:>8} {process:>7} {found.ratio:7.2f} {found.ratio_above:7.2f}   {words}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("words", nargs="*", help="options of one run; none: the six")
    words = parser.parse_args().words
    context, ratios = multiprocessing.get_context("spawn"), []
    print("forecast process     peak process   ratio   above   (MiB)")
    for page in [" ".join(words)] if words else PAGES:
        with context.Pool(1) as pool:
            found = pool.apply(trained, (page,))
        ratios.append((found.ratio, found.ratio_above))
        print(line(page, found), flush=True)
    for name, values in zip(("forecast over peak", "above the process"), zip(*ratios, strict=True), strict=True):
        print(f"{name}: {min(values):.2f} to {max(values):.2f}")


if __name__ == "__main__":
    main()
