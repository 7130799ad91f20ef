"""A card tells what the run's folder tells, in words that do nothing; a Modelfile says how a model is spoken to."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any

import pytest
from markdown_it import MarkdownIt
from tests.made_runs import write_run
from tests.test_gguf import made, sentencepiece

from straw.config import Page, load_page
from straw.engines.local.models.resolve import load_model
from straw.export.base_licence import base_licence
from straw.export.model_card import model_card, pathless
from straw.export.serving import known_form, modelfile
from straw.runs.reading import ABOUT
from straw.text.chat.chat import Chat
from straw.text.shown.markdown import code
from straw.types import Message

ROWS = [
    {"step": step, "episodes": 8 * step, "time_s": 1.0, "accuracy": right, "accuracy_low": low, "accuracy_high": high,
     "ledger/offered_bits": 0.3 * step}
    for step, right, low, high in ((0, 0.09, 0.05, 0.16), (5, 0.5, 0.4, 0.6), (10, 0.89, 0.81, 0.94))
]  # fmt: skip
EVIL = [
    "<script>alert(1)</script>", "[click](javascript:alert(1))", "![x](http://evil.example/x.png)", "`</code><b>`",
    "``` \n# owned\n```", "a\x1b]52;c;aGk=\x07b", "\u202egnp.exe", "www.evil.example me@evil.example http://evil.example",
    "\n\n---\nlicense: mit\n---\n| a |\n|---|", "``", " ", "",
]  # fmt: skip


def card_of(run: Path, step: int = 10, **others: Any) -> str:
    (weights := run.parent / "it.gguf").write_bytes(b"weights")
    return model_card(run, step, {"it.gguf": weights}, ["llama-cli -m it.gguf"], library="gguf", **others)


def test_a_card_tells_where_the_weights_come_from_and_what_they_can_do(tmp_path: Path) -> None:
    run = write_run(tmp_path / "mine", ROWS, kind="sum_digits", seed=7, learning_rate=0.25, model_name="tiny-1M")
    card = card_of(run)
    assert card.startswith("---\nlibrary_name: gguf\n") and "# `mine`" in card and "- base model: `tiny-1M`" in card
    assert "accuracy on held-out problems: 0.09 (0.05 to 0.16) at step 0, then 0.89 (0.81 to 0.94) at step 10" in card
    assert "- sampled at `temperature 1.0`" in card and "llama-cli -m it.gguf" in card
    assert "- `seed`: `7`" in card and "- `learning_rate`: `0.25`" in card and "`beta1`" not in card
    for path in (tmp_path / "it.gguf", run / "rollouts.jsonl", run / "config.toml"):
        assert f"- `{path.name}`: `{hashlib.sha256(path.read_bytes()).hexdigest()}`" in card
    assert f"straw resume {run}" in card and f"straw train {run}/config.toml run_dir=runs/again" in card
    assert "made by straw from a config and a seed" in card and "nobody has tested whether it is safe" in card
    assert re.search(r"- offered by the rewards.*: `3\.00 bits`", card)
    assert re.search(r"- with: `straw \S+, torch ", card)


def test_a_card_of_an_earlier_checkpoint_says_what_was_measured_by_then(tmp_path: Path) -> None:
    card = card_of(write_run(tmp_path / "mine", ROWS, kind="sum_digits"), step=5)
    assert "then 0.50 (0.40 to 0.60) at step 5" in card and "0.89" not in card
    assert "up to step 5:" in card and "`1.50 bits`" in card and "not known: answers cannot be listed" in card


def test_bits_come_from_probabilities_and_a_run_that_measured_nothing_says_nothing(tmp_path: Path) -> None:
    rows = [{"step": step, "episodes": step, "time_s": 1.0, "bits_known": 2.5 * step} for step in (0, 2)]
    card = card_of(write_run(tmp_path / "a", rows))
    assert "bits known of the answer of 6.00: 0.00 at step 0, then 5.00 at step 2" in card
    assert "Before and after\n" not in card_of(write_run(tmp_path / "b"))


def rendered(card: str) -> str:
    """As a site would show it, links without any brackets found too."""
    return MarkdownIt("gfm-like", {"linkify": False, "html": True}).render(card.split("---\n", 2)[2])


@pytest.mark.parametrize("evil", EVIL)
def test_words_of_a_stranger_do_nothing_in_a_card(tmp_path: Path, evil: str) -> None:
    """Names of the run, of its model and task, of options, and of the machine."""
    name = evil.replace("/", "|").replace("\0", "") or "none"
    run = write_run(tmp_path / name[:60], ROWS, kind="sum_digits")
    config = run / "config.toml"
    text = config.read_text().replace('model_name = "tiny-1M"', f"model_name = {json.dumps(evil)}")
    config.write_text(text.replace('question = ""', f"question = {json.dumps(evil)}"))
    about = json.loads((run / ABOUT).read_text())
    about["machine"]["processor"], about["versions"]["torch"] = evil, evil
    (run / ABOUT).write_text(json.dumps(about))
    card = card_of(run)
    assert card.isprintable() or set(card) - {"\n"} == {one for one in card if one.isprintable()}
    page = rendered(card)
    assert not re.search(r"<(script|img|a|b|table|hr)\b", page), page
    assert len(re.findall(r"<h1", page)) == 1
    assert "\nlicense:" not in card


@pytest.mark.parametrize("evil", EVIL)
def test_a_code_span_shows_every_character_and_ends_where_it_should(evil: str) -> None:
    tokens = MarkdownIt("commonmark").parseInline(f"- {code(evil)}: rest")[0].children or []
    assert [one.type for one in tokens] == ["text", "code_inline", "text"]
    assert tokens[2].content == ": rest" and tokens[1].content.strip().replace(" ", "")[:5] == visible_start(evil)


def visible_start(text: str) -> str:
    return json.dumps(text, ensure_ascii=True)[1:-1].replace('\\"', '"').strip().replace(" ", "")[:5]


def test_the_licence_is_the_one_that_the_base_models_folder_names(tmp_path: Path) -> None:
    assert base_licence("tiny-1M") is None and base_licence("no/such-model-here") is None
    assert base_licence("~nobody\0/x") is None and base_licence("") is None
    (tmp_path / "LICENSE").write_text("\n  Apache License\nVersion 2.0\n")
    assert base_licence(str(tmp_path)) == "Apache License"
    (tmp_path / "README.md").write_text("---\nlanguage: en\nlicense: 'apache-2.0'\n---\nlicense: mit\n")
    assert base_licence(str(tmp_path)) == "apache-2.0"
    run = write_run(tmp_path / "run", ROWS, kind="sum_digits", model_name=str(tmp_path))
    assert f"`{tmp_path}` says `apache-2.0`" in (card := card_of(run)) and '\nlicense: "apache-2.0"\n' in card
    (tmp_path / "README.md").unlink()
    (tmp_path / "LICENSE").unlink()
    assert "names no licence: look it up" in card_of(run)


def page_with(*words: str) -> Page:
    return load_page(None, dict(word.split("=") for word in words)).page


def test_a_modelfile_speaks_as_the_chat_template_does() -> None:
    chat = Chat(made())
    known = known_form(chat)
    assert known is not None and (known[0].name, known[1]) == ("ChatML", "Be kind.")
    text = modelfile("it.gguf", chat, page_with("temperature=0.7", "max_tokens=12"))
    assert text.startswith('FROM ./it.gguf\nTEMPLATE """{{ range $i, $_ := .Messages }}')
    assert '<|im_start|>{{ .Role }}\n{{ .Content }}{{ if not (and (eq .Role "assistant") $last) }}<|im_end|>\n' in text
    assert 'SYSTEM """Be kind."""' in text and 'PARAMETER stop "<|im_end|>"' in text
    assert "PARAMETER temperature 0.7\n" in text and "PARAMETER num_predict 12\n" in text


def test_other_templates_are_told_apart() -> None:
    straw = known_form(load_model("tiny-0.2M").chat())
    assert straw is not None and (straw[0].name, straw[1]) == ("straw", "")
    assert straw[0].written([Message("user", "7?")]) == "<|user|>7?<|end|><|assistant|>"
    plain = Chat(sentencepiece())  # User: ... Assistant:
    assert known_form(plain) is None and "TEMPLATE" not in modelfile("it.gguf", plain, page_with())


def test_nobody_writes_a_line_of_a_modelfile() -> None:
    tokenizer = made()
    tokenizer.chat_template = tokenizer.chat_template.replace("Be kind.", 'x""" \\nFROM evil')
    assert "evil" not in modelfile("it.gguf", Chat(tokenizer), page_with())
    assert len(modelfile("a\nFROM evil", Chat(made()), page_with()).splitlines()[0]) > 12


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("/home/me/pay.py:f", "pay.py:f"),
        ("~/pay.py:f=0.5", "pay.py:f=0.5"),
        ("env:/home/me/game.py:Game", "env:game.py:Game"),
        ("game=/home/me/mine.py:Game", "game=mine.py:Game"),
        ("openenv:/home/me/server", "openenv:server"),
        ("openenv:http://localhost:8000", "openenv:http://localhost:8000"),
        ("HuggingFaceTB/SmolLM2-135M", "HuggingFaceTB/SmolLM2-135M"),
    ],
)
def test_a_card_for_a_hub_has_the_last_part_of_a_path_wherever_it_stands(value: str, shown: str) -> None:
    assert pathless({"reward": [value]}) == {"reward": [shown]}
