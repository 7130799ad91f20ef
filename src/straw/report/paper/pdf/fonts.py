"""The letters of a PDF: DejaVu, which matplotlib brings, as much of it as is written, with a map back to text.

    face = Face("DejaVuSans")
    face.width("N = 64", 10)     ->  points
    face.written("N = 64")       ->  "<0031...>" glyph numbers, two bytes each

Every glyph that was written is remembered, with the character that it stands for, so a reader can search and copy. A
character that the font lacks is spelled out as JSON spells it, and one that cannot be seen too (`text.shown.visible`).
"""

from __future__ import annotations

import json
from functools import cached_property
from io import BytesIO
from pathlib import Path
from typing import Any

from straw.report.paper.pdf.writer import Writer
from straw.text.shown.visible import visible

EM = 1000  # of a PDF's widths
DROPPED = ["GSUB", "GPOS", "GDEF", "kern", "FFTM", "name", "post", "OS/2", "gasp", "cmap"]


class Face:
    def __init__(self, name: str) -> None:
        self.name = name
        self.used: dict[int, str] = {}

    @cached_property
    def font(self) -> Any:
        from fontTools.ttLib import TTFont

        return TTFont(self.path, recalcTimestamp=False)

    @cached_property
    def path(self) -> Path:
        import matplotlib

        return Path(matplotlib.get_data_path()) / "fonts" / "ttf" / f"{self.name}.ttf"

    @cached_property
    def glyphs(self) -> dict[str, tuple[int, float]]:
        """By character the number of its glyph, and its width in ems."""
        metrics, upem = self.font["hmtx"], self.font["head"].unitsPerEm
        return {
            chr(code): (self.font.getGlyphID(name), metrics[name][0] / upem)
            for code, name in self.font.getBestCmap().items()
        }

    def shown(self, text: str) -> str:
        seen = visible(text)
        return "".join(one if one in self.glyphs else json.dumps(one)[1:-1] for one in seen)

    def width(self, text: str, size: float) -> float:
        """Of a text that `shown` has seen."""
        return size * sum(self.glyphs[one][1] for one in text)

    def written(self, text: str) -> str:
        numbers = []
        for one in text:
            number = self.glyphs[one][0]
            self.used[number] = one
            numbers.append(number)
        return "<" + "".join(f"{number:04X}" for number in numbers) + ">"

    # --- as objects of a file --------------------------------------------------------------------

    def put(self, writer: Writer) -> int:
        """The number of its object, when all is written."""
        file = writer.stream(self.subset(), {"Length1": f"{len(self.subset())}"})
        head, bbox = self.font["head"], self.font["head"]
        box = " ".join(f"{scaled(value, head)}" for value in (bbox.xMin, bbox.yMin, bbox.xMax, bbox.yMax))
        rise, fall = (scaled(value, head) for value in (self.font["hhea"].ascent, self.font["hhea"].descent))
        described = writer.add(
            f"<< /Type /FontDescriptor /FontName /{self.name} /Flags 4 /FontBBox [{box}] /ItalicAngle 0 "
            f"/Ascent {rise} /Descent {fall} /CapHeight {rise} /StemV 80 /FontFile2 {file} 0 R >>"
        )
        widths = " ".join(f"{number} [{round(EM * self.glyphs[one][1])}]" for number, one in sorted(self.used.items()))
        inner = writer.add(
            f"<< /Type /Font /Subtype /CIDFontType2 /BaseFont /{self.name} /CIDToGIDMap /Identity /DW 600 "
            f"/CIDSystemInfo << /Registry (Adobe) /Ordering (Identity) /Supplement 0 >> "
            f"/FontDescriptor {described} 0 R /W [{widths}] >>"
        )
        back = writer.stream(self.to_unicode().encode("ascii"))
        return writer.add(
            f"<< /Type /Font /Subtype /Type0 /BaseFont /{self.name} /Encoding /Identity-H "
            f"/DescendantFonts [{inner} 0 R] /ToUnicode {back} 0 R >>"
        )

    @cached_property
    def _subset(self) -> bytes:
        from fontTools.subset import Options, Subsetter

        options = Options(
            retain_gids=True, notdef_outline=True, hinting=False, drop_tables=DROPPED, layout_features=[],
            recalc_timestamp=False,
        )  # fmt: skip
        subsetter = Subsetter(options)
        subsetter.populate(gids=sorted(self.used))
        subsetter.subset(self.font)
        file = BytesIO()
        self.font.save(file)
        return file.getvalue()

    def subset(self) -> bytes:
        """The outlines of what was written; the face is of no other use behind it."""
        self.glyphs  # noqa: B018  # read before the font loses what it does not need
        return self._subset

    def to_unicode(self) -> str:
        pairs = [f"<{number:04X}> <{in_utf16(one)}>" for number, one in sorted(self.used.items())]
        blocks = [pairs[first : first + 100] for first in range(0, len(pairs), 100)]
        body = "\n".join(f"{len(some)} beginbfchar\n" + "\n".join(some) + "\nendbfchar" for some in blocks)
        return (
            "/CIDInit /ProcSet findresource begin\n12 dict begin\nbegincmap\n"
            "/CIDSystemInfo << /Registry (Adobe) /Ordering (UCS) /Supplement 0 >> def\n"
            "/CMapName /Adobe-Identity-UCS def\n/CMapType 2 def\n1 begincodespacerange\n<0000> <FFFF>\n"
            f"endcodespacerange\n{body}\nendcmap\nCMapName currentdict /CMap defineresource pop\nend\nend"
        )


def in_utf16(one: str) -> str:
    return one.encode("utf-16-be").hex().upper()


def scaled(value: float, head: Any) -> int:
    return round(EM * value / head.unitsPerEm)


class Faces:
    """The three of a document, by the names under which its pages call them."""

    def __init__(self) -> None:
        self.plain, self.bold, self.mono = Face("DejaVuSans"), Face("DejaVuSans-Bold"), Face("DejaVuSansMono")

    @property
    def named(self) -> dict[str, Face]:
        return {"F1": self.plain, "F2": self.bold, "F3": self.mono}

    def name_of(self, face: Face) -> str:
        return next(name for name, one in self.named.items() if one is face)
