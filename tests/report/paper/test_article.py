"""An article says what the report says, and nothing of what was not measured."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import pytest
from tests.made_runs import write_run
from tests.made_studies import make_accuracy_run, make_study

from straw.report.figures.all import figures_of
from straw.report.figures.drawing.figure import Figure, Table
from straw.report.paper.article import article
from straw.report.paper.blocks import Block, Heading, Items, Lines, Paragraph, Shown
from straw.report.study.analysis import Study, studied
from straw.report.study.load_runs import gathered
from straw.report.study.verdicts import verdicts_of


def article_on(folder: Path) -> list[Block]:
    study = studied(gathered([folder]))
    return article(study, figures_of(study))


def sentences(blocks: list[Block]) -> list[str]:
    return [text for block in blocks if isinstance(block, Items) for text in block.texts]


def paragraphs(blocks: list[Block]) -> str:
    return "\n".join(block.text for block in blocks if isinstance(block, Paragraph | Lines))


def test_every_verdict_of_the_report_is_there_once(study: Study, figures: list[Figure]) -> None:
    blocks = article(study, figures)
    told = [*sentences(blocks), *(block.text for block in blocks if isinstance(block, Paragraph))]
    for verdict in verdicts_of(study):
        assert told.count(verdict.text) == 1, verdict.text


def test_it_has_its_parts_in_order(study: Study, figures: list[Figure]) -> None:
    heads = [block.text for block in article(study, figures) if isinstance(block, Heading) and block.level == 2]
    assert heads == ["Question", "Method", "What was found", "Limits", "How to do it again"]


def test_every_figure_that_can_be_drawn_is_shown(study: Study, figures: list[Figure]) -> None:
    shown = [block.figure.name for block in article(study, figures) if isinstance(block, Shown)]
    assert shown == [figure.name for figure in figures if figure.panels] != []


def test_the_law_stands_there_where_there_is_a_ledger_of_a_secret(tmp_path: Path) -> None:
    make_study(tmp_path / "game", {16: [30, 40]})
    assert "Markov's inequality" in paragraphs(article_on(tmp_path / "game"))
    make_accuracy_run(tmp_path / "other" / "run", 0.5)
    told = paragraphs(article_on(tmp_path / "other"))
    assert "Markov's inequality" not in told and "A secret number" not in told and "held-out problems" in told


def test_few_runs_are_said_to_be_few(tmp_path: Path) -> None:
    make_study(tmp_path / "one", {16: [30]}, cap=100)
    assert "one run of each condition" in paragraphs(article_on(tmp_path / "one"))
    make_study(tmp_path / "three", {16: [30, 40, 50]}, cap=100)
    assert "1 of 1 condition has too few independent runs" in paragraphs(article_on(tmp_path / "three"))
    make_study(tmp_path / "six", {16: [30, 40, 50, 60, 70, 80]}, cap=100)
    assert "too few" not in paragraphs(article_on(tmp_path / "six"))


def test_runs_that_measured_nothing_are_said_nothing_of(tmp_path: Path) -> None:
    write_run(tmp_path / "young", [], N=16, done=False, learning_rate=1e-3)
    blocks = article_on(tmp_path)
    assert paragraphs(blocks).count("measured nothing yet") == 2
    assert not any(isinstance(block, Shown) for block in blocks)
    assert all("scale" not in text for text in sentences(blocks))


def test_hashes_are_those_of_the_files(tmp_path: Path) -> None:
    make_study(tmp_path, {16: [30, 40]})
    (table,) = [one for one in article_on(tmp_path) if isinstance(one, Table) and one.caption == "The runs"]
    for name, *_, config, rollouts in table.rows:
        for file, said in (("config.toml", config), ("rollouts.jsonl", rollouts)):
            assert sha256((tmp_path / name / file).read_bytes()).hexdigest().startswith(said)


def test_what_was_left_out_and_cannot_be_drawn_is_among_the_limits(study: Study, figures: list[Figure]) -> None:
    told = sentences(article(study, figures))
    assert any(text.startswith("Left out: binary-N-16-6") for text in told)
    assert any(text.startswith("Controls: ") for text in told)


def test_no_part_of_an_article_depends_on_when_it_is_written(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    before = article(study, [])
    monkeypatch.setattr("time.time", lambda: 4e9)
    assert article(study, []) == before
