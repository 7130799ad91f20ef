"""A chat template is a stranger's program: it renders what transformers renders, or becomes one line."""

from __future__ import annotations

import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from tests.text.chat.test_chat import SMOLLM2_TEMPLATE, byte_tokenizer

from straw.errors import ModelError
from straw.text.chat.chat import Chat
from straw.text.chat.chat_template import MOST, RENDERER, rendered
from straw.text.chat.chat_template_worker import MEMORY, WORK_S, address_space, answered
from straw.types import Message

HI = (("user", "hi"),)
TOKENS = (("bos_token", "<s>"), ("eos_token", "</s>"))
SOUND = {
    "smollm2": SMOLLM2_TEMPLATE,
    "llama": "{{ bos_token }}{% for m in messages %}{{ '<' + m['role'] }}\n{{ m['content'] | trim }}\n{% endfor %}",
    "blocks": "{% for m in messages -%}\n  {% generation %}{{ m.content }}{% endgeneration %}\n{%- endfor %}\n",
    "json": "{{ messages | tojson }}{% if add_generation_prompt is defined and add_generation_prompt %}>{% endif %}",
    "loops": "{% for m in messages %}{% if loop.index > 1 %}{% break %}{% endif %}{{ m.role }}{% endfor %}",
    "spaces": "{% set ns = namespace(n=0) %}{% for m in messages %}{% set ns.n = ns.n + 1 %}{% endfor %}{{ ns.n }}",
    "é": "{{ messages[0]['content'] | upper }} é 🙂 {{ eos_token }}",
}


def test_a_system_that_does_not_tell_how_much_memory_is_taken_sets_no_limit() -> None:
    """macOS has no /proc; templates are rendered there all the same, and stopped by their clock."""
    assert address_space("/proc/nowhere") + MEMORY == sys.maxsize
    assert not sys.platform.startswith("linux") or 0 < address_space() < sys.maxsize - MEMORY


@pytest.mark.parametrize("name", SOUND)
@pytest.mark.parametrize("speak", [True, False])
def test_a_template_writes_what_transformers_writes(name: Any, speak: bool) -> None:
    tokenizer = byte_tokenizer(SOUND[name], start="<s>")
    messages = (("system", "Be brief."), ("user", " hi é\n"), ("assistant", '"7"'))
    tokens = tuple((key, str(token)) for key, token in tokenizer.special_tokens_map.items())
    spoken = [{"role": role, "content": content} for role, content in messages]
    expected = tokenizer.apply_chat_template(spoken, add_generation_prompt=speak, tokenize=False)
    assert rendered(SOUND[name], messages, speak, tokens) == expected


NESTED = "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}"
HOSTILE = {
    "two loops": (NESTED, "took more than two seconds of work"),
    "a long range": ("{% for i in range(10**9) %}x{% endfor %}", "OverflowError"),
    "a large number": ("{{ 9**(9**9) }}", "took more than two seconds of work|MemoryError|ValueError"),
    "a long text": ("{{ 'a' * 10**10 }}", "MemoryError"),
    "ever longer texts": (
        "{% set ns = namespace(s='aaaaaaaaaa') %}{% for i in range(60) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}",
        "MemoryError|took more",
    ),
    "a wide format": ("{{ '%99999999999d' | format(1) }}", "MemoryError|ValueError|OverflowError"),
    "itself": ("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", "RecursionError"),
    "more than may be written": ("{{ 'a' * 2000000 }}", "it writes 2,000,000 characters"),
    "nonsense": ("{{", "TemplateSyntaxError"),
    "a missing name": ("{{ messages[7]['content'] }}", "UndefinedError"),
    "a division": ("{{ 1 / 0 }}", "ZeroDivisionError"),
    "a way out": ("{{ messages.__class__.__mro__[1].__subclasses__() }}", "SecurityError"),
    "two lines": ("{{ raise_exception('first\nsecond') }}", "refuses a conversation of user: first second"),
}


ENDED = ("a large number", "ever longer texts")  # with their process, and the next one takes a second to begin


@pytest.mark.parametrize("kind", [pytest.param(kind, marks=[pytest.mark.slow] * (kind in ENDED)) for kind in HOSTILE])
def test_a_template_without_end_or_bottom_is_one_line(kind: Any) -> None:
    template, said = HOSTILE[kind]
    began = time.monotonic()
    with pytest.raises(ModelError, match=said) as caught:
        rendered(template, HI, True, TOKENS)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 600
    assert time.monotonic() - began < 60  # two seconds of work, on a busy machine
    assert rendered("{{ eos_token }}", (*HI, ("assistant", kind)), True, TOKENS) == "</s>"  # and the next one is served


@pytest.mark.slow
def test_a_template_that_waits_for_the_right_moment_is_stopped_then(monkeypatch: pytest.MonkeyPatch) -> None:
    """The probes of a chat pass, and a prompt of a certain word does not."""
    template = SMOLLM2_TEMPLATE + "{% if 'secret' in messages[-1]['content'] %}" + NESTED + "{% endif %}"
    chat = Chat(byte_tokenizer(template))
    assert chat.opening([Message("user", "hi")])
    with pytest.raises(ModelError, match="took more than two seconds of work"):
        chat.opening([Message("user", "the secret")])


def test_a_template_as_long_as_a_book_is_refused_unread() -> None:
    with pytest.raises(ModelError, match="has 1,048,577 characters"):
        rendered("a" * (MOST + 1), HI, True, TOKENS)


def test_our_own_templates_need_no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RENDERER, "ask", lambda question: pytest.fail("somebody asked"))
    from straw.text.chat.character_tokenizer import character_tokenizer

    assert Chat(character_tokenizer()).opening([Message("user", "hi")])
    assert Chat(byte_tokenizer(None)).opening([Message("user", "hi")])


def test_threads_get_each_their_own_answer() -> None:
    template = "{{ messages[0]['content'] }}!"
    with ThreadPoolExecutor(8) as threads:
        said = threads.map(lambda n: rendered(template, (("user", f"thread {n}"),), True, ()), range(64))
        assert list(said) == [f"thread {n}!" for n in range(64)]


@pytest.mark.slow
def test_a_process_that_was_killed_is_replaced() -> None:
    assert rendered("{{ 1 }}", HI, True, ()) == "1"
    assert RENDERER._process is not None
    RENDERER._process.kill()
    RENDERER._process.wait()
    assert rendered("{{ 2 }}", HI, True, ()) == "2"


@pytest.mark.slow
def test_a_forked_process_starts_its_own() -> None:
    assert rendered("{{ 4 }}", HI, True, ()) == "4"
    reader, writer = os.pipe()
    if not (pid := os.fork()):
        try:
            os.write(writer, rendered("{{ 5 }}", HI, True, ()).encode())
            RENDERER.close()
        finally:
            os._exit(0)
    os.close(writer)
    assert os.read(reader, 10) == b"5"
    os.waitpid(pid, 0)
    os.close(reader)
    assert rendered("{{ 6 }}", HI, True, ()) == "6"


def test_as_much_as_may_be_written_may_be_written() -> None:
    """By the process itself, with a limit of five characters."""

    def renders(**asked: Any) -> tuple[list[str], None]:
        return [asked["conversations"][0][0]["content"]], None

    def said(text: str) -> dict[str, str]:
        messages = [{"role": "user", "content": text}]
        return answered(renders, {"template": "", "messages": messages, "speak": True, "tokens": {}}, 5)

    assert said("five!") == {"text": "five!"}
    assert said("sixsix") == {"failed": "it writes 6 characters"}


def test_what_a_program_raises_is_said_in_a_line_even_where_it_says_nothing() -> None:
    class TemplateError(Exception):
        pass

    def said(error: Exception) -> dict[str, str]:
        def renders(**asked: Any) -> None:
            raise error

        return answered(renders, {"template": "", "messages": [], "speak": True, "tokens": {}}, 5)

    assert said(ValueError()) == {"failed": "ValueError: it says nothing"}
    assert said(ValueError("a\n b")) == {"failed": "ValueError: a b"}
    assert said(TemplateError("not so")) == {"refused": "not so"}
    assert said(ValueError("x" * 400)) == {"failed": f"ValueError: {'x' * 300}"}


def test_a_template_of_a_million_characters_is_rendered_and_no_answer_is_told_as_too_much_work(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert (MOST, WORK_S, MEMORY) == (1024 * 1024, 2.0, 1024**3)
    monkeypatch.setattr(RENDERER, "answer", lambda question: {"text": "hi"})
    assert rendered("a" * MOST, HI, True, TOKENS) == "hi"
    monkeypatch.setattr(RENDERER, "answer", lambda question: None)
    with pytest.raises(ModelError, match=r"cannot be rendered \(it took more than two seconds of work\)"):
        rendered("b", HI, True, TOKENS)
