"""A PDF file: numbered objects, pages, an outline. What is written into it is numbers and hexadecimal text, so no
word of a stranger can end a string or begin an object; there are no links, scripts, forms or files in it.

    writer = Writer()
    number = writer.add("<< ... >>")
    writer.saved(pages, title, outline)   ->  bytes, the same for the same content
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from straw.text.shown.visible import visible

A4 = (595.28, 841.89)  # points


@dataclass(frozen=True, slots=True)
class Mark:
    """An entry of the outline: its words, the page from 0, how high on it."""

    words: str
    page: int
    y: float


@dataclass(slots=True)
class Writer:
    objects: list[bytes] = field(default_factory=list)

    def add(self, body: str | bytes) -> int:
        """The number of the new object."""
        self.objects.append(body.encode("ascii") if isinstance(body, str) else body)
        return len(self.objects)

    def reserved(self) -> int:
        return self.add("null")

    def put(self, number: int, body: str) -> None:
        self.objects[number - 1] = body.encode("ascii")

    def stream(self, data: bytes, entries: Mapping[str, str] | None = None) -> int:
        packed = zlib.compress(data, 9)
        more = "".join(f" /{name} {value}" for name, value in (entries or {}).items())
        head = f"<< /Length {len(packed)} /Filter /FlateDecode{more} >>\nstream\n".encode("ascii")
        return self.add(head + packed + b"\nendstream")

    def saved(self, pages: Sequence[str], resources: str, title: str, marks: Sequence[Mark]) -> bytes:
        """The whole file; `pages` are what to draw, `resources` what they name."""
        tree, shared = self.reserved(), self.add(resources)
        numbers = []
        for page in pages:
            content = self.stream(page.encode("ascii"))
            numbers.append(
                self.add(
                    f"<< /Type /Page /Parent {tree} 0 R /MediaBox [0 0 {A4[0]} {A4[1]}] /Resources {shared} 0 R "
                    f"/Contents {content} 0 R >>"
                )
            )
        kids = " ".join(f"{number} 0 R" for number in numbers)
        self.put(tree, f"<< /Type /Pages /Kids [{kids}] /Count {len(numbers)} >>")
        outline = self.outline(marks, numbers)
        info = self.add(f"<< /Title {text(title)} /Producer {text('straw')} >>")
        root = self.add(
            f"<< /Type /Catalog /Pages {tree} 0 R /Outlines {outline} 0 R /Lang {text('en')} "
            "/ViewerPreferences << /DisplayDocTitle true >> >>"
        )
        return self.file(root, info)

    def outline(self, marks: Sequence[Mark], pages: Sequence[int]) -> int:
        whole = self.reserved()
        places = [self.reserved() for _ in marks]
        for index, mark in enumerate(marks):
            before = f" /Prev {places[index - 1]} 0 R" if index else ""
            behind = f" /Next {places[index + 1]} 0 R" if index + 1 < len(places) else ""
            self.put(
                places[index],
                f"<< /Title {text(mark.words)} /Parent {whole} 0 R{before}{behind} "
                f"/Dest [{pages[mark.page]} 0 R /XYZ 0 {mark.y:.1f} null] >>",
            )
        ends = f" /First {places[0]} 0 R /Last {places[-1]} 0 R" if places else ""
        self.put(whole, f"<< /Type /Outlines{ends} /Count {len(places)} >>")
        return whole

    def file(self, root: int, info: int) -> bytes:
        found, places = bytearray(b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n"), []
        for number, body in enumerate(self.objects, start=1):
            places.append(len(found))
            found += f"{number} 0 obj\n".encode("ascii") + body + b"\nendobj\n"
        start, count = len(found), len(self.objects) + 1
        found += f"xref\n0 {count}\n0000000000 65535 f \n".encode("ascii")
        found += b"".join(f"{place:010d} 00000 n \n".encode("ascii") for place in places)
        found += f"trailer\n<< /Size {count} /Root {root} 0 R /Info {info} 0 R >>\nstartxref\n{start}\n%%EOF\n".encode()
        return bytes(found)


def text(words: str) -> str:
    """A string of a PDF, in hexadecimal."""
    return f"<FEFF{visible(words).encode('utf-16-be', 'surrogatepass').hex().upper()}>"
