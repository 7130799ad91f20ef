"""A run from Python as a person sees it: callbacks, Ctrl-C, a notebook, silence, models that are objects."""

from __future__ import annotations

import builtins
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from tests.library.small import ONE_STEP, ROWS, SHORT, SMALL, bytes_of, long

import straw
from straw.cli import main
from straw.engines.local.models.tiny import make_embedded
from straw.errors import ConfigError, ModelError
from straw.library.live.notebook import NotebookWatcher
from straw.library.live.watchers import watcher_for

SECRET: dict[str, Any] = {key: value for key, value in SHORT.items() if key != "eval_samples"} | {"N": 8}


class Diary:
    def __init__(self) -> None:
        self.lines: list[Any] = []

    def on_begin(self, run: straw.Run) -> None:
        self.lines.append(("begin", run.state))

    def on_step(self, step: int, metrics: dict[str, float]) -> None:
        self.lines.append((step, metrics["episodes"]))

    def on_end(self, run: straw.Run) -> None:
        self.lines.append(("end", run.state))


def test_callbacks_hear_of_begin_every_step_and_end(home: Path, tmp_path: Path) -> None:
    diary = Diary()
    straw.train("secret", run_dir=tmp_path / "run", callbacks=[diary], **SECRET)
    assert diary.lines == [("begin", "running"), (0, 0), (1, 4), (2, 8), ("end", "done")]
    for no_callback in (SimpleNamespace(on_step_end=print), 7, Diary):
        with pytest.raises(ConfigError, match=r"on_begin\(run\), on_step\(step, metrics\) or on_end\(run\)"):
            straw.train("secret", run_dir=tmp_path / "b", callbacks=[no_callback], **SECRET)
    assert not (tmp_path / "b").exists()


def test_ctrl_c_keeps_the_run_and_prints_nothing_where_it_is_quiet(
    home: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    whole = straw.train("secret", run_dir=tmp_path / "whole", **SECRET)

    def interrupt(step: int, metrics: dict[str, float]) -> None:
        if step == 1:
            os.kill(os.getpid(), signal.SIGINT)

    before = signal.getsignal(signal.SIGINT)
    run = straw.train("secret", run_dir=tmp_path / "run", callbacks=[interrupt], **SECRET)
    assert (run.state, run.checkpoints) == ("stopped", [1])
    assert signal.getsignal(signal.SIGINT) is before
    assert straw.resume(run, quiet=True).state == "done"
    assert bytes_of(run.path) == bytes_of(whole.path)
    assert capfd.readouterr() == ("", "")


def test_the_command_line_and_python_leave_the_same_run(home: Path, tmp_path: Path) -> None:
    words = {key: value for key, value in SECRET.items() if key != "quiet"}
    options = [f"{key}={value}" for key, value in words.items()]
    assert main(["train", "secret", "--quiet", *options, f"run_dir={tmp_path / 'a'}"]) == 0
    run = straw.train("secret", run_dir=tmp_path / "b", **SECRET)
    assert bytes_of(run.path) == bytes_of(tmp_path / "a")
    drawn = run.plot()
    assert drawn.path == run.path / "curve.png" and drawn._repr_png_().startswith(b"\x89PNG")


def test_a_notebook_s_output_is_one_and_escapes_what_it_shows(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[str] = []
    handle = SimpleNamespace(update=drawn.append)
    display = SimpleNamespace(HTML=str, display=lambda shown, display_id: drawn.append(shown) or handle)
    known: Any = ModuleType("IPython")
    known.get_ipython = lambda: SimpleNamespace(kernel=True)
    monkeypatch.setitem(sys.modules, "IPython", known)
    monkeypatch.setitem(sys.modules, "IPython.display", display)  # type: ignore[arg-type]
    assert isinstance(watcher_for(quiet=False), NotebookWatcher)
    straw.train("secret", run_dir=tmp_path / "<b>run", **{**SECRET, "quiet": False})
    assert "&lt;b&gt;run" in drawn[-1] and "<b>run" not in drawn[-1]
    assert '<progress value="2" max="2">' in drawn[-1] and "<polyline" in drawn[-1] and "done: " in drawn[-1]
    known.get_ipython = lambda: None
    assert not isinstance(watcher_for(quiet=False), NotebookWatcher)
    assert not hasattr(builtins, "get_ipython")


@pytest.mark.slow
def test_a_model_may_be_an_object_with_its_tokenizer(home: Path, tmp_path: Path) -> None:
    model, tokenizer = make_embedded("tiny-0.2M", 3)
    before = {name: weight.clone() for name, weight in model.state_dict().items()}
    run = straw.train(ROWS, reward=long, run_dir=tmp_path / "run", tokenizer=tokenizer, **{**ONE_STEP, "model": model})
    assert run.config["model"]["model_name"].startswith("given-")
    assert all((weight == before[name]).all() for name, weight in model.state_dict().items())
    prompt = [{"role": "user", "content": "2 + 1?"}]
    engine, chat = straw.engine(model, tokenizer=tokenizer), run.engine(at=0).chat
    messages = [straw.Message("user", "2 + 1?")]
    assert engine.chat.opening(messages) == chat.opening(messages)
    assert run.sample(prompt, n=2, seed=1) == run.sample("2 + 1?", n=2, seed=1) != run.sample(prompt, n=2, seed=2)
    with pytest.raises(ModelError, match="comes with its tokenizer"):
        straw.load("secret", model=model)
    with pytest.raises(ConfigError, match="goes with a model that is an object"):
        straw.load("secret", model="tiny-0.2M", tokenizer=tokenizer)


@pytest.mark.slow
def test_an_exported_run_is_a_model_by_its_folder(home: Path, tmp_path: Path) -> None:
    run = straw.train("secret", run_dir=tmp_path / "run", **{**SECRET, "n_batches": 1})
    again = straw.engine(str(run.export(tmp_path / "model")), dtype="float32")
    datum = straw.Datum(prompt=(3, 4), tokens=(5,), weights=(1.0,))
    assert again.logprobs([datum])[0] == pytest.approx(run.engine().logprobs([datum])[0], abs=1e-5)


def test_an_evaluation_takes_data_graders_and_runs(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    def lenient(reply: str, gold: str) -> bool:
        return True

    run = straw.train(ROWS, reward=long, run_dir=tmp_path / "run", **ONE_STEP)
    found = straw.evaluate(ROWS, model=run, grader=[lenient, "exact"], num_problems=2, max_tokens=2, quiet=True)
    assert found.accuracy == {"python:lenient": 1.0, "exact": 0.0}
    assert straw.evaluate(run, num_problems=2, max_tokens=2, at=1, quiet=True).step == 1
    assert straw.evaluate(ROWS, model="tiny-0.2M", num_problems=1, max_tokens=2, quiet=True).step is None


def test_frames_are_pandas_or_polars_or_a_line_that_names_them(monkeypatch: pytest.MonkeyPatch) -> None:
    table = straw.Table(lambda: [{"step": 1, "rewards": {"binary": 1.0}}, {"step": 2}])
    assert table.to_list()[0]["rewards"] == {"binary": 1.0} and table["step"] == [1, 2]
    frame = pytest.importorskip("pandas") and table.to_pandas()
    assert list(frame.columns) == ["step", "rewards/binary"] and len(frame) == 2
    monkeypatch.setitem(sys.modules, "polars", None)
    with pytest.raises(ConfigError, match="pip install polars"):
        table.to_polars()


def test_polars_frames() -> None:
    pytest.importorskip("polars", reason="polars is not here")
    frame = straw.Table(lambda: [{"step": 1, "rewards": {"binary": 1.0}}, {"step": 2}]).to_polars()
    assert frame.columns == ["step", "rewards/binary"]


def test_a_loop_by_hand_learns(home: Path) -> None:
    path = Path(__file__).parents[2] / "examples" / "my_engine_loop.py"
    assert len(path.read_text().splitlines()) < 60
    program: dict[str, Any] = {"__name__": "my_engine_loop"}
    exec(compile(path.read_text(), path, "exec"), program)
    page = straw.load("secret", **{key: value for key, value in SMALL.items() if key != "quiet"})
    means = program["learn"](page, steps=20)
    assert sum(means[:4]) / 4 < 0.3 < 0.4 < sum(means[-4:]) / 4


def test_the_example_of_a_data_set_learns_what_it_is_paid_for(home: Path, tmp_path: Path) -> None:
    path = Path(__file__).parents[2] / "examples" / "my_dataset.py"
    assert len(path.read_text().splitlines()) < 60
    program: dict[str, Any] = {"__name__": "my_dataset"}
    exec(compile(path.read_text(), path, "exec"), program)
    run = program["learn"](quiet=True, run_dir=tmp_path / "run", n_batches=40, eval_every=40)
    before, after = (row["eval_reward"] for row in run.metrics if "eval_reward" in row)
    assert before < 0.3 < 0.6 < after


SCRIPT = """
import straw
if __name__ == "__mp_main__":
    raise SystemExit("the script was run again by a worker")
found = straw.sweep("sweep.toml", jobs=2, quiet=True)
print(sorted(found.runs), dict(found.failed))
"""


@pytest.mark.slow
def test_a_sweep_in_a_script_needs_no_guard(home: Path, tmp_path: Path) -> None:
    (tmp_path / "sweep.toml").write_text(
        'base = {N = 8, model_name = "tiny-0.2M", warmup = "none", max_tokens = 2, n_batches = 1}\n'
        "grid = {group_size = [2, 4]}\n"
    )
    (tmp_path / "mine.py").write_text(SCRIPT)
    said = subprocess.run([sys.executable, "mine.py"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert said.stdout == "['group_size-2-seed-0', 'group_size-4-seed-0'] {}\n", said.stderr
    assert said.stderr == ""
