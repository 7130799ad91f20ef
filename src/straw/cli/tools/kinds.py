"""What there is of every kind of name, and what each name does.

registry kinds    docstrings and tables of ours, read without importing what they stand for
plug-ins          entry points of installed packages: the package's summary, and none of its code
models, recipes   what `straw models` lists; pages, by their first line
"""

from __future__ import annotations

import ast
import re
from functools import cache
from importlib.util import find_spec
from inspect import getdoc
from pathlib import Path
from typing import Any, NamedTuple

from straw import registry
from straw.files import PAGE, read_file

OURS = "straw"
KINDS = {
    "tasks": "straw train TASK, or task=",
    "rewards": "reward_type=",
    "algorithms": "algorithm=",
    "baselines": "baseline=",
    "losses": "loss_fn=",
    "learners": "learners behind an algorithm of that name, or algorithm=FILE.py:CLASS",
    "graders": "grader=",
    "encoders": "encoder=",
    "generators": "countdown_generator=",
    "intrinsic": "use_ir=",
    "engines": "engine=",
    "backends": "generator=",
    "alarms": "silence=",
    "models": "model_name=, and straw models add NAME",
    "recipes": "straw train RECIPE: pages that come with straw, and those under recipes",
    "sweeps": "straw sweep NAME: the same for sweeps",
}
SAID = {  # where the docstring speaks to a reader of the code
    ("tasks", "secret"): "a secret number or a sequence of them, guessed in one reply or bit by bit",
    ("tasks", "sum_digits"): "the sum of the digits of two to four integers",
    ("tasks", "reverse_digits"): "an integer of six or seven digits, backwards",
    ("tasks", "countdown"): "reach a target with given numbers, each used once",
    ("tasks", "code"): "problems that are solved by programs, run in a sandbox (bubblewrap)",
    ("tasks", "livecodebench"): "LiveCodeBench, with windows of dates",
    ("tasks", "one_line"): "one-line programs from examples, run in the sandbox",
    ("tasks", "data"): "a data set of prompts of yours, with gold answers or without",
    ("tasks", "gym:NAME"): "any generator of reasoning-gym, such as gym:chain_sum",
    ("tasks", "env"): "several environments, or tools alone (environments=, tools=)",
    ("tasks", "env:NAME"): "an environment of yours: env:FILE.py:Class or env:MODULE:Class",
    ("tasks", "openenv:NAME"): "an OpenEnv server: openenv:http://HOST:PORT, or openenv:FOLDER to begin one",
    ("tasks", "verifiers:NAME"): "an installed environment of verifiers (v1), in a process of its own",
    ("rewards", "weighted"): "named parts with weights: correctness, formats, functions of yours (reward_weights=)",
    ("baselines", "leave_one_out"): "r - mean of the others",
    ("baselines", "none"): "no advantage: supervised learning needs none",
    ("losses", "cross_entropy"): "the log-probability of the reference reply: supervised learning",
    ("losses", "importance_sampling"): "the policy gradient with the ratio of trainer to sampler, not clipped",
    ("losses", "ppo"): "the same ratio, clipped (clip_low, clip_high)",
    ("losses", "gspo"): "the ratio of a whole reply to the power of one over its length, clipped (GSPO)",
    ("losses", "cispo"): "the log-probability, weighted by the clipped ratio (CISPO)",
    ("learners", "surrogate"): "learns replies that would earn full reward, by a model of the reward fitted to the log",
    ("learners", "regress"): "fits log-probabilities to all that was paid; what was paid once is not paid again",
    ("learners", "expert_iteration"): "imitates the best paid reply to each problem, those of earlier steps with it",
    ("learners", "reward_aware"): "learns answers that the ideal observer still holds possible",
    ("encoders", "minilm"): "all-MiniLM-L6-v2, from a package (extra memory): nothing is downloaded",
    ("encoders", "policy"): "the mean last hidden state of the model that trains",
    ("generators", "random"): "numbers and target apart, until a search finds a way",
    ("intrinsic", "no"): "no intrinsic reward",
    ("intrinsic", "knn"): "a memory of what succeeded: near replies are paid",
    ("intrinsic", "knn+"): "the same, and replies far from what failed are paid",
    ("engines", "local"): "this process samples and trains",
    ("engines", "monarch"): "processes of their own: one trains, others sample (extra monarch)",
    ("engines", "ranks"): "this process samples, trainer_ranks processes train, each its rows of the weights",
    ("engines", "tinker"): "the Tinker service, or a straw serve, at base_url (extra tinker)",
    ("backends", "straw"): "its own sampler: a reply has the same bits in any company",
    ("backends", "transformers"): "transformers' continuous batching: no bits promised",
    ("backends", "vllm"): "vLLM 0.32 or 0.33 on the same CUDA card: no bits promised (extra vllm)",
    ("alarms", "worse_than_start"): "a run that is done is worse than at its start",
}
TABLES = "straw.algorithms.registry"  # whose docstring has a row for many a name that has none of its own


class Named(NamedTuple):
    """One name: what it is, and which package brought it."""

    kind: str
    name: str
    what: str
    source: str = OURS


def named(kind: str) -> list[Named]:
    if kind == "models":
        return models()
    if kind in ("recipes", "sweeps"):
        return pages(kind)
    if kind == "alarms":
        return alarms()
    ours = [Named(kind, name, what_of(kind, name)) for name in registry.table(kind)]
    theirs = [from_package(kind, name, point) for name, point in registry.declared(kind).items()]
    return sorted([*ours, *(one for one in theirs if one.name not in registry.table(kind))], key=lambda row: row.name)


def from_package(kind: str, name: str, point: Any) -> Named:
    """An entry point, without loading it."""
    package = point.dist
    if package is None:
        return Named(kind, name, "", point.value)
    return Named(kind, name, str(package.metadata.get("Summary") or ""), f"{package.name} {package.version}")


def what_of(kind: str, name: str) -> str:
    if said := SAID.get((kind, name)):
        return said
    entries = registry.REGISTRY[kind]
    if isinstance(entries, dict):
        module, _, attribute = entries[name].partition(":")
        return first_line(docstrings(module).get(attribute) or docstrings(module)[""])
    module = entries.partition(":")[0]
    entry = registry.table(kind)[name]
    if kind == "algorithms":
        return row_of(entry)
    tables = [docstrings(module)[""], docstrings(TABLES)[""]]
    found = next((line for text in tables if (line := line_in(text, name))), "")
    return found or first_line(own_docstring(entry, module))


def own_docstring(entry: Any, module: str) -> str:
    """That of a function or an object's class, or else of the module where it is written."""
    kind = entry if callable(entry) and not isinstance(entry, type) and hasattr(entry, "__name__") else type(entry)
    if kind.__module__ == module:
        return getdoc(kind) or ""
    return docstrings(kind.__module__)[""]


def row_of(algorithm: Any) -> str:
    """An algorithm as its row says it."""
    if algorithm.is_supervised:
        return "supervised learning of the reference replies: the anchor that others are compared with"
    if algorithm.learner is not None:
        return line_in(docstrings(TABLES)[""], algorithm.learner)
    penalty = f", KL penalty {algorithm.kl_coef:g}" if algorithm.kl_coef else ""
    return f"baseline {algorithm.baseline}, loss {algorithm.loss_fn}, weighed by {algorithm.weigh}{penalty}"


def line_in(text: str, name: str) -> str:
    """What a docstring's table says of a name: 'name   what', 'name, other   what'."""
    found = re.search(rf"^ *(?:[\w+]+, )*{re.escape(name)}(?:, [\w+]+)* {{2,}}(\S.*)$", text, flags=re.MULTILINE)
    return "" if found is None else re.sub(r" {3,}.*", "", found[1]).strip()


@cache
def docstrings(module: str) -> dict[str, str]:
    """Those of a module ('') and of what it defines, read from its source."""
    spec = find_spec(module)
    assert spec is not None and spec.origin is not None
    tree = ast.parse(Path(spec.origin).read_text(encoding="utf-8"))
    kinds = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    found = {node.name: ast.get_docstring(node) or "" for node in tree.body if isinstance(node, kinds)}
    return {"": ast.get_docstring(tree) or "", **found}


def first_line(text: str) -> str:
    return text.partition("\n")[0].strip()


def alarms() -> list[Named]:
    from straw.training.monitor.alarms import ALARMS
    from straw.training.monitor.alarms import __doc__ as of_all
    from straw.training.monitor.tool_alarms import __doc__ as of_tools

    table = f"{of_all}{of_tools}"

    return [Named("alarms", name, SAID.get(("alarms", name)) or line_in(table, name)) for name in ALARMS]


def models() -> list[Named]:
    from straw.engines.local.models.listing import list_models

    return [
        Named("models", row.name, ", ".join(filter(None, (row.where, millions(row.parameters), row.note))))
        for row in list_models()
    ]


def millions(parameters: int | None) -> str:
    return "" if parameters is None else f"{parameters / 1e6:,.1f}M parameters"


def pages(kind: str) -> list[Named]:
    """Those that come with straw, by the names that commands take; and those of the folder recipes where we stand."""
    from straw.config.recipes import ENDING, RECIPES, SWEEPS, shipped_folder

    folder = SWEEPS if kind == "sweeps" else ""
    here, ours = Path(RECIPES) / folder, shipped_folder() / folder
    is_checkout = here.is_dir() and here.resolve() == ours.resolve()
    places = {ours: OURS} if is_checkout else {ours: OURS, here: "this folder"}
    found = {
        path.stem: Named(kind, path.stem, about_page(path), source)
        for place, source in places.items()
        for path in sorted(place.glob(f"*{ENDING}"))
    }
    return [found[name] for name in sorted(found)]


def about_page(path: Path) -> str:
    """Its first comment."""
    try:
        text = read_file(path, PAGE).decode(errors="replace")
    except OSError as problem:
        return f"cannot be read: {problem.strerror}"
    return text.partition("\n")[0].lstrip("# ") if text.startswith("#") else ""
