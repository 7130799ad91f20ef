"""The pages of the documentation as a reader's program sees them: blocks, inline code, links, headings."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(DOCS.glob("*.md"))]
STUDIES = [DOCS / f"study-{name}.md" for name in ("secret", "digits", "memory")]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", flags=re.MULTILINE | re.DOTALL)
SPAN = re.compile(r"`([^`]+)`")
LINK = re.compile(r"(!?)\[[^\]]*\]\(([^)\s]+)\)")


@dataclass(frozen=True)
class Promise:
    """A study's command, ours, and the values that ours resolves to."""

    study: str
    command: str
    values: str


def blocks(page: Path, *languages: str) -> list[str]:
    return [body for language, body in FENCE.findall(page.read_text()) if language in languages]


def prose(page: Path) -> str:
    """The page without its blocks of code."""
    return FENCE.sub("", page.read_text())


def spans(page: Path) -> list[str]:
    """Inline code, on one line where the page breaks it."""
    return [" ".join(span.split()) for span in SPAN.findall(prose(page))]


def links(page: Path) -> list[str]:
    return [target for _, target in LINK.findall(re.sub(r"`[^`]*`", "", prose(page)))]


def anchors(page: Path) -> set[str]:
    """What a link to a heading of this page may say, as mkdocs and GitHub spell it."""
    headings = re.findall(r"^#+ (.+)$", prose(page), flags=re.MULTILINE)
    return {slug(heading) for heading in headings}


def slug(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", re.sub(r"[`*]", "", heading)).strip().lower().replace(" ", "-")


def commands(page: Path) -> list[str]:
    """Every line of a shell on the page, and every inline span that begins like one; without comments."""
    lines = [line for block in blocks(page, "bash", "sh") for line in joined(block)]
    lines += [line[2:] for block in blocks(page, "console") for line in block.splitlines() if line.startswith("$ ")]
    lines += re.findall(r"^ {4}(straw .*)$", prose(page), flags=re.MULTILINE)
    lines += [span for span in spans(page) if span.startswith(("straw ", "python ", "make ", "pytest ", "pip "))]
    return [stripped for line in lines if (stripped := re.sub(r"(^|\s)#.*", "", line).strip())]


def joined(block: str) -> list[str]:
    """A line that ends in a backslash goes on."""
    return re.sub(r"\\\n\s*", "", block).splitlines()


def promises(page: Path) -> Iterator[Promise]:
    """# the study's words / straw ... / # = what they resolve to, between empty lines."""
    for part in "\n\n".join(blocks(page, "bash")).split("\n\n"):
        match = re.fullmatch(r"((?:# .*\n)*)(straw .*)\n((?:# .*\n?)*)", part.strip() + "\n")
        if match and match[3].startswith("# = "):
            yield Promise(words_of(match[1]), match[2].strip(), words_of(match[3]).removeprefix("= "))


def words_of(comment: str) -> str:
    return " ".join(comment.replace("#", " ").split())
