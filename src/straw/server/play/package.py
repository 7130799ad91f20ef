"""A package for verifiers (v1) that plays a served task: written by straw, and of no use without the server.

    straw serve-task secret N=64 package=straw_secret
    pip install ./straw_secret
    vf-eval straw-secret -m MODEL

Each of its tasks is a seed. The environment is the user of the conversation: it says what the server says, hands the
replies on, and records what is paid. Rewards are worked out by straw, so nothing that is right lies in the package.
"""

from __future__ import annotations

import re
from pathlib import Path
from string import Template

from straw.errors import ConfigError

PYPROJECT = Template("""[project]
name = "$dashed"
version = "0.1.0"
description = "$task, a task that straw serves"
requires-python = ">=3.11"
dependencies = ["verifiers>=0.4,<0.5", "aiohttp"]

[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[tool.hatch.build.targets.wheel]
packages = ["$module"]
""")
TASKSET = Template('''"""$task, a task that straw serves: straw serve-task $task ... port=..."""

import json

import aiohttp
import verifiers.v1 as vf

__all__ = ["StrawEnv", "StrawTaskset"]


class StrawData(vf.TaskData):
    seed: int


class StrawTask(vf.Task[StrawData]):
    """The environment records what the server pays."""


class StrawConfig(vf.TasksetConfig):
    url: str = "$url"
    num_tasks: int = 1000
    split: str = "train"


class StrawTaskset(vf.Taskset[StrawTask, StrawConfig]):
    def load(self):
        return [StrawTask(StrawData(seed=seed), self.config.task) for seed in range(self.config.num_tasks)]


class StrawEnv(vf.SingleAgentEnv):
    async def run(self, task, agents):
        config = self.config.taskset
        async with aiohttp.ClientSession() as http, http.ws_connect(f"{config.url}/ws") as socket:

            async def ask(kind, data):
                await socket.send_str(json.dumps({"type": kind, "data": data}))
                found = json.loads(await socket.receive_str())
                if found["type"] == "error":
                    raise RuntimeError(found["data"]["message"])
                return found["data"]

            shown = await ask("reset", {"seed": task.data.seed, "split": config.split})
            async with agents.agent.interaction(task) as interaction:
                while not shown["done"]:
                    segment = await interaction.turn(shown["observation"]["prompt"])
                    if segment.terminated:
                        break
                    shown = await ask("step", {"message": segment.last_reply})
            interaction.trace.record_reward("straw", float(shown["reward"] or 0.0), 1.0)
''')


def write_package(folder: Path, task: str, url: str) -> None:
    """Named as its folder; one that is there already and is none of ours is left alone."""
    module = folder.name.replace("-", "_").lower()
    if not re.fullmatch(r"[a-z_][a-z0-9_]*", module):
        raise ConfigError(f"a package has a name of letters, digits and _; got package={folder}. Write straw_secret")
    page = folder / "pyproject.toml"
    if folder.exists() and not (page.is_file() and "a task that straw serves" in page.read_text(errors="replace")):
        raise ConfigError(f"package={folder} is there already, and straw did not write it: choose another name")
    words = {"dashed": module.replace("_", "-"), "module": module, "task": task, "url": url}
    (folder / module).mkdir(parents=True, exist_ok=True)
    page.write_text(PYPROJECT.substitute(words))
    (folder / module / "__init__.py").write_text(TASKSET.substitute(words))
