r"""Replies that are wrong, or should be, made from a gold answer by one small change each.

    3\sqrt{13}   number     3   13
                 sign       -3\sqrt{13}
                 factor     3   \sqrt{13}
                 neighbour  4\sqrt{13}   2\sqrt{13}   3\sqrt{14}   3\sqrt{12}
    (-2,1]       order      (1,-2]
                 length     (1]   (-2,1,7]
                 ends       [-2,1]   (-2,1)

Some are right all the same: 90 for 90^\circ, and a list in another order. Who says so is an outside grader, whose
verdicts are kept beside this (see `record_verdicts`). GOLDS are ours, of the forms that answers to MATH-500 have.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

GOLDS = [
    r"\left( 2, \frac{\pi}{3} \right)", "q - r", r"\frac{17}{4}", r"\text{Maria}", r"70^\circ", r"5\sqrt{11}",
    r"\sqrt{37}", "4 - 3i", "-60", r"\pi", "-3 + 8i", "y=7", "2,-3", "46_9", "3152_{6}", r"13\sqrt3", "2, 6, 11",
    r"40 \sqrt{5}", "x^4 - x^2 + x - 2", r"-\frac{\pi}{4}", "(5,22,-3)", r"\frac{5\sqrt{2}}{6}", r"\tan x", "(-4,3)",
    r"2 \pm \sqrt{7}", r"\text{odd}", "3m+4", r"\begin{pmatrix} -2/5 \\ 3/5 \\ 4/5 \end{pmatrix}", "(p+3)(q+6)",
    "(1,5]", r"\frac76", "1.75", r"\frac{190}3\text{ degrees}", "3x - 8y + 5z + 2 = 0", r"(4,\infty)", r"20,\!160",
    "-7x+2", r"2\frac{3}{5}", r"\text{(D)}", r"\begin{pmatrix} 0 & 2 \\ 3 & 0 \end{pmatrix}", r"512 \mbox{ feet}^2",
    r"24+5\pi", r"\left(\frac{2}{7},\frac{9}{4}\right]", r"6.3 \text{ meters}", r"(-\infty, 4]", r"9\pi",
    r"\frac{7+4b}{15}", "5n", r"(0,4) \cup (4,25)", r"\frac{3000}{\pi}", r"x \in [-1,9]", r"\{2\pm\sqrt{3},-5\}",
    "4R^3", r"\left[ \frac{\pi}{6}, \frac{5 \pi}{6} \right]", "y = 3x + 4", r"\$24.60", "58,300", "144", ".0425",
    r"\frac 27",
]  # fmt: skip
NUMBER = re.compile(r"[0-9]+(?:,(?:\\! ?)?[0-9]{3})*(?:\.[0-9]+)?|\.[0-9]+")
FACTORS = (
    r"\\pi(?![a-z])", r"\\sqrt\{[^{}]*\}", r"\\sqrt[0-9]", r"\^\{?(?:\\circ|[0-9]+)\}?", r"_\{?[0-9]+\}?",
    r"(?<![0-9_^{,.])[0-9]+(?= ?(?:\\sqrt|\\pi|\\frac|[a-zA-Z(]))", r"(?<=[0-9])[a-zA-Z](?![a-zA-Z{])",
)  # fmt: skip
BRACKETS = re.compile(r"(\\left)?([(\[])(.*?)((?:\\right)?)([)\]])", re.DOTALL)
MATRIX = re.compile(r"\\begin\{pmatrix\}(.*)\\end\{pmatrix\}", re.DOTALL)
OTHER_END = {"(": "[", "[": "(", ")": "]", "]": ")"}


def wrong_replies(gold: str) -> list[tuple[str, str]]:
    """(kind, reply), each reply once."""
    makers = (numbers, signs, factors, neighbours, orders, ends)
    found = {reply.strip(): make.__name__ for make in reversed(makers) for reply in make(gold)}
    return [(kind, reply) for reply, kind in reversed(found.items()) if reply and reply != gold]


def numbers(gold: str) -> Iterator[str]:
    """Those that stand in it, alone."""
    for found in NUMBER.findall(gold):
        yield re.sub(r"[, !\\]", "", found)


def signs(gold: str) -> Iterator[str]:
    yield gold[1:] if gold.startswith("-") else f"-{gold}"
    for found in re.finditer(r"(?<=[^{\s])\s*([+-])(?=\s*[0-9\\a-zA-Z(])", gold):
        other = "-" if found[1] == "+" else "+"
        yield f"{gold[: found.start(1)]}{other}{gold[found.end(1) :]}"
    if "\\pm" in gold:
        yield from (gold.replace("\\pm", sign) for sign in "+-")


def factors(gold: str) -> Iterator[str]:
    """One dropped."""
    for pattern in FACTORS:
        for found in re.finditer(pattern, gold):
            yield gold[: found.start()] + gold[found.end() :]


def neighbours(gold: str) -> Iterator[str]:
    """One number moved by the least."""
    for found in NUMBER.finditer(gold):
        digits = found[0]
        if digits.isdigit():
            others = [str(int(digits) + step) for step in (1, -1) if int(digits) + step >= 0]
        else:
            others = [digits[:-1] + str((int(digits[-1]) + step) % 10) for step in (1, 9)]
        yield from (gold[: found.start()] + other + gold[found.end() :] for other in others)


def orders(gold: str) -> Iterator[str]:
    """A list, a pair or a matrix with its values in another order, one less and one more."""
    around, inside, sign = taken_apart(gold)
    values = [value.strip() for value in inside.split(sign)] if sign else []
    if len(values) > 1:
        for others in ([*values[1:], values[0]], values[1:], values[:-1], [*values, "7"]):
            yield around.format(f" {sign} ".join(others))


def ends(gold: str) -> Iterator[str]:
    """Open for closed at one end."""
    if "," in gold:
        for found in re.finditer(r"[()\[\]]", gold):
            yield gold[: found.start()] + OTHER_END[found[0]] + gold[found.end() :]


def taken_apart(gold: str) -> tuple[str, str, str]:
    """What is around its values, the values, and the sign between them; no sign where it has none."""
    if found := MATRIX.fullmatch(gold):
        return r"\begin{{pmatrix}} {} \end{{pmatrix}}", found[1], r"\\"
    if "\\cup" in gold:
        return "{}", gold, r"\cup"
    if (found := BRACKETS.fullmatch(gold)) and "," in found[3]:
        begin, bracket, _, end, closing = found.groups(default="")
        return f"{begin}{bracket}{{}}{end}{closing}", found[3], ","
    is_list = "," in gold and not NUMBER.fullmatch(gold.removeprefix("\\$"))
    return "{}", gold, "," if is_list and not re.search(r"[(\[{]", gold) else ""
