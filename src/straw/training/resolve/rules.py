"""What a page leaves open is filled in by rules, one after the other, and each value keeps the name of its rule.

    command line, page.toml     what a person wrote
    task gsm8k                  the task's own defaults
    tuned: binary               what was tuned for the reward, the task or the algorithm
    algorithm grpo              the algorithm's row
    this machine                device and precision
    default                     the page's

Of two rules that fill in the same option the first one wins, and what a person wrote wins over all. A rule that settles
an option (`device=auto` becomes cpu, num_epochs becomes n_batches) has the last word on how it is spelled.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from straw.algorithms.registry import algorithm_named
from straw.algorithms.row import Algorithm
from straw.config import Loaded, Page, Values, with_values
from straw.config.option import MOST_STEPS
from straw.engines.backends.base import OWN, Backend, is_exact
from straw.engines.encoder import check_encoder, fast_dtype
from straw.errors import ConfigError
from straw.outside import short
from straw.registry import find
from straw.tasks.base import Enumerable, Graded, Task
from straw.training.resolve.batch_size import batch_values, enough_batches, measured_every, num_batches
from straw.training.resolve.device import best_device, best_dtype
from straw.training.resolve.generators import named_generators
from straw.training.resolve.tuned_defaults import is_luck, tuned_values, tuning_of
from straw.training.sources.problems import num_asked

LARGE_SPACE = 1024
RATIO_CAP = 2.0


@dataclass(slots=True)
class Resolving:
    """A page on its way to one without gaps."""

    page: Page
    named: frozenset[str]  # the options that a person wrote
    origins: dict[str, str] = field(default_factory=dict)  # by option

    @property
    def row(self) -> Algorithm:
        return algorithm_named(self.page.algorithm.algorithm)

    def fill(self, rule: str, values: Values) -> None:
        """Options that nobody chose and no rule before filled in."""
        new = {name: value for name, value in values.items() if name not in self.named and name not in self.origins}
        self.page = with_values(self.page, new)
        self.origins |= dict.fromkeys(new, rule)

    def told(self, loaded: Loaded) -> dict[str, str]:
        """Of every option of the page where its value came from."""
        options = [name for section in vars(self.page).values() for name in vars(section)]
        written = dict.fromkeys(self.named, "page") | dict(loaded.origins)
        return {name: self.origins.get(name) or written.get(name, "default") for name in options}

    def settle(self, rule: str, values: Values) -> None:
        """Options whose value follows from others, whoever chose them."""
        before = {name: value for section in vars(self.page).values() for name, value in vars(section).items()}
        self.page = with_values(self.page, values)
        self.origins |= {name: rule for name, value in values.items() if before[name] != value}


Rule = Callable[[Resolving], None]


def of_task(it: Resolving) -> None:
    it.fill(f"task {short(it.page.task.kind)}", it.page.task.defaults(it.page))


def of_engine(it: Resolving) -> None:
    """What an engine somewhere else leaves no choice about."""
    found = find("engines", it.page.engine.engine)
    it.fill(f"engine {short(it.page.engine.engine)}", getattr(found, "defaults", {}))


def of_memory(it: Resolving) -> None:
    """Novelty enters outside the group's centring, unless the published code is asked for."""
    memory = it.page.memory
    values: Values = {"novelty": "inside" if memory.write_first else "outside"}
    if memory.write_first:
        values["groups_per_key"] = it.page.algorithm.problems_at_once or 1
    it.fill("memory", values)


def of_weights(it: Resolving) -> None:
    """Who names weights wants them paid."""
    if "reward_weights" in it.named:
        it.fill("reward_weights", {"reward_type": "weighted"})


def of_tuning(it: Resolving) -> None:
    _, origin = tuning_of(it.page, it.row)
    it.fill(origin, tuned_values(it.page, it.row))


def of_algorithm(it: Resolving) -> None:
    """Who names an algorithm gets its row, whatever was tuned for others."""
    name = it.page.algorithm.algorithm
    values = it.row.options(name)
    if "algorithm" in it.named:
        it.origins = {option: rule for option, rule in it.origins.items() if option not in values}
    it.fill(f"algorithm {short(name)}", values)


def of_batches(it: Resolving) -> None:
    it.settle("batch", batch_values(it.page, it.named))


def of_machine(it: Resolving) -> None:
    model = it.page.model
    if it.page.engine.engine == "tinker":
        return
    device = best_device(model.device)
    it.settle("this machine", {"device": device, "dtype": best_dtype(model.dtype, device, model.is_embedded)})


def of_generator(it: Resolving) -> None:
    """One with other kernels has ratios that are not 1: they are truncated, and what it lacks is said now."""
    engine = it.page.engine
    if engine.generator == OWN or engine.engine == "tinker":
        return
    found = find("backends", engine.generator)
    if not (isinstance(found, type) and issubclass(found, Backend)):
        raise ConfigError(
            "a generator is a subclass of straw.engines.backends.base.Backend; got "
            f"generator={engine.generator}, which is none. Write class {getattr(found, '__name__', 'Mine')}(Backend)."
        )
    found.check(it.page.model.device)
    if not is_exact(engine.generator):
        it.fill(f"generator {short(engine.generator)}", {"ratio_cap": RATIO_CAP})


def of_warmup(it: Resolving) -> None:
    it.settle("warm-up", warmup_values(it.page, it.named))


def of_encoder(it: Resolving) -> None:
    it.settle("memory", encoder_values(it.page))


RULES: tuple[Rule, ...] = (
    of_weights, of_engine, of_task, of_memory, of_tuning, of_batches, of_algorithm, of_machine, of_generator,
    of_warmup, of_encoder,
)  # fmt: skip


def resolved(loaded: Loaded) -> tuple[Resolving, tuple[str, ...]]:
    """The page by all rules that need no task, and what a person may want to know of it."""
    it = Resolving(loaded.page, loaded.named)
    processes, notes = named_generators(loaded)
    it.fill("trainer_ranks" if processes.get("engine") == "ranks" else "num_generators", processes)
    for rule in RULES:
        rule(it)
    return it, notes + generator_notes(it.page)


def generator_notes(page: Page) -> tuple[str, ...]:
    """What a generator that is not exact takes away from the page's other promises."""
    name = short(page.engine.generator)
    if is_exact(page.engine.generator):
        return ()
    ahead = "pace=exact promises lag alone, and " if page.engine.max_lag and page.engine.pace == "exact" else ""
    return (f"generator={name} promises no bits: {ahead}a repeated or resumed run draws other replies",)


def of_the_task_itself(it: Resolving, task: Task) -> None:
    """What only the task can tell, once it was made: its grader, how many problems there are."""
    if isinstance(task, Graded) and "grader" in vars(it.page.task):
        it.fill("task", {"grader": task.grader_name})
    batches = num_batches(it.page, it.named, num_asked(it.page, task) if it.page.run.num_epochs else None)
    tuning, origin = tuning_of(it.page, it.row)
    enough = min(enough_batches(it.page, it.row, tuning, is_luck(it.page, it.row)), MOST_STEPS)
    it.settle("num_epochs" if batches else origin, {"n_batches": batches or enough})
    wait = it.page.run.eval_every or measured_every(it.page, num_answers(it.page, task))
    it.settle("length of the run", {"eval_every": wait})


def num_answers(page: Page, task: Task) -> int | None:
    """How many a measurement of bits reads, turn by turn; None where it measures accuracy."""
    if not isinstance(task, Enumerable):
        return None
    return min(task.space, page.run.eval_answers) * task.max_turns * (task.num_problems or 1)


def warmup_rate(page: Page) -> float:
    """At 3e-3 the largest embedded model does not come to uniform answers; adapters take as much as a small model."""
    if page.model.is_embedded:
        return 1e-3 if page.model.model_name == "tiny-5M" else 3e-3
    return 3e-3 if page.model.lora_rank else 2e-4


def warmup_values(page: Page, named: Iterable[str]) -> Values:
    """Strict for an embedded model, which learns the task from nothing; a real one needs none for digits."""
    warmup, embedded = page.warmup, page.model.is_embedded
    values: Values = {"warmup_learning_rate": warmup.warmup_learning_rate or warmup_rate(page)}
    if (space := page.task.space) is not None:
        strict = embedded and space <= LARGE_SPACE
        values["warmup_mass"] = warmup.warmup_mass or (0.99 if embedded else 0.95)
        values["warmup_distance"] = warmup.warmup_distance or (0.02 if strict else 0.10)
        if warmup.warmup_accuracy is not None:
            raise ConfigError(
                f"warmup_accuracy is for a task with held-out problems, and a warm-up for {page.task.kind} never sees "
                f"one; got warmup_accuracy={warmup.warmup_accuracy}. Write warmup_mass and warmup_distance."
            )
        return values
    is_wanted = embedded or ("warmup" in named and warmup.warmup != "none")
    values["warmup_accuracy"] = warmup.warmup_accuracy or (page.task.enough_accuracy if is_wanted else None)
    return values if values["warmup_accuracy"] else {**values, "warmup": "none"}


def encoder_values(page: Page) -> Values:
    """What the page leaves open about the encoder; one that cannot be had is refused here."""
    memory = page.memory
    if not memory.needs_encoder:
        return {}
    name = memory.encoder or str(memory.kind.encoder)
    check_encoder(name)
    device = best_device(page.model.device if memory.encoder_device == "auto" else memory.encoder_device)
    dtype = fast_dtype(device) if memory.encoder_dtype == "auto" else memory.encoder_dtype
    return {"encoder": name, "encoder_device": device, "encoder_dtype": dtype}
