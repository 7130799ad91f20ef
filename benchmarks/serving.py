"""What `straw serve` costs beside the same work in this process, in CPU-seconds of the server alone.

    python benchmarks/serving.py                 everything below, on the embedded model
    python benchmarks/serving.py clients         64 clients of the SDK ask for 8 tokens at once
    python benchmarks/serving.py overhead        one sample after another, beyond what computing it takes
    python benchmarks/serving.py group           a group of 8 on one prompt trains beside 8 prompts, through the wire
    python benchmarks/serving.py latency         p50 and p99 with 1, 8 and 64 clients
    python benchmarks/serving.py start           seconds until it answers; --models tiny-1M smollm2

Whatever is compared has done the same work: the tokens and log-probabilities that came over the wire are those that
this process computes, bit for bit. The clients' own CPU is not counted; the table of latencies has lean clients, since
64 of the SDK keep a core busy by themselves.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch comes, here and in the server
os.environ.setdefault("TINKER_TELEMETRY", "0")

import argparse
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lean_clients import latencies

from straw.config import load_page
from straw.engines.base import SamplingParams, Tokens
from straw.engines.local.build import load_engine
from straw.engines.tenants.open import open_backend
from straw.engines.tenants.records import Example, Sampling, Shape

KEY, RANK = "tml-benchmark", 32
CLIENTS, PROMPT, TOKENS = 64, 60, 8
GROUP, GROUP_PROMPT, GROUP_REPLY = 8, 112, 16
VOCABULARY = 90  # tokens that every served model has
Replies = list[tuple[Tokens, list[float]]]


class Server:
    """`straw serve` in a process of its own, and the CPU it has used."""

    def __init__(self, folder: Path, model: str) -> None:
        words = [sys.executable, "-m", "straw", "serve", f"model={model}", "port=0", f"folder={folder / 'serve'}"]
        began = time.monotonic()
        self.process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.url = self.said_url()
        self.up_s, self.up_cpu_s = time.monotonic() - began, self.cpu_s

    def said_url(self) -> str:
        said = []
        assert self.process.stdout is not None
        for line in self.process.stdout:
            said.append(line)
            if found := [word.rstrip("/,") for word in line.split() if word.startswith("http://")]:
                return found[0]
        raise SystemExit("the server did not begin:\n" + "".join(said))

    @property
    def cpu_s(self) -> float:
        """Of all its threads, to the nanosecond."""
        tasks = Path(f"/proc/{self.process.pid}/task").glob("*/schedstat")
        return sum(int(task.read_text().split()[0]) for task in tasks) / 1e9

    def end(self) -> None:
        self.process.send_signal(signal.SIGINT)
        self.process.wait(60)


@contextmanager
def serving(model: str) -> Iterator[Server]:
    with tempfile.TemporaryDirectory() as folder:
        server = Server(Path(folder), model)
        try:
            yield server
        finally:
            server.end()


def connected(server: Server) -> Any:
    import tinker

    return tinker.ServiceClient(base_url=server.url, api_key=KEY)


def made_prompts(count: int, length: int, seed: int = 0) -> list[Tokens]:
    draw = random.Random(seed)
    return [tuple(draw.randrange(VOCABULARY) for _ in range(length)) for _ in range(count)]


def cpu_of(work: Callable[[], Any]) -> tuple[float, Any]:
    begun = time.process_time()
    done = work()
    return time.process_time() - begun, done


# --- 64 clients at once


def clients(model: str, repeats: int) -> None:
    page = load_page(None, {"kind": "secret", "model_name": model, "device": "cpu", "dtype": "float32"}).page
    local = load_engine(page)
    torch.set_num_threads(1)

    def in_process(prompts: Sequence[Tokens]) -> Replies:
        params = SamplingParams(max_tokens=TOKENS)
        if len(set(prompts)) == 1:
            (found,) = local.sample(prompts[:1], len(prompts), params, [range(len(prompts))])
        else:
            found = [row[0] for row in local.sample(prompts, 1, params, [[row] for row in range(len(prompts))])]
        return [(reply.tokens, list(reply.logprobs)) for reply in found]

    with serving(model) as server:
        service = connected(server)
        samplers = [service.create_sampling_client(base_model=model).result() for _ in range(CLIENTS)]
        at_once(samplers, made_prompts(CLIENTS, PROMPT, seed=99))  # connections are made
        for what, most in (("equal", 4), ("different", 2)):
            ours, theirs = [], []
            for number in range(repeats):
                different = made_prompts(CLIENTS, PROMPT, seed=number)  # the server has read none of them
                prompts = different[:1] * CLIENTS if what == "equal" else different
                before = server.cpu_s
                found = at_once(samplers, prompts)
                ours.append(server.cpu_s - before)
                spent, wanted = cpu_of(partial(in_process, prompts))
                theirs.append(spent)
                assert found == wanted, "the replies differ"
            ratio = statistics.median(one / other for one, other in zip(ours, theirs, strict=True))
            print(f"{CLIENTS} clients x {TOKENS} tokens at once, {what} prompts: server {ms(ours)}, in process "
                  f"{ms(theirs)}: {ratio:.2f} times (at most {most}), same bits", flush=True)  # fmt: skip


def at_once(samplers: Sequence[Any], prompts: Sequence[Tokens]) -> Replies:
    from tinker import types

    asked = [
        sampler.sample(
            types.ModelInput.from_ints(list(prompt)), 1, types.SamplingParams(max_tokens=TOKENS, seed=row, stop=[])
        )
        for row, (sampler, prompt) in enumerate(zip(samplers, prompts, strict=True))
    ]
    replies = [one.result().sequences[0] for one in asked]
    return [(tuple(reply.tokens), list(reply.logprobs)) for reply in replies]


def ms(seconds: Sequence[float]) -> str:
    return f"{statistics.median(seconds) * 1e3:.0f} ms"


# --- one after another


def overhead(model: str, repeats: int) -> None:
    engine, count = open_backend(model), 100 * repeats
    prompts = made_prompts(count, 20)

    def alone(prompt: Tokens) -> tuple[Tokens, list[float]]:
        engine.begin("one", None, Sampling(prompt=prompt, seeds=(0,), max_tokens=TOKENS, end_token_stops=False))
        while not (complete := engine.decode()):
            pass
        found = complete[0][1]
        assert not isinstance(found, Exception)
        reply = found.sequences[0]
        return reply.tokens, reply.logprobs.tolist()

    with serving(model) as server:
        sampler = connected(server).create_sampling_client(base_model=model).result()
        for prompt in made_prompts(20, 20, seed=1):
            at_once([sampler], [prompt])
        before = server.cpu_s
        found = [at_once([sampler], [prompt])[0] for prompt in prompts]
        served = (server.cpu_s - before) / count
    for prompt in made_prompts(20, 20, seed=1):
        alone(prompt)
    spent, wanted = cpu_of(lambda: [alone(prompt) for prompt in prompts])
    assert found == wanted, "the replies differ"
    computing = spent / count
    print(f"asample and retrieve: {served * 1e3:.2f} ms of the server's CPU a sample, {computing * 1e3:.2f} of it to "
          f"compute {TOKENS} tokens: {(served - computing) * 1e3:.2f} ms beyond (at most 2)", flush=True)  # fmt: skip


# --- a group on one prompt


def group(model: str, repeats: int) -> None:
    engine = open_backend(model)
    engine.create("a", Shape(rank=RANK, seed=1))
    shared, apart = made_group(is_shared=True), made_group(is_shared=False)
    with serving(model) as server:
        client = connected(server).create_lora_training_client(model, rank=RANK, seed=1).result()
        spent: dict[str, list[float]] = {"shared": [], "apart": []}
        for round in range(repeats + 1):
            for what, data in (("shared", shared), ("apart", apart)):
                sent = [datum_of(example) for example in data]
                before = server.cpu_s
                output = client.forward_backward(sent, "importance_sampling").result()
                if round:  # the first is for warmth
                    spent[what].append(server.cpu_s - before)
                found = [np.asarray(one["logprobs"].tolist(), np.float32) for one in output.loss_fn_outputs]
                same = all(map(np.array_equal, found, trained(engine, data)))
                assert same, "the log-probabilities differ"
    ratio = statistics.median(spent["shared"]) / statistics.median(spent["apart"])
    print(f"forward_backward of {GROUP} x ({GROUP_PROMPT} + {GROUP_REPLY}) tokens: one prompt {ms(spent['shared'])}, "
          f"prompts of their own {ms(spent['apart'])}: {ratio:.2f} (at most 0.4), same bits", flush=True)  # fmt: skip


def made_group(*, is_shared: bool) -> list[Example]:
    rng = np.random.default_rng(0)
    prompts, n = made_prompts(GROUP, GROUP_PROMPT), GROUP_PROMPT + GROUP_REPLY - 1
    trains, data = np.arange(n) >= GROUP_PROMPT - 1, []
    for prompt in prompts[:1] * GROUP if is_shared else prompts:
        tokens = (*prompt, *rng.integers(0, VOCABULARY, GROUP_REPLY).tolist())
        inputs: dict[str, np.ndarray] = {
            "target_tokens": np.asarray(tokens[1:], np.int64),
            "logprobs": (trains * rng.uniform(-5, -4, n)).astype(np.float32),
            "advantages": (trains * rng.normal(size=n)).astype(np.float32),
        }
        data.append(Example(tokens[:-1], inputs, prompt=n))
    return data


def datum_of(example: Example) -> Any:
    from tinker import types

    inputs = {name: types.TensorData.from_numpy(value) for name, value in example.inputs.items()}
    return types.Datum(model_input=types.ModelInput.from_ints(list(example.tokens)), loss_fn_inputs=inputs)


def trained(engine: Any, data: list[Example]) -> list[np.ndarray]:
    pieces = engine.forward_backward("a", data, "importance_sampling", {}, forward_only=False)
    while True:
        try:
            next(pieces)
        except StopIteration as end:
            found: list[np.ndarray] = end.value.logprobs
            return found


# --- latency, and the start


def latency(model: str, repeats: int) -> None:
    print(f"clients   p50 ms   p99 ms   samples/s   server's CPU a sample   ({PROMPT} + {TOKENS} tokens, {model})")
    with serving(model) as server:
        latencies(server.url, KEY, model, 4, made_prompts(100, PROMPT, seed=1), TOKENS)
        for number, count in enumerate((1, 8, 64)):
            prompts = made_prompts(max(200, 8 * count) * repeats // 3, PROMPT, seed=2 + number)
            before, began = server.cpu_s, time.monotonic()
            found = latencies(server.url, KEY, model, count, prompts, TOKENS)
            wall, cpu = time.monotonic() - began, server.cpu_s - before
            p50, p99 = np.percentile(found, [50, 99]) * 1e3
            rate, each = len(found) / wall, cpu / len(found) * 1e3
            print(f"{count:7} {p50:8.1f} {p99:8.1f} {rate:11.1f} {each:20.2f} ms", flush=True)


def start(model: str, repeats: int) -> None:
    found = []
    for _ in range(repeats):
        with serving(model) as server:
            found.append((server.up_s, server.up_cpu_s))
    wall, cpu = min(found)
    print(f"straw serve model={model} answers after {wall:.1f} s ({cpu:.1f} of CPU; best of {repeats})", flush=True)


PARTS = {"clients": clients, "overhead": overhead, "group": group, "latency": latency, "start": start}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="part", help=", ".join(PARTS))
    parser.add_argument("--models", nargs="+", default=["tiny-1M"])
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    torch.set_num_threads(1)
    for model in options.models:
        for name in options.parts or PARTS:
            PARTS[name](model, options.repeats)


if __name__ == "__main__":
    main()
