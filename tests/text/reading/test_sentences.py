from __future__ import annotations

from typing import Any

import pytest

from straw.text.reading.sentences import sentences


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("She has 3.5 kg. Dr. Lee eats 1! So 2.5 are left", ["She has 3.5 kg.", "Dr. Lee eats 1!", "So 2.5 are left"]),
        ("One line\nAnother line. And more", ["One line", "Another line.", "And more"]),
        ("1. Add 2 and 3. 2. Double it.", ["1. Add 2 and 3.", "2. Double it."]),
        ('He said "Stop." Then he left. (Really.) Yes?', ['He said "Stop."', "Then he left.", "(Really.)", "Yes?"]),
        ("J. Smith paid approx. 4 dollars, i.e. Too much.", ["J. Smith paid approx. 4 dollars, i.e. Too much."]),
        ("What?! No... really", ["What?!", "No... really"]),
        ("5 + 3 = 8.", ["5 + 3 = 8."]),
        ("He left. iPhone sold. x", ["He left. iPhone sold. x"]),  # before a small letter none ends
        ('"Stop." he said.', ['"Stop."', "he said."]),  # but behind a quote one does
        ("One. Two.  Three.   Four  ", ["One.", "Two.", "Three.", "Four"]),
        ("  One. ", ["One."]),
        ("12. Add. (3. Add. 123. Add", ["12. Add.", "(3. Add.", "123.", "Add"]),
        (
            "She has 12. Then more. It is 7. It is x. It is y",
            ["She has 12.", "Then more.", "It is 7.", "It is x. It is y"],
        ),
        ("A word of many letters, approx. Ten", ["A word of many letters, approx. Ten"]),
        ("Ten etcetera. Eleven", ["Ten etcetera.", "Eleven"]),
        ("", [""]),
        (" \n ", [""]),
    ],
)
def test_sentences_end_where_a_reader_stops(text: str, expected: Any) -> None:
    assert sentences(text) == expected


def test_nothing_but_blanks_is_lost() -> None:
    text = "A b. C d! 3.5 e.\nF. Gh? i"
    assert "".join("".join(sentences(text)).split()) == "".join(text.split())
