"""A short run of a page, for what everything costs: some steps of the loop, and pieces of work of several sizes.

It is made with engine=monarch on this machine, in a folder that is thrown away, with as many generators as there are
processors up to two, and in step with the trainer, so that whoever works has nobody beside. What is taken is processor
time, which others on the machine change little; on a card it is the time of the clock.
"""

from __future__ import annotations

import os
import shutil
import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import mkdtemp

from straw.config import Loaded, dump
from straw.engines.local.models.sizes import ModelSize
from straw.engines.monarch.engine import MonarchEngine, in_processes
from straw.planning.costs import Costs
from straw.planning.measuring.fit import fitted
from straw.planning.measuring.meters import private_bytes
from straw.planning.measuring.pieces import Pieces
from straw.planning.measuring.steps import Steps
from straw.runs.about import cores, processor
from straw.runs.store import RunFolder
from straw.training.checks.data import without_skipped
from straw.training.loop import Loop
from straw.training.monitor.callbacks import Watcher
from straw.training.plan import Plan
from straw.training.resolve.page_to_plan import plan_of, sampling_of
from straw.training.session import first_files, settled
from straw.training.warmup.initial_policy import starting_engine
from straw.types import Rollout

MOST_REPLIES = 512
MB = 1e6


def measured(loaded: Loaded, watcher: Watcher) -> Costs:
    """`loaded`: of words that are `wanted`."""
    plan = plan_of(loaded)
    local = starting_engine(plan, watcher.say)
    size, chat = ModelSize.of(local.model.config.get_text_config()), local.chat
    plan = without_skipped(plan, chat)
    place = Path(mkdtemp(prefix="straw-plan-"))
    try:
        with in_processes(plan.page, local, watcher.say) as engine:
            while "starting" in engine.pool.states():
                time.sleep(0.02)
            return replace(costs_of(plan, engine, place, watcher), keys_kb=keys_kb(size, plan), about=about(plan))
    finally:
        shutil.rmtree(place, ignore_errors=True)


def costs_of(plan: Plan, engine: MonarchEngine, place: Path, watcher: Watcher) -> Costs:
    sampling = sampling_of(plan, engine.chat)
    plan = settled(plan, sampling, place / "run")
    by_clock = plan.page.model.device != "cpu"
    with RunFolder.create(place / "run", dump(plan.page), partial(first_files, engine, plan.page)) as folder:
        engine.start_is_in(folder.path / "start")
        loop = Loop(plan, engine, sampling, folder, watcher)
        loop.open_source()
        watcher.say("some steps of the run")
        with loop.source.opened():
            steps = Steps(loop, engine, by_clock)
            steps.make()
    watcher.say("pieces of work of several sizes")
    count = 1 if plan.task.num_problems == 1 else plan.page.algorithm.batch_size
    prompts = [engine.chat.opening(plan.task.problem(index).messages) for index in range(count)]
    pieces = Pieces(
        engine, prompts, plan.episodes_per_step // count, sampling, plan.task.max_turns > 1, by_clock
    )  # fmt: skip
    return put_together(plan, engine, steps, pieces, sum(map(len, prompts)) / count)


def put_together(plan: Plan, engine: MonarchEngine, steps: Steps, pieces: Pieces, prompt_tokens: float) -> Costs:
    rollouts, updates = plan.episodes_per_step, plan.page.algorithm.updates_per_batch
    message_s, null_s, latency_s = pieces.message()
    numbers = {
        **fitted(pieces.alone()), "crowding": pieces.crowding(), "message_s": message_s, "latency_s": latency_s,
        "train_s": steps.of("forward_backward") / rollouts / updates, "update_s": steps.of("optim_step") / updates,
        "show_s": steps.of("publish"), "take_s": max(0.0, steps.of("take") - null_s),
        "grade_s": max(0.0, steps.of("grade") - len(pieces.meters) * message_s) / rollouts,
        "keep_s": steps.of("keep") / rollouts, "step_s": steps.of("log"), **memory(engine), "cores": float(cores()),
        "prompt_tokens": prompt_tokens,
    }  # fmt: skip
    return built(numbers, [one for one in steps.rollouts[-MOST_REPLIES:] if one.turns])


def built(numbers: dict[str, float], rollouts: list[Rollout]) -> Costs:
    replies = tuple(tuple(max(1, len(turn.reply)) for turn in one.turns) for one in rollouts)
    return Costs(replies=replies, **numbers)  # type: ignore[arg-type]


def memory(engine: MonarchEngine) -> dict[str, float]:
    """MB of each kind of process, and of what all map."""
    shared = sum(one.handle.num_bytes for one in engine.slots) + (engine.base.handle.num_bytes if engine.base else 0)
    generators = [private_bytes(pid) for pid in engine.pool.pids() if pid]
    return {
        "directing_mb": private_bytes(os.getpid()) / MB, "trainer_mb": private_bytes(engine.trainer.pid or 0) / MB,
        "generator_mb": max(generators) / MB, "shared_mb": shared / MB,
        "weights_mb": engine.slots[0].handle.num_bytes / MB,
    }  # fmt: skip


def keys_kb(size: ModelSize, plan: Plan) -> float:
    """Keys and values of a token in all layers."""
    return 2 * size.num_hidden_layers * size.key_width * (2 if plan.page.model.dtype == "bfloat16" else 4) / 1e3


def about(plan: Plan) -> dict[str, str]:
    """What a calibration is of; see `check_is_of`."""
    model = plan.page.model
    return {
        "model": model.model_name, "task": plan.task.name, "device": model.device.partition(":")[0],
        "dtype": model.dtype, "lora_rank": str(model.lora_rank or 0), "generator": plan.page.engine.generator,
        "processor": processor(),
    }  # fmt: skip
