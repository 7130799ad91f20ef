"""Pages by name: one's own win, and those that come with straw are found from anywhere."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import straw
from straw.cli import main
from straw.cli.sweep.sweep import STUDIES, sweeps_of
from straw.config.recipes import recipe_named, recipe_names, shipped_folder

ROOT = Path(__file__).parent.parent
OURS = ROOT / "recipes"


@pytest.fixture(autouse=True)
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where we stand; nothing is here."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_folder_is_the_checkout_s_own_and_of_a_wheel_the_package_s(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert shipped_folder() == OURS
    monkeypatch.setattr(straw, "__file__", str(tmp_path / "site-packages" / "straw" / "__init__.py"))
    assert shipped_folder() == tmp_path / "site-packages" / "straw" / "recipes"


@pytest.mark.parametrize("name", ["secret_dense", "secret_dense.toml", "recipes/secret_dense", "./secret_dense.toml"])
def test_a_page_of_ours_has_a_name_with_and_without_folder_and_ending(name: str) -> None:
    found = recipe_named(name)
    assert found is not None and found.path == OURS / "secret_dense.toml" and found.is_shipped
    assert found.remark == f"page {found.path}, which comes with straw"


@pytest.mark.parametrize("name", ["capacity-small", "sweeps/capacity-small", "recipes/sweeps/capacity-small.toml"])
def test_so_has_a_sweep(name: str) -> None:
    found = recipe_named(name, "sweeps")
    assert found is not None and found.path == OURS / "sweeps" / "capacity-small.toml"
    assert recipe_named("secret_dense", "sweeps") is None and recipe_named("capacity-small") is None


@pytest.mark.parametrize("place", ["secret_dense.toml", "recipes/secret_dense.toml"])
def test_a_file_beside_you_wins(place: str) -> None:
    Path(place).parent.mkdir(exist_ok=True)
    Path(place).touch()
    found = recipe_named("secret_dense")
    assert found is not None and found.path == Path(place) and "is beside you" in found.remark


@pytest.mark.parametrize(
    "name", ["nothing", "../recipes/secret_dense", "/secret_dense", "x" * 5000, "", "golden", "\0"]
)
def test_what_is_no_page_s_name_finds_none(name: str) -> None:
    assert recipe_named(name) is None


def test_a_name_that_leads_out_of_our_folder_finds_none(empty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where a page lies there."""
    package = empty / "site" / "straw"
    shutil.copytree(OURS / "sweeps", package / "recipes" / "sweeps")
    (package / "secret.toml").touch()
    monkeypatch.setattr(straw, "__file__", str(package / "__init__.py"))
    assert recipe_named("capacity-small", "sweeps") is not None
    assert recipe_named("../secret") is None and recipe_named("../../secret", "sweeps") is None
    assert recipe_named(str(package / "recipes" / "sweeps" / "none")) is None


def test_every_page_that_comes_with_straw_is_named_and_no_task_hides_another_s_name() -> None:
    assert recipe_names() == sorted(path.stem for path in OURS.glob("*.toml")) and "secret_bins" in recipe_names()
    assert recipe_names("sweeps") == sorted(path.stem for path in (OURS / "sweeps").glob("*.toml"))
    assert not {*recipe_names("sweeps")} & {*STUDIES}


def test_train_takes_a_name_and_says_which_page_that_was(capsys: pytest.CaptureFixture[str], home: Path) -> None:
    assert main(["train", "secret_dense", "model_name=tiny-0.2M", "--dry-run"]) == 0
    printed = capsys.readouterr()
    assert printed.err == f"page {OURS / 'secret_dense.toml'}, which comes with straw\n"
    assert 'reward_type = "dense"                 # secret_dense.toml' in printed.out


def test_train_takes_the_page_beside_you_and_a_task_before_any_page(
    capsys: pytest.CaptureFixture[str], home: Path
) -> None:
    Path("secret_dense.toml").write_text("N = 16\nreward_type = 'binary'\n")
    Path("secret.toml").write_text("N = 8\n")
    assert main(["train", "secret_dense", "model_name=tiny-0.2M", "--dry-run"]) == 0
    printed = capsys.readouterr()
    assert printed.err == "page secret_dense.toml, which is beside you\n"
    assert 'reward_type = "binary"                # secret_dense.toml' in printed.out
    assert main(["train", "secret_dense.toml", "model_name=tiny-0.2M", "--dry-run"]) == 0
    assert capsys.readouterr().err == ""
    assert main(["train", "secret", "model_name=tiny-0.2M", "--dry-run"]) == 0
    assert "N = 64" in capsys.readouterr().out


def test_check_and_its_list_know_ours(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--list"]) == 0
    assert f"{OURS / 'secret_binary.toml'} " in capsys.readouterr().out
    assert main(["check", "secret_binar"]) == 2
    assert main(["check", "gsm8k_sft"]) == 2
    assert f"there is no golden curve at {OURS / 'golden' / 'gsm8k_sft.json'}" in capsys.readouterr().err


def test_a_golden_curve_is_not_written_into_an_installed_straw(
    empty: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(OURS, empty / "site" / "straw" / "recipes")
    monkeypatch.setattr(straw, "__file__", str(empty / "site" / "straw" / "__init__.py"))
    assert main(["check", "secret_binary", "--make"]) == 2
    assert "copy the recipe here first" in capsys.readouterr().err


def test_a_study_is_its_four_sweeps_each_in_a_folder_of_its_own() -> None:
    for name, model in (("study", "Qwen/Qwen3-4B-Instruct-2507"), ("study-small", "tiny-1M")):
        sweeps = sweeps_of(name, {}, None)
        assert [one.name.removesuffix("-small") for one in sweeps] == ["bandwidth", "space", "dense", "supervised"]
        assert [one.folder for one in sweeps] == [Path("runs/sweeps", one.name) for one in sweeps]
        assert {one.base["model_name"] for one in sweeps} == {model}
    elsewhere = sweeps_of("study-small", {"n_batches": "2"}, Path("o"))
    assert [one.folder for one in elsewhere] == [Path("o", one.name) for one in elsewhere]
    assert all(one.base["n_batches"] == "2" for one in elsewhere)


def test_an_option_that_one_sweep_of_a_study_varies_is_refused_before_anything_runs(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["sweep", "study-small", "reward_bins=4"]) == 2
    assert "reward_bins is varied by the sweep" in capsys.readouterr().err
    assert not Path("runs").exists()


def test_a_study_runs_all_of_its_sweeps_and_says_so_when_one_has_failed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ran: list[str] = []

    def run_sweep(sweep: object, jobs: int | None) -> int:
        ran.append(f"{sweep.name} {jobs}")  # type: ignore[attr-defined]
        return int(len(ran) == 2)

    monkeypatch.setattr("straw.cli.sweep.show.run_sweep", run_sweep)
    assert main(["sweep", "study-small", "--jobs", "2"]) == 1
    assert ran == ["bandwidth-small 2", "space-small 2", "dense-small 2", "supervised-small 2"]
    assert "study-small: the sweeps bandwidth-small, space-small" in capsys.readouterr().err


def test_a_sweep_is_named_too_and_a_slip_has_a_neighbour(capsys: pytest.CaptureFixture[str]) -> None:
    assert sweeps_of("capacity-small", {}, None)[0].name == "capacity-small"
    assert main(["sweep", "capacity-smal"]) == 2
    assert "did you mean 'capacity-small'?" in capsys.readouterr().err
