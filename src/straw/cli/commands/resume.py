"""straw resume: go on where a run stopped, or branch off from it."""

from __future__ import annotations

from pathlib import Path

from straw.cli.arguments import take_flag, take_option, take_trust, wants_help
from straw.errors import ConfigError
from straw.text.shown.say import say_lines, warn

RESUME = """straw resume RUN [--quiet]
straw resume RUN --branch [--at last|STEP|best:METRIC] key=value ...

Go on where a run stopped, was killed or failed. Every later metric, rollout and weight is bit for bit that of a run
that was never stopped, on the same kind of processor, with the same versions and number of threads.

  straw resume runs/mine                                     from its newest sound checkpoint
  straw resume runs/mine --branch learning_rate=1e-4         another run, from there on with other options
  straw resume runs/mine --branch --at 100 run_dir=runs/b    from the checkpoint of step 100, to a folder of your choice

A run whose model came with code of its own says trust_remote_code=true again, whatever was said when it began.
A run keeps its page, so options are for branches only. A branch copies the history up to the checkpoint, and its
about.json names the run, the step and the options that were changed.
"""


def resume(words: list[str]) -> int:
    if wants_help(words) or not words:
        say_lines(RESUME)
        return 0 if words else 2
    quiet, branches, at = take_flag(words, "--quiet"), take_flag(words, "--branch"), take_option(words, "at")
    run, *rest = words
    from straw.config import TRUST
    from straw.report.runs.listing import run_named

    trusts = take_trust(rest)
    named = run_named(run)
    values = changes(rest, named)
    folder = make(named, values | ({TRUST: "true"} if trusts else {}), at) if branches else named
    if not branches and (values or at):
        raise ConfigError(
            f"a run keeps its page, got {' '.join(rest) or '--at ' + str(at)}: write straw resume {run} --branch "
            f"{' '.join(rest)} to make it another run that begins at a checkpoint of this one"
        )
    from straw.engines.monarch.processes.namespace import prepare_for
    from straw.runs.checkpoints.config_match import page_of
    from straw.runs.reading import run_folder

    prepare_for(page_of(run_folder(folder)).engine)
    from straw.cli.live.watch import watched
    from straw.training.session import resume_run

    return watched(lambda watcher: resume_run(folder, watcher, trusts=trusts), quiet=quiet)


def make(parent: Path, values: dict[str, str], at: str | None) -> Path:
    """The folder of a branch, ready to be resumed."""
    from straw.config import dump, load_page
    from straw.runs.branch import make_branch
    from straw.runs.checkpoints.integrity import check_has_weights, checkpoint_named, newest_sound
    from straw.runs.kept_code import files_of, kept_code, names_in
    from straw.runs.reading import CONFIG, run_folder
    from straw.runs.store import free_name

    parent = run_folder(parent)
    check_has_weights(parent)
    checkpoint = newest_sound(parent, warn) if at is None else checkpoint_named(parent, at, warn)
    path = Path(values.get("run_dir") or free_name(parent.with_name(f"{parent.name}-branch"))).expanduser()
    anew = {*names_in(values.values())}
    code = {file: text for file, text in kept_code(parent).items() if file not in anew}
    page = load_page(parent / CONFIG, {**values, "run_dir": str(path)}, code=code).page
    make_branch(parent, checkpoint, path, dump(page), values, files_of(page))
    return path


def changes(words: list[str], folder: Path) -> dict[str, str]:
    """What a branch is told, in the options of the run's task and algorithm: as they were in the code that it kept."""
    from straw import outside
    from straw.config import owners_in, parse_overrides
    from straw.runs.kept_code import kept_code
    from straw.runs.reading import read_config

    if not words:
        return {}
    outside.begin(kept_code(folder))
    return parse_overrides(words, owners_in(read_config(folder)))
