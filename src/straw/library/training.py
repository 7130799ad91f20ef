"""Train from Python: what `straw train` and `straw resume` do, with objects in place of names."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from os import PathLike
from typing import Any

from straw import outside
from straw.config import Owners
from straw.config.names import ALIASES, known_option
from straw.errors import ConfigError
from straw.library.callbacks import Told
from straw.library.live.watchers import watcher_for
from straw.library.objects import HandedIn
from straw.library.pages import in_environment, load, reward_options
from straw.library.run import Run
from straw.outside import Handed
from straw.report.runs.listing import run_named
from straw.training.session import Finished, continue_page, resume_run, run_page


def train(
    what: Any = None, *, reward: Any = None, reward_weights: Sequence[str | float] | None = None, grader: Any = None,
    algorithm: Any = None, baseline: Any = None, loss: Any = None, model: Any = None, tokenizer: Any = None,
    environment: Any = None, tools: Sequence[Any] = (), callbacks: Sequence[Any] = (),
    run_dir: str | PathLike[str] | None = None, resume: bool = False,
    quiet: bool = False, trust_code: str = "", **options: Any,
) -> Run:  # fmt: skip
    """Train a model, leave a run folder, and return the run.

    `what` is a task by name ("secret") or as FILE.py:Class, a task's class or object, a data set (a list of dicts, a
    Dataset, a frame, a dict of splits, a path), a page file, or what `straw.load` returned. Every other option is one
    of the command line's (N=64, lr=1e-4, lora_rank=8): `straw train TASK --help all` names them.

    reward          a name, a function f(completions, **columns) as TRL has it, a Channel, or a list of functions with
                    their `reward_weights`
    grader, baseline, loss, algorithm       a name or a function; an algorithm is a straw.Algorithm or a learner's class
    model           a name, a folder, or a transformers model with its `tokenizer`, which is left as it is
    environment     a class as TRL's environment_factory takes it, or a dict of such; rows for them come first, if any
    tools           functions that keep no state, for a model to call
    callbacks       objects with any of on_begin(run), on_step(step, metrics), on_end(run); True from on_step stops
    resume          go on with the run in run_dir where it stopped; without one there, begin it
    quiet           print nothing; without it a notebook or a terminal shows how the run goes

    Ctrl-C, or a notebook's stop button, finishes the step that goes on and keeps a checkpoint: the run is returned with
    `run.state == "stopped"`, and `straw.resume(run)` goes on. A second one raises KeyboardInterrupt at once.

    >>> run = straw.train("secret", N=8, model="tiny-0.2M", warmup="none", max_tokens=2, n_batches=2, quiet=True)
    >>> run.state, run.metrics[-1]["step"]
    ('done', 2)
    """
    named = {"grader": grader, "algorithm": algorithm, "baseline": baseline, "loss": loss, "run_dir": run_dir}
    page = load(
        what, reward=reward, reward_weights=reward_weights, model=model, tokenizer=tokenizer, environment=environment,
        tools=tools, trust_code=trust_code,
        **{**options, **{name: value for name, value in named.items() if value is not None}},
    )  # fmt: skip
    check_can_reach_processes(page.options, page.handed)
    work = continue_page if resume else run_page
    return watched(lambda watcher: work(page.loaded, watcher), callbacks, quiet, page.handed)


def resume(
    run: Run | str | PathLike[str],
    *,
    reward: Any = None,
    callbacks: Sequence[Any] = (),
    quiet: bool = False,
    trust_code: str = "",
    trust_remote_code: bool = False,
    **objects: Any,
) -> Run:
    """Go on where a run stopped; every later step is that of a run that never did. Returns the run.

    A run keeps its page, so there are no options. Objects that were handed to `straw.train` are handed in again, by
    the same keyword: straw.resume("runs/x", reward=my_reward); a run that this program trained remembers them.

    >>> first = straw.train("secret", N=8, model="tiny-0.2M", warmup="none", max_tokens=2, n_batches=3, quiet=True,
    ...                     callbacks=[lambda step, metrics: step == 1])
    >>> first.state, straw.resume(first, quiet=True).metrics[-1]["step"]
    ('stopped', 3)
    """
    outside.trust_marks(mark for mark in trust_code.split(",") if mark)
    path, hand = run.path if isinstance(run, Run) else run_named(str(run)), HandedIn()
    if isinstance(run, Run):
        hand.things.update(run.handed)
    hand_in(objects, reward, hand)
    hand.use()
    return watched(
        lambda watcher: resume_run(path, watcher, trusts=trust_remote_code), callbacks, quiet, dict(hand.things)
    )


def hand_in(objects: Mapping[str, Any], reward: Any, hand: HandedIn) -> None:
    """What a run is given again: objects alone, since a page that ran leaves no option open."""
    objects = dict(objects)
    in_environment({}, objects.pop("environment", None), objects.pop("tools", ()), hand)
    found = {**objects, **({"reward": reward} if reward is not None else {})}
    for keyword, value in found.items():
        option = known_option(ALIASES.get(keyword, keyword), Owners())
        if option is None or not option.registry or isinstance(value, str):
            raise ConfigError(
                f"a run keeps its page, and only objects are handed in again; got {keyword}={value!r:.40}. To change "
                f"an option make another run of it: straw resume RUN --branch {keyword}=..."
            )
        if keyword == "reward":
            reward_options(value, None, hand) if isinstance(value, list | tuple) else hand.name_of("rewards", value)
        else:
            hand.name_of(option.registry, value)


def watched(
    work: Callable[[Told], Finished], callbacks: Sequence[Any], quiet: bool, handed: Mapping[str, Handed]
) -> Run:
    """A run with somebody looking on."""
    shown = watcher_for(quiet)
    told = Told(shown, callbacks, lambda folder: Run(folder, handed=handed))
    try:
        finished = work(told)
    finally:
        shown.end()
    run = Run(finished.folder, handed=handed)
    told.say(last_line(finished))
    told.tell("on_end", run)
    return run


def last_line(finished: Finished) -> str:
    if not finished.is_done:
        return f"stopped at step {finished.steps}; go on with straw.resume({str(finished.folder)!r})"
    if finished.complaint:
        return finished.complaint
    ceiling, known = finished.plan.ceiling_bits, finished.known
    if ceiling is not None and "bits_known" in known:
        return f"done: {known['bits_known']:.2f} of {ceiling:.2f} bits known"
    if "eval_reward" in known:
        return f"done: held-out reward {known['eval_reward']:.3f}"
    return f"done: accuracy {known['accuracy']:.2f}" if "accuracy" in known else "done"


def check_can_reach_processes(options: Mapping[str, Any], handed: Mapping[str, Handed]) -> None:
    """A loss is computed where the trainer is, and an object cannot leave this process."""
    if options["engine"] != "local" and options["loss_fn"] in handed:
        raise ConfigError(
            f"engine={options['engine']} trains in another process, which an object cannot reach: put the loss into a "
            "file, loss=FILE.py:NAME, or leave engine out"
        )
