"""What a page would do, without doing it: the page with every value, episodes, tokens, memory.

The plan is printed as comments of the page, so that the whole is a page again: straw train ... --dry-run > mine.toml

What would stop the run before its first step stops the dry run as well, as far as it can be seen without a warm-up: a
model or a checkpoint that is not there or does not fit, data that cannot be graded, a prompt that is longer than the
model, a run_dir that is taken, a tracker that is not installed.

How long it takes is guessed from earlier runs of the page, or from a few steps made here: see `time_estimate`.
What memory it wants is worked out by `memory_forecast`, for this machine and for a GPU of 24 and one of 80 GB; where it
does not fit, the smallest change that makes it fit is named. A model of the table `published` is not fetched for that.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from straw.config import Loaded, Page, dump, plain, with_values
from straw.engines.local.build import load_engine, with_adapters
from straw.engines.local.engine import LocalEngine
from straw.engines.local.models.sizes import PUBLISHED, ModelSize
from straw.registry import find
from straw.runs.about import available_memory
from straw.runs.store import check_is_free
from straw.runs.tracking.tracker import check_tracker
from straw.tasks.base import World
from straw.text.shown.say import say, say_lines
from straw.training.plan import Plan
from straw.training.resolve.generators import check_hosts
from straw.training.resolve.memory_estimate import Work
from straw.training.resolve.page_to_plan import plan_of, sampling_of
from straw.training.resolve.rank_memory import of_ranks
from straw.training.resolve.service_forecast import service_forecast
from straw.training.resolve.time_estimate import time_forecast
from straw.training.warmup.initial_policy import Say, checked, checkpoint_of, taken_from

CARDS = (24, 80)  # GiB
USABLE = 0.95  # of a card: other things lie there too
PROMPT_TOKENS = 256  # of a word problem, where nobody can count them


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """The size of a run."""

    num_problems: int | None  # None: they never repeat
    prompt_tokens: int
    reply_tokens: int  # at most, over all turns
    parameters: int
    trained: int
    size: ModelSize
    page: Page
    ready: tuple[Plan, LocalEngine] | None = None  # to be measured with, where the model is there

    @property
    def tokens_per_step(self) -> int:
        """Read at once in training: every prompt once, and all replies."""
        algorithm = self.page.algorithm
        prompts = min(algorithm.batch_size, self.num_problems or algorithm.batch_size)
        return prompts * self.prompt_tokens + algorithm.group_size * algorithm.batch_size * self.reply_tokens

    @property
    def memory_bytes(self) -> int:
        return self.bytes_on(self.page)

    def bytes_on(self, page: Page) -> int:
        work = self.work(page)
        divided = of_ranks(work)
        return divided.peak if divided is not None else work.forecast().peak

    def work(self, page: Page) -> Work:
        return Work(
            size=self.size, page=page, prompt_tokens=self.prompt_tokens, reply_tokens=self.reply_tokens,
            num_problems=self.num_problems,
        )  # fmt: skip


def forecast(plan: Plan, say: Say = lambda line: None) -> Forecast:
    """A model of the table that was not fetched is not fetched for this; any other tells its tokens itself."""
    name = plan.page.model.model_name
    return from_table(plan) if name in PUBLISHED and cached(name, False) is None else from_model(plan, say)


def cached(name: str, with_code: bool) -> Path | None:
    """Of the hub's cache, which takes a while to import and is asked about names of the table alone."""
    from straw.engines.local.models import hub

    return hub.cached(name, with_code)


def from_table(plan: Plan) -> Forecast:
    """With prompts as long as they may be."""
    page, task = plan.page, plan.page.task
    size = PUBLISHED[page.model.model_name]
    adapters = size.adapter_parameters(page.model.lora_rank or 0)
    return Forecast(
        num_problems=plan.task.num_problems, prompt_tokens=task.prompt_limit or PROMPT_TOKENS,
        reply_tokens=page.sampling.max_tokens or plan.task.reply_limit,
        parameters=size.parameters + adapters, trained=adapters or size.parameters, size=size, page=page,
    )  # fmt: skip


def from_model(plan: Plan, say: Say) -> Forecast:
    engine, checkpoint = load_engine(plan.page), checkpoint_of(plan.page)
    if (check_model := getattr(find("engines", plan.page.engine.engine), "check_model", None)) is not None:
        check_model(engine.model)
    plan = checked(plan, engine, say)
    if checkpoint is None:
        engine = with_adapters(engine, plan.page.model)
    else:
        engine = taken_from(checkpoint, engine, plan, say, dry=True)
    chat, task = engine.chat, plan.task
    problem = task.problem(0)
    heard = [task.next_message(problem, problem.reference[: turn + 1]) for turn in range(task.max_turns)]
    reply = sampling_of(plan, chat).max_tokens * task.max_turns
    reply += sum(len(chat.continuation(message)) for message in heard if message is not None)
    prompt = len(chat.opening(problem.messages))
    if isinstance(task, World) and engine.room is not None:
        reply = min(reply, engine.room - prompt)  # an episode ends before it is longer
    engine.check_room(prompt + reply)
    return Forecast(
        num_problems=task.num_problems,
        prompt_tokens=prompt,
        reply_tokens=reply,
        parameters=sum(p.numel() for p in engine.model.parameters()),
        trained=sum(p.numel() for p in engine.trained.values()),
        size=ModelSize.of(engine.model.config.get_text_config()),
        page=plan.page,
        ready=(plan, engine),
    )


def on_cards(size: Forecast, dtype: str) -> list[str]:
    """A line for each card: what the run takes there, and the smallest change by which it fits."""
    page = with_values(size.page, {"device": "cuda", "dtype": "bfloat16" if dtype == "auto" else dtype})
    return [f"{card} GB GPU: {on_card(size, page, card)}" for card in CARDS]


def on_card(size: Forecast, page: Page, card: int) -> str:
    taken = size.bytes_on(page)
    if fits(taken, card):
        return f"{gib(taken)}, fits"
    for change in ways_out(page):
        less = size.bytes_on(with_values(page, change))
        if fits(less, card):
            words = " ".join(f"{name}={plain(value)}" for name, value in change.items())
            return f"{gib(taken)}, too much; with {words} {gib(less)}"
    return f"{gib(taken)}, too much"


def ways_out(page: Page) -> list[dict[str, object]]:
    """From the smallest change of the run to the largest; fewer groups a step are another run."""
    less: dict[str, object] = {"gradient_checkpointing": True}
    adapted: dict[str, object] = {"lora_rank": page.model.lora_rank or 16}
    fewer = {"batch_size": max(1, page.algorithm.batch_size // 2)}
    return [less, adapted, adapted | less, adapted | less | fewer]


def fits(num_bytes: int, card: int) -> bool:
    return num_bytes <= USABLE * card * 2**30


def gib(num_bytes: int) -> str:
    return f"{num_bytes / 2**30:.1f} GiB"


def check_start(plan: Plan, *, goes_on: bool) -> None:
    """What needs no model to be refused. `goes_on`: in a folder that is there."""
    check_tracker(plan.page.run.track)
    check_hosts(plan.page)
    if plan.page.engine.engine != "tinker":  # whose checkpoints lie with the service
        checkpoint_of(plan.page)
    if plan.page.run.run_dir is not None and not goes_on:
        check_is_free(plan.page.run.run_dir)


def print_forecast(loaded: Loaded, *, goes_on: bool = False) -> None:
    plan = plan_of(loaded)
    check_start(plan, goes_on=goes_on)
    if plan.page.engine.engine == "tinker":
        print_plan(plan)
        for line in service_forecast(plan).lines():
            say(f"# {line}")
        return
    remarks: list[str] = []
    size = forecast(plan, remarks.append)
    print_plan(plan)
    steps = int(plan.page.run.n_batches or 0)
    for line in remarks:
        say(f"# data      {line}")
    say(f"# tokens    prompt {size.prompt_tokens}, reply at most {size.reply_tokens}, "
          f"{steps * size.tokens_per_step:,} in training")  # fmt: skip
    say(f"# model     {size.parameters / 1e6:,.1f}M parameters, {size.trained / 1e6:,.2f}M of them train")
    say(f"# memory    about {size.memory_bytes / 2**30:.2f} GiB at the peak, on {plan.page.model.device}")
    if (divided := of_ranks(size.work(plan.page))) is not None:
        say(f"# memory    {divided.line()}")
    for line in on_cards(size, loaded.page.model.dtype):
        say(f"# memory    {line}")
    say(f"# time      {time_line(size)}")


def print_plan(plan: Plan) -> None:
    """The page with every value, and its length."""
    say_lines(dump(plan.page, plan.origins))
    for note in plan.notes:
        say(f"# note      {note}")
    steps, algorithm = int(plan.page.run.n_batches or 0), plan.page.algorithm
    redraws = plan.page.problems.redraws
    more = f", and at most {redraws} times as many where groups are drawn again" if redraws else ""
    say(f"# plan      {steps:,} steps of {algorithm.batch_size} groups x {algorithm.group_size} = "
          f"{steps * plan.episodes_per_step:,} episodes{more}")  # fmt: skip


def time_line(size: Forecast) -> str:
    """A measurement must not take what the run itself could not have."""
    if size.ready is None:
        return "not known: the model was not fetched, and time is measured with it"
    free = available_memory()
    if size.page.model.device == "cpu" and free is not None and size.memory_bytes > free:
        return f"not measured: the run wants more memory than the {gib(free)} that are free here"
    ranks = size.page.engine.trainer_ranks
    told = f"; of one process: {ranks} ranks were not tried" if ranks > 1 else ""
    return time_forecast(*size.ready).line() + told
