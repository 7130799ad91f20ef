from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from straw.text.shown.visible import as_html, encodable, visible

SPELLED = {
    "a\x1b[2Jb": "a\\u001b[2Jb",  # clears the screen
    "\x1b]52;c;cm0=\x07": "\\u001b]52;c;cm0=\\u0007",  # writes to the clipboard
    "\x9b31m": "\\u009b31m",  # the same as an escape with a bracket, in one character
    "one\rtwo\btree": "one\\rtwo\\btree",
    "a\nb\tc": "a\\nb\\tc",
    "gpj.\u202etxt": "gpj.\\u202etxt",  # reads gpj.txt from right to left
    "\u2066a\u2069\u200e": "\\u2066a\\u2069\\u200e",
    "tiny\u200b-1M\ufeff": "tiny\\u200b-1M\\ufeff",
    "a\u00a0b\u2003c\u3164d": "a\\u00a0b\\u2003c\\u3164d",
    "\ufe0f\U000e0101": "\\ufe0f\\udb40\\udd01",
    "\ud800": "\\ud800",
}


@pytest.mark.parametrize("text", SPELLED, ids=ascii)
def test_what_moves_the_cursor_or_cannot_be_seen_is_spelled_out(text: Any) -> None:
    assert visible(text) == SPELLED[text]


def test_what_can_be_seen_stays_as_it_is() -> None:
    text = 'N=64, é 日本 🙂 ⣀⡠ −5 "quoted" \\ [red]bold[/red] <b>'
    assert visible(text) == text


def test_the_lines_of_a_text_of_several_stay() -> None:
    assert visible("one\ntwo\r\n\x1b", lines=True) == "one\ntwo\\r\n\\u001b"


@given(st.text(st.characters(), max_size=40))
def test_any_text_is_printable_and_is_still_told_by_json(text: Any) -> None:
    shown = visible(text)
    assert shown.isprintable() and visible(shown) == shown
    if '"' not in text and "\\" not in text:
        assert json.loads(f'"{shown}"') == text


def test_on_a_page_it_is_escaped_too() -> None:
    assert as_html("<b>\u202e&\n") == "&lt;b&gt;\\u202e&amp;\\n"
    assert as_html("a\n\x07", lines=True) == "a\n\\u0007"


def test_what_an_encoding_lacks_is_spelled_out() -> None:
    assert encodable("é 日", "ascii") == "\\xe9 \\u65e5"
    assert encodable("é 日", None) == "é 日"


def test_what_python_calls_printable_and_nobody_sees_is_spelled_out_too() -> None:
    alone = (0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x3164, 0xFFA0)
    rows = (*range(0x180B, 0x1810), *range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0))
    assert [hex(code) for code in (*alone, *rows) if visible(chr(code)) == chr(code)] == []
    seen = [chr(code) for code in (0x17B3, 0x1810, 0x3165, 0xFE10, 0xFFA1)]  # their neighbours are letters and signs
    assert [visible(one) for one in seen] == seen
