"""What a person with a CUDA card runs in one command, and a table to paste into an issue.

    make gpu                                             about a quarter of an hour
    python benchmarks/gpu.py --only throughput --model smollm2 --rows 256

    contract      the tests that every engine passes, on the card (tests/gpu)
    throughput    new tokens a second of each generator: straw, transformers and vLLM where they are installed
    resumed       a run that is killed (SIGKILL) and goes on, beside one that was left alone
    generators    the same run with one generator process and with two

No line of straw had run on a card when this was written: whatever fails here is news. `--device cpu` tries the program
itself where there is no card, and its figures mean nothing.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

import torch

PARTS = ("contract", "throughput", "resumed", "generators")
GENERATORS = ("straw", "transformers", "vllm")
RUN = [  # a short run of a model that comes with straw
    "secret", "N=16", "n_batches=40", "eval_every=20", "save_every=4", "group_size=8", "warmup_steps=400",
    "warmup_batch=16", "warmup_learning_rate=3e-3", "warmup_mass=0.9", "warmup_distance=0.3",
]  # fmt: skip
Row = tuple[str, str, str]  # what, how it went, a note
PATIENCE_S = 1200.0


def contract(options: argparse.Namespace) -> Iterator[Row]:
    command = [sys.executable, "-m", "pytest", "-q", "-m", "slow or not slow", "tests/gpu", *options.pytest.split()]
    done = subprocess.run(
        command, capture_output=True, text=True, env={**os.environ, "STRAW_GPU": options.device}, check=False
    )
    lines = done.stdout.strip().splitlines() or ["nothing was said"]
    failed = [line.partition(" - ")[0].removeprefix("FAILED ") for line in lines if line.startswith("FAILED ")]
    yield "contract", lines[-1].strip("= "), "; ".join(failed)


def throughput(options: argparse.Namespace) -> Iterator[Row]:
    for dtype in ("float32", "bfloat16"):
        for generator in GENERATORS:
            yield f"tokens a second, {generator}, {dtype}", *measured(options, generator, dtype)


def measured(options: argparse.Namespace, generator: str, dtype: str) -> tuple[str, str]:
    """The second call: the first one touches memory, compiles and captures."""
    from straw.config import load_page
    from straw.engines.base import SamplingParams
    from straw.engines.local.build import load_engine
    from straw.errors import StrawError
    from straw.registry import find

    page = {"model_name": options.model, "device": options.device, "dtype": dtype, "generator": generator}
    try:
        find("backends", generator).check(options.device)
        with load_engine(load_page(None, page).page) as engine:
            prompt = engine.chat.encode("What is the total digit sum of [123, 45, 67]? Add the digits of each number.")
            params = SamplingParams(max_tokens=options.tokens)
            for seed in range(2):
                begun = time.perf_counter()
                replies = engine.sample([prompt], options.rows, params, [range(seed, seed + options.rows)])[0]
                seconds = time.perf_counter() - begun
    except StrawError as error:
        return "not run", str(error)
    except (RuntimeError, ImportError, OSError) as error:  # a card's libraries have many ways to fail
        return "FAILED", f"{type(error).__name__}: {str(error).splitlines()[0]}"
    num_tokens = sum(len(reply.tokens) for reply in replies)
    return f"{num_tokens / seconds:,.0f}", f"{options.rows} rows of {options.tokens} tokens, {options.model}"


def resumed(options: argparse.Namespace) -> Iterator[Row]:
    with tempfile.TemporaryDirectory() as place:
        alone, killed = Path(place) / "alone", Path(place) / "killed"
        trained(options, alone)
        process = subprocess.Popen(command(options, killed), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        waited = wait_for(lambda: count_lines(killed / "checkpoints.jsonl") >= 3 or process.poll() is not None)
        process.send_signal(signal.SIGKILL)
        process.wait()
        again = [sys.executable, "-m", "straw", "resume", str(killed)]
        done = subprocess.run(again, capture_output=True, text=True, check=False)
        if done.returncode or not waited:
            yield "killed and resumed", "FAILED", (done.stderr.strip().splitlines() or ["it wrote no checkpoint"])[-1]
            return
        yield "killed and resumed", *likeness(alone, killed)


def generators(options: argparse.Namespace) -> Iterator[Row]:
    if find_spec("monarch") is None:
        yield "one generator and two", "not run", "pip install 'straw[monarch]'"
        return
    with tempfile.TemporaryDirectory() as place:
        folders = [Path(place) / f"generators-{count}" for count in (1, 2)]
        for count, folder in enumerate(folders, start=1):
            trained(options, folder, "engine=monarch", f"num_generators={count}", *options.monarch.split())
        yield "one generator and two", *likeness(*folders)


def command(options: argparse.Namespace, folder: Path, *words: str) -> list[str]:
    model = ["model_name=tiny-1M", f"device={options.device}", f"run_dir={folder}"]
    return [sys.executable, "-m", "straw", "train", *RUN, *model, *words]


def trained(options: argparse.Namespace, folder: Path, *words: str) -> None:
    done = subprocess.run(command(options, folder, *words), capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError((done.stderr.strip().splitlines() or ["it said nothing"])[-1])


def likeness(one: Path, other: Path) -> tuple[str, str]:
    """Equal replies, bit for bit; or how far the runs came, for a person to judge."""
    from straw.runs.reading import read_metrics

    told = [(folder / "rollouts.jsonl").read_text().splitlines() for folder in (one, other)]
    bits = ", ".join(f"{list(read_metrics(folder))[-1]['bits_known']:.3f}" for folder in (one, other))
    if told[0] == told[1]:
        return "equal, bit for bit", f"bits known {bits}"
    first = next((n for n, (a, b) in enumerate(zip(*told, strict=False)) if a != b), min(map(len, told)))
    return f"differ from rollout {first} on", f"bits known {bits}"


def wait_for(is_so: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + PATIENCE_S
    while not is_so() and time.monotonic() < deadline:
        time.sleep(0.05)
    return is_so()


def count_lines(path: Path) -> int:
    return len(path.read_text().splitlines()) if path.is_file() else 0


def machine(device: str) -> str:
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in ("straw", "torch", "transformers"))
    if not device.startswith("cuda"):
        return f"{device}, {versions}"
    card = torch.cuda.get_device_properties(device)
    return f"{card.name} ({card.total_memory / 2**30:.0f} GiB, {torch.cuda.device_count()} cards), {versions}"


def lack_of_a_card(device: str) -> str | None:
    if not device.startswith("cuda") or torch.cuda.is_available():
        return None
    return (
        f"make gpu is for a machine with a CUDA card, and torch {torch.__version__} sees none here; --device cpu tries "
        "the program itself"
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=PARTS, action="append", help="one part; may be said again")
    parser.add_argument("--device", default="cuda", help="cuda, cuda:1 (cuda)")
    parser.add_argument("--model", default="tiny-5M", help="whose tokens are counted (tiny-5M; smollm2 where added)")
    parser.add_argument("--rows", type=int, default=256, help="written together (256)")
    parser.add_argument("--tokens", type=int, default=128, help="of a reply (128)")
    parser.add_argument("--monarch", default="", help="more options for the runs on generators")
    parser.add_argument("--pytest", default="", help="more options for the tests")
    options = parser.parse_args()
    if reason := lack_of_a_card(options.device):
        print(reason, file=sys.stderr)
        return 1
    rows: list[Row] = []
    parts = {"contract": contract, "throughput": throughput, "resumed": resumed, "generators": generators}
    for name in options.only or PARTS:
        print(f"{name} ...", file=sys.stderr)
        try:
            rows += parts[name](options)
        except RuntimeError as error:
            rows.append((name, "FAILED", str(error)))
    print(f"{machine(options.device)}\n\n| what | found | note |\n|---|---|---|")
    print("\n".join(f"| {what} | {found} | {note.replace('|', '/')} |" for what, found, note in rows))
    return 1 if any("FAILED" in found or "failed" in found for _, found, _ in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
