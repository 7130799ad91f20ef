"""The pages hold together: every one is in the menu, links lead somewhere, and what the code says is what they say."""

from __future__ import annotations

import importlib
import json
import re
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from tests.docs.pages import DOCS, PAGES, ROOT, anchors, blocks, links, prose, slug

from straw import registry
from straw.config import describe_options
from straw.config.page import options_of_algorithms

MENU = re.findall(r"^\s+- [^:]+: (\S+\.md)$", (ROOT / "mkdocs.yml").read_text(), flags=re.MULTILINE)
MADE = ("options.md", "commands.md", "api.md", "gallery.md", "board.md")


@pytest.fixture
def generators(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A function that gives a module of docs/generators, as docs/generate.py would find it."""
    monkeypatch.syspath_prepend(str(DOCS))
    monkeypatch.chdir(ROOT)
    return lambda name: importlib.import_module(name)


def test_every_page_is_in_the_menu_and_every_entry_of_the_menu_is_a_page() -> None:
    here = {path.name for path in DOCS.glob("*.md")}
    assert here - set(MENU) == set()
    assert [name for name in MENU if not ((DOCS / name).is_file() or (ROOT / name).is_file())] == []
    assert len(MENU) == len(set(MENU))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_lines_are_at_most_120_characters(page: Path) -> None:
    assert [line for line in page.read_text().splitlines() if len(line) > 120] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_to_a_file_and_to_a_heading_that_is_there(page: Path) -> None:
    for link in links(page):
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        assert "://" not in link and target.is_file() and target.is_relative_to(ROOT), link
        assert not anchor or anchor in anchors(target), link


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_nothing_on_a_page_comes_from_another_host(page: Path) -> None:
    assert re.findall(r"!\[[^\]]*\]\((\w+://[^)]*)\)|<(?:img|script|link|iframe)\b", prose(page)) == []


def test_the_theme_asks_no_other_host_for_fonts_or_scripts() -> None:
    text = (ROOT / "mkdocs.yml").read_text()
    assert re.search(r"^  font: false\b", text, flags=re.MULTILINE)
    assert [line for line in text.splitlines() if "://" in line and not line.startswith("#")] == []
    assert "extra_javascript" not in text


def test_the_site_is_built_so_that_a_warning_stops_it() -> None:
    recipe = re.search(r"^docs:.*\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)
    assert recipe and "docs/generate.py" in recipe[1] and "mkdocs build --strict" in recipe[1]


def test_every_file_of_the_examples_is_shown_on_the_page_that_says_how_to_extend() -> None:
    shown = re.findall(r'^--8<-- "(examples/\w+\.py)"$', (DOCS / "extend.md").read_text(), flags=re.MULTILINE)
    assert sorted(shown) == sorted(str(path.relative_to(ROOT)) for path in (ROOT / "examples").glob("my_*.py"))


def test_every_kind_of_name_can_be_extended() -> None:
    table = (DOCS / "extend.md").read_text().partition("## Trust")[0]
    named = {word for row in re.findall(r"^\| \[.*\| (.*) \|$", table, flags=re.MULTILINE) for word in row.split("`")}
    written = set(registry.OPTIONS.values()) - {"task", "learner"}  # the first word of a command; an algorithm's
    assert written - named == set()


def test_every_option_has_its_entry(generators: Any) -> None:
    """Each under the heading of its task, algorithm or section, with its default and range."""
    page = generators("generators.options").options_page()
    sections = dict(re.findall(r"^## (.+)\n((?:(?!^## ).*\n?)*)", page, flags=re.MULTILINE))
    own = options_of_algorithms()
    for kind, algorithm in [(kind, "reinforce") for kind in registry.names("tasks")] + [("secret", one) for one in own]:
        for option in describe_options(kind, algorithm):
            heading = f"Task `{kind}`" if option.section == "task" else f"Section `[{option.section}]`"
            heading = f"Algorithm `{algorithm}`" if option.name in own[algorithm] else heading
            section = next(body for head, body in sections.items() if head.startswith(heading))
            entry = section.partition(f"### `{option.name}`\n")[2].partition("\n### ")[0]
            assert entry, f"{kind}: {option.name}"
            words = " ".join(entry.split())
            assert option.range in words and "Default: " in words


def test_every_command_has_its_section(generators: Any) -> None:
    from straw.cli.main import COMMANDS

    page = generators("generators.commands").commands_page()
    for name in COMMANDS:
        assert f"## straw {name}\n\n```text\nstraw {name}" in page


def test_every_recipe_with_a_golden_curve_is_in_the_gallery(generators: Any) -> None:
    page = generators("generators.gallery").gallery_page()
    recipes = sorted(path.stem for path in (ROOT / "recipes" / "golden").glob("*.json"))
    assert re.findall(r"^## (\w+)$", page, flags=re.MULTILINE) == recipes
    assert [name for name in recipes if not (DOCS / "pictures" / f"{name}.svg").is_file()] == []


@pytest.mark.parametrize("name", MADE)
def test_a_page_that_is_made_from_the_code_is_not_older_than_the_code(name: str, generators: Any) -> None:
    made = generators("generate").pages()
    assert sorted(made) == sorted(MADE)
    assert (DOCS / name).read_text() == made[name](), "run python docs/generate.py"


def test_the_library_s_page_has_every_public_name_with_its_signature_and_words(generators: Any) -> None:
    api = generators("generators.api")

    def train(task: str, *, seed: int = 0) -> None:
        """Train a model.

        >>> 1 + 1
        2
        """

    class Run:
        """A run folder."""

        __module__ = "straw.library"

        @property
        def path(self) -> Path:
            """Where it lies."""
            return Path()

    package: Any = SimpleNamespace(__all__=["train", "Run"], train=train, Run=Run)
    page = api.api_page(package)
    for text in ("## straw.Run\n", "### Run.path\n\nWhere it lies.", "(task: str, *, seed: int = 0) -> None\n"):
        assert text in page
    assert "Train a model.\n\n```python\n>>> 1 + 1\n2\n```" in page
    assert page.index("## straw.train") < page.index("## straw.Run")
    assert isinstance(api.straw, ModuleType) and set(api.public_names()) == set(getattr(api.straw, "__all__", ()))


def test_the_site_s_tree_has_every_page_with_links_that_hold_there(generators: Any, tmp_path: Path) -> None:
    generators("generate").gather(tmp_path / "tree")
    for name in MENU:
        page = tmp_path / "tree" / name
        assert page.is_file(), name
        for link in links(page):
            target = (page.parent / link.partition("#")[0]).resolve() if link[0] != "#" else page
            assert target.is_file() and target.is_relative_to((tmp_path / "tree").resolve()), (name, link)


def test_the_glossary_has_25_words_in_four_columns() -> None:
    rows = re.findall(r"^\| (.*) \|$", (DOCS / "glossary.md").read_text(), flags=re.MULTILINE)[1:]
    assert len(rows) == 25
    assert {len(row.split(" | ")) for row in rows} == {5}


def test_the_glossary_s_names_of_trl_s_options_are_options_of_trl() -> None:
    found = find_spec("trl")
    if found is None or not found.submodule_search_locations:
        pytest.skip("trl is not installed")
    config = (Path(next(iter(found.submodule_search_locations))) / "trainer" / "grpo_config.py").read_text()
    columns = [row.split(" | ")[2] for row in (DOCS / "glossary.md").read_text().splitlines() if row.startswith("| ")]
    names = {name for column in columns for name in re.findall(r"`(\w+)`", column)} - {"prompt", "completion"}
    assert len(names) >= 7
    given = names - {"reward_funcs"}  # an argument of the trainer
    assert [name for name in sorted(given) if not re.search(rf"^    {name}: ", config, flags=re.MULTILINE)] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_programs_on_a_page_are_python(page: Path) -> None:
    for block in blocks(page, "python"):
        if not block.startswith("--8<--") and page.name != "api.md":
            compile(block, page.name, "exec")


def test_headings_are_spelled_as_links_spell_them() -> None:
    assert slug("Tasks of `mine.py`: one, two") == "tasks-of-minepy-one-two"


def test_the_board_tells_the_work_that_no_episode_shows() -> None:
    """Updates and draws that nobody paid for, of each learner: some learn from far more of them than from episodes."""
    text = (ROOT / "docs" / "board.md").read_text()
    assert "| learner | came to know | updates | unpaid draws | CPU s |" in text
    for name in ("regress", "surrogate"):
        cells = json.loads((ROOT / "benchmarks" / "board" / f"{name}-short.json").read_text())["cells"]
        runs = [run for cell in cells for run in cell["runs"]]
        updates, draws = (sum(run[what] for run in runs) for what in ("updates", "unpaid_draws"))
        assert re.search(rf"\| {name} \| \d+ of 24 \| {updates:,} \| {draws:,} \|", text)
