"""An answer without what does not change it: signs of money and per cent, units, LaTeX's spacing, words for numbers.

    tidied("$1,200")            ->  1,200          tidied("18 hours.")     ->  18
    tidied("50\\\\%")             ->  50             tidied("5.00")          ->  5
    tidied("twenty-five")       ->  25             tidied("\\\\dfrac12")      ->  \\\\frac{1}{2}

The rules are those by which Qwen's evaluation tidies both sides, dollars and other words that it does not know as
units included: "18 dollars" stays that, and is not 18.
"""

from __future__ import annotations

import re

UNITS = (
    "acre|am|apple|c|cc|cm|coin|cube|cubic|day|deg|degree|dm|east|feet|ft|g|gal|gallon|gm|h|hectare|hour|hr|inch|inches|"
    "kg|km|kmh|kmph|l|lb|liter|litre|m|man|men|meter|metre|mile|min|minute|mm|month|mph|mt|mtr|number|percent|pie|pm|"
    "rise|round|rounds|rs|rupee|sec|second|sq|square|st|t|th|tile|toy|unit|way|west|woman|women|yard|year|yr|"
    "per|monkey|prime|ratio|gain|soldier|noon|mark|profit|ohm|more|less|loss|pure|increase|decrease|excess|rd|lt"
)
A_UNIT = re.compile(rf"(^|\W)(?:{UNITS})s?($|\W)")
SAME = (
    ("\\!", ""), ("tfrac", "frac"), ("dfrac", "frac"), ("\\neq", "\\ne"), ("\\leq", "\\le"), ("\\geq", "\\ge"),
    ("\\left", ""), ("\\right", ""), ("\\{", "{"), ("\\}", "}"), ("bmatrix", "pmatrix"), ("^{\\circ}", ""),
    ("^\\circ", ""), ("\\$", ""), ("$", ""), ("\\(", ""), ("\\)", ""),
)  # fmt: skip
NAMES = re.compile(r"[xyz](?:=|\\in|\\to)")
WORDS = {
    "zero": 0, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9,
    "ten": 10, "eleven": 11, "twelve": 12, "thirteen": 13, "fourteen": 14, "fifteen": 15, "sixteen": 16,
    "seventeen": 17, "eighteen": 18, "nineteen": 19, "twenty": 20, "thirty": 30, "forty": 40, "fifty": 50,
    "sixty": 60, "seventy": 70, "eighty": 80, "ninety": 90,
}  # fmt: skip
MOST = 10**30  # that number words make; Python writes no number of thousands of digits
SCALES = {"hundred": 100, "thousand": 1_000, "million": 1_000_000, "billion": 1_000_000_000}


def tidied(text: str) -> str:
    """Both sides of a comparison go through this."""
    text = text.strip().replace("\n", "").rstrip(".")
    for long, short in SAME[:11]:
        text = text.replace(long, short)
    text = without_last_words(text).strip() or text
    text = without_units(text)
    for long, short in SAME[11:]:
        text = text.replace(long, short)
    text = opened(number_from(text), "\\text{")
    text = NAMES.sub("", text).replace("\\%", "").replace("%", "")
    text = opened(text.replace("and", "").replace("\\mathbf", ""), "\\mbox{", keep=False)
    text = text.replace(" .", " 0.").replace("{.", "{0.")
    text = re.sub(r"(?<=[0-9])\.0*+([^0-9])", r"\1", text)
    text = re.sub(r"(?<=[0-9])\.0*+$", "", text)
    text = f"0{text}" if text.startswith(".") else text
    name, equals, value = text.partition("=")
    text = value if equals and len(name) <= 2 and "=" not in value else text
    return with_brackets(text.replace(" ", ""))


def without_last_words(text: str) -> str:
    """3 \\text{ apples} is 3: from the first such command on, where the text ends with its bracket."""
    begin = text.find("\\text{")
    return text[:begin] if begin >= 0 and text.endswith("}") else text


def opened(text: str, command: str, *, keep: bool = True) -> str:
    """What stands in the brackets of a command instead of it, or nothing: each ends at the next closing one."""
    parts, place = [], 0
    while (begin := text.find(command, place)) >= 0 and (end := text.find("}", begin)) >= 0:
        parts += [text[place:begin], text[begin + len(command) : end] if keep else ""]
        place = end + 1
    return "".join([*parts, text[place:]])


def without_units(text: str) -> str:
    """Of an answer with a number; a unit by itself may be the answer."""
    if not any(character.isdigit() for character in text):
        return text
    for _ in range(2):
        text = A_UNIT.sub(r"\1\2", text) or text
    return text


def number_from(text: str) -> str:
    """The number that the number words of a text make: "about twenty-five" is 25. A text without any stays."""
    words = [word for word in text.lower().replace("-", " ").split() if word in WORDS or word in SCALES]
    if not words:
        return text
    total = part = 0
    for word in words:
        if word in WORDS:
            part += WORDS[word]
        elif word == "hundred":
            part = max(1, part) * 100
        else:
            total, part = total + max(1, part) * SCALES[word], 0
        if max(total, part) > MOST:
            return text
    return str(total + part)


def with_brackets(text: str) -> str:
    """\\\\sqrt2 and \\\\frac12 as \\\\sqrt{2} and \\\\frac{1}{2}; a plain 1/2 too."""
    text = re.sub(r"\\sqrt([^{\[])", r"\\sqrt{\1}", text)
    text = re.sub(r"\\frac([^{\\])", r"\\frac{\1}", text)
    text = re.sub(r"(\\frac\{[^{}]*\})([^{\\])", r"\1{\2}", text)
    return re.sub(r"^(-?[0-9]+)/(-?[0-9]+)$", r"\\frac{\1}{\2}", text)
