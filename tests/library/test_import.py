"""`import straw` is cheap, and says the same to a reader, to a type checker and to Python."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

import straw

HEAVY = ("torch", "transformers", "numpy", "rich", "matplotlib", "straw.config")
PROGRAM = f"""
import json, sys, time
began = time.process_time()
import straw
dir(straw), straw.__doc__
print(json.dumps([time.process_time() - began, [name for name in {HEAVY} if name in sys.modules]]))
"""
MOST_CPU_S = 0.2


def test_import_straw_brings_nothing_heavy() -> None:
    said = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True).stdout
    cpu_s, loaded = json.loads(said)
    assert loaded == []
    assert cpu_s < MOST_CPU_S


def test_what_is_lazy_is_what_is_listed_and_what_type_checkers_see() -> None:
    tree = ast.parse(Path(straw.__file__).read_text())
    (block,) = [node for node in tree.body if isinstance(node, ast.If)]
    typed = {
        (alias.name, node.module) for node in block.body if isinstance(node, ast.ImportFrom) for alias in node.names
    }
    assert typed == set(straw.FOUND_IN.items())
    assert sorted(straw.__all__) == sorted(straw.FOUND_IN)


def test_a_name_that_is_not_there_is_missed_as_python_does() -> None:
    with pytest.raises(AttributeError, match="trian"):
        straw.trian  # noqa: B018
