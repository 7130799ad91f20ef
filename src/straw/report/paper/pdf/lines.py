"""Words in lines: what fits beside each other, and where a word that is longer than a line is broken."""

from __future__ import annotations

from collections.abc import Iterator

from straw.report.paper.pdf.fonts import Face


def wrapped(text: str, face: Face, size: float, width: float) -> list[str]:
    """The lines of a text; at least one, none of them wider than `width` points."""
    lines, line = [], ""
    for word in pieces(face.shown(text), face, size, width):
        longer = f"{line} {word}" if line else word
        if line and face.width(longer, size) > width:
            lines.append(line)
            line = word
        else:
            line = longer
    return [*lines, line]


def pieces(text: str, face: Face, size: float, width: float) -> Iterator[str]:
    """Its words, long ones in parts."""
    for word in text.split():
        part = ""
        for one in word:
            if part and face.width(part + one, size) > width:
                yield part
                part = one
            else:
                part += one
        yield part


def kept(text: str, face: Face, size: float, width: float) -> list[str]:
    """Lines of code: blanks stay, and what is too long goes on in the next line, further right."""
    found = []
    most = max(8, int(width / face.width("m", size)))
    for line in text.split("\n"):
        shown = face.shown(line)
        found.append(shown[:most])
        rest = shown[most:]
        while rest:
            found.append("    " + rest[: most - 4])
            rest = rest[most - 4 :]
    return found
