"""straw eval, whole: replies in a folder, judged by several graders, and asked only once."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest
from tests.made_data import gsm8k_folder, word_problem, write_lines
from tests.small_runs import train

from straw.cli import main
from straw.engines.base import Done, Reply
from straw.engines.local.engine import LocalEngine
from straw.runs.evaluation import EvaluationFolder, read_graded, read_result

WORDS = ["model=tiny-0.2M", "max_tokens=6", "device=cpu"]


@pytest.fixture
def place(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where we stand: a folder with data, and room for evals/."""
    monkeypatch.chdir(tmp_path)
    gsm8k_folder(tmp_path / "data", asked=5)
    return tmp_path


def evaluate(*words: str) -> None:
    assert main(["eval", "gsm8k", "path=data", *WORDS, *" ".join(words).split(), "--quiet"]) == 0


def only_folder(below: Path) -> Path:
    (folder,) = (below / "evals").iterdir()
    return folder


def no_sampling(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a reply was asked for again")

    monkeypatch.setattr(LocalEngine, "sample_one_by_one", refuse)


def test_every_score_stands_beside_its_grader(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    evaluate("grader=exact,extract,lenient")
    shown = capsys.readouterr().out
    assert all(name in shown for name in ("exact", "extract", "lenient", "accuracy", "5 problems", "temperature 0"))
    result, graded = read_result(only_folder(place)), read_graded(only_folder(place))
    assert list(result["scores"]) == ["exact", "extract", "lenient"]
    assert len(graded) == 5 and all(line["right"].keys() == result["scores"].keys() for line in graded)
    assert {line["gold"] for line in graded} == {str(number + 3) for number in range(1000, 1005)}


def test_the_studys_words_are_understood_and_ours_are_shown(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    evaluate("grader=strict,medium num_problems=1")
    shown = capsys.readouterr().out
    assert "extract" in shown and "exact" in shown and "strict" not in shown


def test_other_graders_and_the_same_command_ask_nothing_again(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    evaluate("grader=exact")
    before = (only_folder(place) / "replies.jsonl").read_bytes()
    no_sampling(monkeypatch)
    evaluate("grader=exact")
    evaluate("grader=lenient,extract")
    evaluate("grader=exact num_problems=2")
    assert (only_folder(place) / "replies.jsonl").read_bytes() == before


def test_more_problems_and_more_samples_go_on_from_what_is_there(place: Path) -> None:
    evaluate("temperature=1 num_problems=2")
    few = read_graded(only_folder(place))
    evaluate("temperature=1 num_problems=4 num_samples=3")
    many = read_graded(only_folder(place))
    assert len(many) == 12
    assert [line["reply"] for line in few] == [line["reply"] for line in many if line["sample"] == 0][:2]


def test_replies_do_not_depend_on_how_many_are_written_together(place: Path) -> None:
    replies = []
    for at_once in (1, 3, 64):
        evaluate(f"num_samples=2 at_once={at_once} out=with-{at_once}")
        replies.append((place / f"with-{at_once}/graded.jsonl").read_bytes())
    assert replies[0] == replies[1] == replies[2]
    assert len({line["reply"] for line in read_graded("with-1")}) > 5  # they are drawn


def killed_at(reply: int, *words: str) -> None:
    """A child that is killed in the middle of its work, by a signal that nobody can catch."""
    child = os.fork()
    if not child:
        add, added = EvaluationFolder.add, []

        def add_and_die(self, records: Any) -> None:
            add(self, records)
            added.append(1)
            if len(added) == reply:
                os.kill(os.getpid(), signal.SIGKILL)

        EvaluationFolder.add = add_and_die
        main(["eval", "gsm8k", "path=data", *WORDS, *words, "--quiet"])
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL


@pytest.mark.parametrize("at_once", ["at_once=64", "at_once=3"])
def test_a_killed_evaluation_keeps_every_reply_that_was_complete_and_goes_on_to_the_same_end(
    place: Path, at_once: str
) -> None:
    """All ten are written together; the third that is complete is on the disk while the others are written."""
    words = ["num_samples=2", *at_once.split()]
    evaluate(*words, "out=whole")
    killed_at(3, *words, "out=cut")
    replies = place / "cut/replies.jsonl"
    assert len(replies.read_text().splitlines()) == 3 and not (place / "cut/result.json").exists()
    with replies.open("a") as file:
        file.write('{"index": 4, "sam')  # what a kill leaves of a line
    evaluate(*words, "out=cut")
    lines = [sorted((place / name / "replies.jsonl").read_text().splitlines()) for name in ("whole", "cut")]
    assert lines[0] == lines[1] and len(lines[0]) == 10
    for name in ("graded.jsonl", "result.json"):
        assert (place / "cut" / name).read_bytes() == (place / "whole" / name).read_bytes()


def test_what_is_complete_is_kept_while_others_are_being_written(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The third of ten falls over: two are on the disk, though none of the others was ever complete."""

    def fall(engine: object, prompts: object, num_samples: int, params: object, seeds: object, done: Done) -> None:
        done(0, 0, Reply((5,), (-1.0,), True))
        done(3, 1, Reply((6,), (-1.0,), True))
        raise ZeroDivisionError

    monkeypatch.setattr(LocalEngine, "sample_one_by_one", fall)
    with pytest.raises(ZeroDivisionError):
        evaluate("num_samples=2 out=cut")
    kept = [json.loads(line) for line in (place / "cut/replies.jsonl").read_text().splitlines()]
    assert [(line["index"], line["sample"]) for line in kept] == [(0, 0), (3, 1)]


def test_several_samples_give_pass_at_k(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    evaluate("num_samples=4 num_problems=2 grader=lenient")
    assert "pass@2" in (shown := capsys.readouterr().out) and "distinct answers" in shown
    assert list(read_result(only_folder(place))["scores"]["lenient"]) == ["accuracy", "pass@2", "pass@4"]
    distinct = read_result(only_folder(place))["distinct"]["lenient"]
    assert 1 <= distinct["answers"] <= 4 and 0 <= distinct["right"] <= distinct["answers"]


def test_a_run_is_asked_with_its_own_task_and_all_its_checkpoints(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train(place / "run", "kind=gsm8k path=data warmup=none algorithm=sft n_batches=2 batch_size=1 save_every=1",
          "keep_last=0 learning_rate=1e-2 eval_samples=1 max_tokens=6")  # fmt: skip
    assert main(["eval", "run", "--checkpoints", "max_tokens=6", "--quiet", "out=here"]) == 0
    shown = capsys.readouterr().out
    assert all(f"run step {step} " in shown for step in range(3))
    results = [read_result(place / f"here/step-{step:06d}") for step in range(3)]
    assert len({result["settings"]["weights"] for result in results}) == 3
    assert main(["eval", "gsm8k", "path=data", "model=run", "--at", "1", "max_tokens=6", "--quiet"]) == 0
    assert read_result(only_folder(place))["settings"]["weights"] == results[1]["settings"]["weights"]


def test_a_run_is_asked_another_task(place: Path) -> None:
    train(place / "run", "N=8 warmup=none n_batches=1")
    assert main(["eval", "gsm8k", "path=data", "model=run", "max_tokens=4", "--quiet"]) == 0
    assert read_result(only_folder(place))["task"] == "gsm8k"


def first_lines(capsys: pytest.CaptureFixture[str]) -> tuple[str, str]:
    """What is said before anything is asked, and the first line of the table."""
    shown = capsys.readouterr()
    return shown.err.splitlines()[0], shown.out.splitlines()[0]


@pytest.mark.parametrize(
    ("of_run", "asked"),
    [
        ("temperature=0.7", {"": "0.7 (as the run measured)", "temperature=0": "0 (the run measured at 0.7)"}),
        ("eval_temperature=0", {"": "0 (as the run measured)", "num_samples=2": "1 (the run measured at 0)"}),
    ],
)
def test_a_run_is_asked_at_its_own_temperature_or_the_difference_is_said(
    place: Path, capsys: pytest.CaptureFixture[str], of_run: str, asked: dict[str, str]
) -> None:
    """Its own task, and another one: the temperature is the run's either way."""
    train(place / "run", "kind=gsm8k path=data warmup=none algorithm=sft n_batches=1 batch_size=1 eval_samples=1",
          "max_tokens=6 learning_rate=1e-2", of_run)  # fmt: skip
    capsys.readouterr()
    for task, (words, said) in zip(([], ["math", "path=data"]), asked.items(), strict=True):
        assert main(["eval", *task, "model=run", "num_problems=2", "max_tokens=6", *words.split()]) == 0
        for line in first_lines(capsys):
            assert "2 problems of data (test), " in line and f"temperature {said}, at most 6 tokens" in line


def test_a_model_by_its_name_is_asked_for_the_likeliest_token_and_told_so(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["eval", "gsm8k", "path=data", *WORDS]) == 0
    line = "gsm8k test: 5 problems of data (test), 1 reply each, temperature 0 (the likeliest token), at most 6 tokens"
    assert first_lines(capsys) == (f"straw: {line}", f"{line}; 95% intervals")


def test_other_data_named_for_a_run_is_what_is_asked(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The run's eval_path is not what this person means; he may name one, too."""
    write_lines(place / "old.jsonl", [{"question": f"{n} + 1?", "answer": str(n + 1)} for n in range(9)])
    write_lines(place / "new.jsonl", [{"question": f"{n} - 1?", "answer": str(n - 1)} for n in range(40, 60)])
    train(place / "run", "kind=math path=data eval_path=old.jsonl warmup=none algorithm=sft n_batches=1 batch_size=1",
          "eval_samples=1 max_tokens=6 learning_rate=1e-2")  # fmt: skip
    capsys.readouterr()
    asks = {
        "": "9 problems of old.jsonl,", "path=new.jsonl": "problems of the held-out 0.1 of new.jsonl,",
        "path=new.jsonl train_split=none": "20 problems of new.jsonl,",
        "path=data eval_path=new.jsonl": "20 problems of new.jsonl,",
    }  # fmt: skip
    for words, said in asks.items():
        assert main(["eval", "math", *words.split(), "model=run", "max_tokens=6"]) == 0
        told, shown = first_lines(capsys)
        assert said in told and said in shown
        asked = {line["question"] for line in read_graded(sorted(place.glob("evals/*"), key=os.path.getmtime)[-1])}
        assert all(("-" in question) == ("new" in said) for question in asked)


@pytest.mark.slow
def test_a_run_its_adapter_and_its_exported_model_say_the_same(place: Path) -> None:
    train(place / "run", "kind=gsm8k path=data warmup=none algorithm=sft n_batches=1 batch_size=1 lora_rank=2",
          "learning_rate=1e-2 eval_samples=1 max_tokens=6")  # fmt: skip
    assert main(["export", "run", "--adapter", "out=adapter"]) == 0
    assert main(["export", "run", "out=model"]) == 0
    said = []
    for model in ("run", "adapter", "model"):
        words = ["model=" + model, "max_tokens=6", "temperature=0", "dtype=float32", "device=cpu", "out=of-" + model]
        assert main(["eval", "gsm8k", "path=data", *words, "--quiet"]) == 0
        said.append([line["reply"] for line in read_graded(f"of-{model}")])
    assert said[0] == said[1] == said[2]


def test_data_that_is_only_asked_needs_no_training_split(place: Path) -> None:
    write_lines(place / "only.jsonl", [{"question": "1 + 1?", "answer": "2"}, {"question": "2 + 2?", "answer": "4"}])
    assert main(["eval", "math", "path=only.jsonl", "train_split=none", *WORDS, "--quiet"]) == 0
    assert read_result(only_folder(place))["num_problems"] == 2


def test_a_task_without_graders_judges_by_itself(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["eval", "reverse_digits", *WORDS, "num_problems=3", "--quiet"]) == 0
    assert "own" in capsys.readouterr().out


def test_a_grader_that_cannot_read_the_asked_form_is_named(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    evaluate("system_prompt=boxed grader=exact,extract num_problems=2")
    assert "exact fails 2 of the 2 right answers" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["gsm8k", "path=data"], "an evaluation needs a model"),
        (["gsm8k", "path=data", *WORDS, "grader=exakt"], "did you mean 'exact'"),
        (["gsm8k", "path=data", *WORDS, "num_problems=9"], "5 problems"),
        (["gsm8k", "path=data", *WORDS, "--checkpoints"], "is no run"),
        (["gsm8k", "path=data", *WORDS, "temperature=0", "num_samples=2"], "always the same"),
        (["gsm8k", "path=data", *WORDS, "num_probems=2"], "num_problems"),
        (["secret", *WORDS], "no held-out problems"),
        (["gsm8k", "path=data", *WORDS, "--harness", "lm-evel", "out=x"], "did you mean 'lm-eval'"),
        (["gsm8k", "path=data", *WORDS, "--harness", "lm-eval"], "name their folder"),
        (["nothing", *WORDS], "nothing"),
    ],
)
def test_what_cannot_be_asked_is_refused_in_one_line(
    place: Path, capsys: pytest.CaptureFixture[str], words: Any, message: str
) -> None:
    assert main(["eval", *words]) == 2
    shown = capsys.readouterr()
    assert message in shown.err.splitlines()[-1] and shown.out == ""


def test_a_folder_with_other_settings_or_other_data_is_not_mixed_with_ours(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    evaluate("out=here")
    assert main(["eval", "gsm8k", "path=data", *WORDS, "seed=1", "out=here", "--quiet"]) == 2
    assert "seed=0, not 1" in capsys.readouterr().err
    write_lines(place / "data/test.jsonl", (word_problem(number) for number in range(2000, 2005)))
    assert main(["eval", "gsm8k", "path=data", *WORDS, "out=here", "--quiet"]) == 2
    assert "the data has changed" in capsys.readouterr().err


def test_help_teaches_the_command_and_names_every_option(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["eval", "--help"]) == 0
    shown = capsys.readouterr().out
    assert all(name in shown for name in ("num_samples=1", "--checkpoints", "num_shots", "lenient", "--compare"))


def test_settings_say_what_replies_depend_on(place: Path) -> None:
    evaluate("num_problems=1")
    settings = json.loads((only_folder(place) / "settings.json").read_text())
    assert settings.keys() >= {"task", "weights", "temperature", "max_tokens", "seed", "dtype", "template"}
