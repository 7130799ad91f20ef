"""Words of a stranger in a page of Markdown."""

from __future__ import annotations

import pytest

from straw.text.shown.markdown import bullets, code, commands, escaped, fenced, quoted, table


def test_a_span_is_cut_behind_four_hundred_characters() -> None:
    assert code("a" * 400) == f"`{'a' * 400}`" and code("a" * 401) == f"`{'a' * 400} ...`"


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("plain", "`plain`"), ("a`b", "``a`b``"), ("a``b`c", "```a``b`c```"), ("`a", "`` `a ``"), ("a`", "`` a` ``"),
        ("", "`  `"), ("  ", "`    `"), (" a ", "`  a  `"), (" a", "` a`"), ("a ", "`a `"), (3, "`3`"),
    ],
)  # fmt: skip
def test_nothing_inside_a_span_ends_it(text: object, span: str) -> None:
    assert code(text) == span


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("[x](http://evil) <b>`", r"\[x\](http&#58;//evil) &lt;b&gt;\`"), ("a_b*c~d|e$f\\", r"a\_b\*c\~d\|e\$f\\"),
        ("mail me@a.b", "mail me&#64;a.b"), ("WWW.evil.org", "www&#46;evil.org"), ("MailTo:a", "MailTo&#58;a"),
        ("javascript:a", "javascript&#58;a"), ("- a", "&#45; a"), ("# a", "&#35; a"), ("12. a", "&#49;&#50;. a"),
        ("12.5 a", "12.5 a"), ("3) a", "&#51;) a"), ("3)", "&#51;)"), ("a - b", "a - b"), (' "a" ', '"a"'),
    ],
)  # fmt: skip
def test_a_sentence_is_no_mark_up(text: str, shown: str) -> None:
    assert escaped(text) == shown


def test_blocks_end_where_we_end_them() -> None:
    assert fenced("a\nb") == "```text\na\nb\n```" and fenced("a```b") == "````text\na```b\n````"
    assert fenced("``") == "```text\n``\n```"
    assert table(["a", "b|"], [["1", "|"]]) == "| a | b\\| |\n| --- | --- |\n| 1 | \\| |"
    assert bullets([("name", "`")]) == "- name: `` ` ``" and commands(["a", "b"]) == "```sh\na\nb\n```"
    assert quoted('é"\n') == '"é\\"\\\\n"'
