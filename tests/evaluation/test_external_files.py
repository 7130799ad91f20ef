"""Other harnesses: they read what we write, our rule in their file is ours, and their results are read back."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from tests.test_files import pipe, sparse

from straw.errors import RunError
from straw.evaluation.external_files import PROBLEMS, Outside
from straw.evaluation.external_results import agreement, read_outside
from straw.evaluation.lighteval_task import write_lighteval
from straw.evaluation.lm_eval_task import RULES, write_lm_eval
from straw.text.graders import grader_named

PIECES = st.lists(st.sampled_from(["<answer>", "</answer>", "18", "1,200", "-5", " ", "\n", "$", "x", "0.5", "."]))


def task_in(folder: Path) -> Outside:
    (folder / PROBLEMS).write_text('{"key": "a", "prompt": "?", "gold": "18"}\n')
    return Outside(
        name="straw_gsm8k", folder=folder, model="my model", stops=("<|im_end|>",), max_tokens=80, temperature=0.0,
        dtype="float32", device="cpu",
    )  # fmt: skip


def rules() -> ModuleType:
    module = ModuleType("rules")
    exec(compile(RULES, "rules.py", "exec"), module.__dict__)
    return module


class Reader(yaml.SafeLoader):
    """YAML with lm-eval's own tag."""


Reader.add_constructor("!function", lambda loader, node: loader.construct_scalar(node))


def test_the_yaml_says_what_we_ask(tmp_path: Path) -> None:
    command = write_lm_eval(task_in(tmp_path))
    page = yaml.load((tmp_path / "straw_gsm8k.yaml").read_text(), Reader)
    assert page["dataset_path"] == "json"
    assert page["dataset_kwargs"]["data_files"]["test"] == str(tmp_path / PROBLEMS)
    assert page["doc_to_text"] == "{{prompt}}" and page["process_results"] == "rules.process_results"
    kwargs = {"until": ["<|im_end|>"], "max_gen_toks": 80, "do_sample": False, "temperature": 0.0}
    assert page["generation_kwargs"] == kwargs
    assert "--model_args 'pretrained=my model,dtype=float32'" in command and "--tasks straw_gsm8k" in command


@given(PIECES.map("".join), st.sampled_from(["18", "1,200", "-5", "0.5"]))
def test_exact_over_there_is_exact_here(reply: str, gold: str) -> None:
    said = rules().process_results({"gold": gold}, [reply])["exact"]
    assert said == float(grader_named("exact").judge(reply, gold))


@given(PIECES.map("".join), st.sampled_from(["18", "1,200", "-5", "0.5"]))
def test_the_last_number_over_there_is_lenient_here_where_neither_box_nor_phrase_is_used(reply: str, gold: str) -> None:
    said = rules().process_results({"gold": gold}, [reply])["last_number"]
    assert said == float(grader_named("lenient").judge(reply, gold))


def test_the_lighteval_file_is_python_and_names_its_data(tmp_path: Path) -> None:
    command = write_lighteval(task_in(tmp_path), has_numbers=True)
    source = (tmp_path / "lighteval_straw_gsm8k.py").read_text()
    ast.parse(source)
    assert "Metrics.expr_gold_metric" in source and repr(str(tmp_path / "data")) in source
    assert (tmp_path / "data/test.jsonl").read_bytes() == (tmp_path / PROBLEMS).read_bytes()
    assert "'straw_gsm8k|0'" in command


def test_results_are_read_with_their_errors_and_verdicts(tmp_path: Path) -> None:
    numbers = {"exact,none": 0.5, "exact_stderr,none": 0.1, "last_number,none": 1.0, "alias": "straw_gsm8k"}
    (tmp_path / "results_now.json").write_text(json.dumps({"results": {"straw_gsm8k": numbers}}))
    lines = [{"doc": {"key": "a"}, "exact": 1.0}, {"doc": {"key": "b"}, "exact": 0.0}]
    (tmp_path / "samples_straw_gsm8k_now.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    found = read_outside(tmp_path)
    assert found.scores == {"exact": 0.5, "last_number": 1.0} and found.errors == {"exact": 0.1}
    ours = [{"problem": key, "sample": 0, "right": {"exact": True}} for key in "abc"]
    assert agreement(found, ours, "exact") == (1, 2)
    assert agreement(found, ours, "last_number") is None


def test_errors_without_a_number_and_numbers_that_are_no_score_of_ours_are_left_out(tmp_path: Path) -> None:
    numbers = {"exact,none": 0.5, "exact_stderr,none": "N/A", "sample_len": 12, "exact_copies,none": 3}
    (tmp_path / "results_1.json").write_text(json.dumps({"results": {"straw_gsm8k": numbers}}))
    found = read_outside(tmp_path / "results_1.json")
    assert (found.scores, found.errors) == ({"exact": 0.5}, {})


@pytest.mark.parametrize("text", ["{", "[]", '{"results": {"hellaswag": {}}}'])
def test_a_file_that_is_no_result_of_ours_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "results_1.json").write_text(text)
    with pytest.raises(RunError):
        read_outside(tmp_path / "results_1.json")


# --- results that somebody else wrote


@pytest.mark.parametrize("kind", ["deep", "pipe", "sparse", "list", "list of tasks", "no object"])
def test_a_result_that_is_none_is_one_line(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "results_1.json"
    texts = {"deep": "[" * 100_000, "list": "[]", "list of tasks": '{"results": ["straw_a"]}'}
    texts["no object"] = '{"results": {"straw_a": 3}}'
    if kind in texts:
        path.write_text(texts[kind])
    else:
        {"pipe": pipe, "sparse": sparse}[kind](path)
    with pytest.raises(RunError, match="a harness's result is JSON with `results`") as caught:
        read_outside(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("line", ["[" * 100_000, "{}", '["exact"]', '{"doc": 3, "exact": 1}'])
def test_a_log_of_samples_that_is_none_is_one_line(line: Any, tmp_path: Path) -> None:
    (tmp_path / "results_1.json").write_text('{"results": {"straw_a": {"exact,none": 0.5}}}')
    (tmp_path / "samples_straw_a_1.jsonl").write_text('{"doc": {"key": "a"}, "exact": 1}\n' + line + "\n")
    if line == "{}":  # says nothing of this score
        assert read_outside(tmp_path / "results_1.json").verdicts == {"exact": {"a": True}}
        return
    with pytest.raises(RunError, match="a harness logs a line an object"):
        read_outside(tmp_path / "results_1.json")
