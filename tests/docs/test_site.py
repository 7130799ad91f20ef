"""The site, built as `make docs` builds it: no warning, every link leads somewhere, and nothing comes from outside."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pytest
from tests.docs.pages import DOCS, ROOT

LOADED = {"link": "href", "script": "src", "img": "src", "iframe": "src", "source": "src"}
IS_OUTSIDE = re.compile(r"^(\w+:)?//")
BUILT = ("docs", "examples", "notebook", "recipes", "src", "mkdocs.yml", "CONTRIBUTING.md")


class Reader(HTMLParser):
    """What a page loads, where its links lead, and what they may lead to."""

    def __init__(self) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.links: list[str] = []
        self.ids: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        self.ids |= {found[name] for name in ("id", "name") if name in found}
        if tag in LOADED and LOADED[tag] in found and found.get("rel") != "canonical":
            self.loaded.append(found[LOADED[tag]])
        if tag == "a" and "href" in found:
            self.links.append(found["href"])


def read(page: Path) -> Reader:
    reader = Reader()
    reader.feed(page.read_text())
    return reader


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    mkdocs = shutil.which("mkdocs", path=os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"])))
    if mkdocs is None:
        pytest.skip("mkdocs is not installed: pip install -e '.[docs]'")
    place = tmp_path_factory.mktemp("site")
    for name in BUILT:
        (place / name).symlink_to(ROOT / name)
    sys.path.insert(0, str(DOCS))
    try:
        import generate
    finally:
        sys.path.remove(str(DOCS))
    generate.gather(place / "build" / "docs")
    ran = subprocess.run(
        [mkdocs, "build", "--strict"], cwd=place, capture_output=True, text=True, check=False,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    assert "WARNING" not in ran.stderr + ran.stdout
    return place / "build" / "site"


@pytest.mark.slow
def test_every_link_of_the_built_site_leads_to_a_place_that_is_there(site: Path) -> None:
    pages = {page: read(page) for page in site.rglob("*.html") if page.name != "404.html"}
    assert len(pages) > 20
    for page, reader in pages.items():
        for link in (link for link in reader.links if not re.match(r"\w+:", link)):
            name, _, anchor = unquote(link).partition("#")
            target = (page.parent / name).resolve() if name else page
            target = target / "index.html" if target.is_dir() else target
            assert target.is_file(), (page.name, link)
            assert not anchor or target.suffix != ".html" or anchor in pages[target].ids, (page.name, link)


@pytest.mark.slow
def test_the_built_site_loads_nothing_from_another_host(site: Path) -> None:
    for page in site.rglob("*.html"):
        assert [one for one in read(page).loaded if IS_OUTSIDE.match(one)] == [], page.name
    for style in site.rglob("*.css"):
        assert [
            one for one in re.findall(r"url\(([^)]*)\)", style.read_text()) if IS_OUTSIDE.match(one.strip("'\""))
        ] == []


@pytest.mark.slow
def test_the_page_that_says_how_to_extend_shows_the_files_themselves(site: Path) -> None:
    text = re.sub(r"<[^>]+>", "", (site / "extend.html").read_text())
    assert "--8<--" not in text and "def median_baseline(rewards):" in text
