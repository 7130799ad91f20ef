"""Make the pages that come from the code, and gather the site's pages in build/docs.

python docs/generate.py            writes docs/{options,commands,api,gallery,board}.md, docs/pictures, then build/docs
python docs/generate.py --check    writes nothing; exit status 1 where a page in docs is older than the code

A page may link to what lies beside docs, as ../notebook/demo.png, so that it can be read in the repository too. The
site's pages have to lie in one folder: in build/docs these files lie beside the pages, and `../` is taken off.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

DOCS = Path(__file__).resolve().parent
ROOT = DOCS.parent
BESIDE = ("notebook/*.png", "notebook/*.md", "examples/*", "CONTRIBUTING.md", "recipes/**/*.toml")
sys.path.insert(0, str(DOCS))
os.chdir(ROOT)  # help texts and recipes are read from here


def pages() -> dict[str, Callable[[], str]]:
    from generators.api import api_page
    from generators.board import board_page
    from generators.commands import commands_page
    from generators.gallery import gallery_page
    from generators.options import options_page

    return {
        "options.md": options_page, "commands.md": commands_page, "api.md": api_page, "gallery.md": gallery_page,
        "board.md": board_page,
    }  # fmt: skip


def stale_pages() -> list[str]:
    """The pages whose text is not what the code says now."""
    return [name for name, make in pages().items() if not is_fresh(DOCS / name, make())]


def is_fresh(path: Path, text: str) -> bool:
    return path.is_file() and path.read_text() == text


def write_pages() -> None:
    from generators.diagrams import draw_diagrams
    from generators.gallery import draw_gallery

    for name, make in pages().items():
        (DOCS / name).write_text(make())
    (DOCS / "pictures").mkdir(exist_ok=True)
    draw_diagrams(DOCS / "pictures")
    draw_gallery(DOCS / "pictures")


def gather(folder: Path) -> None:
    """The site's tree, made anew."""
    shutil.rmtree(folder, ignore_errors=True)
    sources = {path: path.relative_to(DOCS) for pattern in ("*.md", "pictures/*") for path in DOCS.glob(pattern)}
    sources |= {path: path.relative_to(ROOT) for pattern in BESIDE for path in ROOT.glob(pattern) if path.is_file()}
    for source, name in sources.items():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.suffix == ".md":
            target.write_text(moved(source.read_text(), is_page=source.parent == DOCS))
        else:
            shutil.copyfile(source, target)
    write_board(folder)


def write_board(folder: Path) -> None:
    """The entries of the benchmark, as one page of its own beside the others."""
    from straw.benchmark.board.page import board_page
    from straw.benchmark.entry import read_entry

    files = sorted((ROOT / "benchmarks" / "board").glob("*.json"))
    (folder / "board.html").write_text(board_page([(path, read_entry(path)) for path in files]))


def moved(text: str, *, is_page: bool) -> str:
    """Links of a page lose the step out of docs; links of other files into docs lose the step in."""
    return text.replace("](../", "](") if is_page else re.sub(r"\]\(docs/", "](", text)


def main(words: list[str]) -> int:
    if "--check" in words:
        old = stale_pages()
        if old:
            print(f"older than the code: {', '.join(old)}; run python docs/generate.py", file=sys.stderr)
        return int(bool(old))
    write_pages()
    gather(ROOT / "build" / "docs")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
