from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast

from straw.errors import ModelError
from straw.text.chat.character_tokenizer import CHAT_TEMPLATE, SPECIALS, character_tokenizer
from straw.text.chat.chat import PLAIN_TEMPLATE, Chat, by_hand, first_line, unused_character
from straw.types import Message

SMOLLM2_TEMPLATE = (
    "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}"
    "{{ '<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n' }}"
    "{% endif %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
SMOLLM2_SYSTEM = "<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n"


def byte_tokenizer(
    template: str | None, eos: str | None = "<|endoftext|>", start: str | None = None, adds_start: Any = False
) -> Any:
    """Bytes with two merges, "37" and a double newline, and the control tokens of SmolLM2."""
    vocabulary = {byte: index for index, byte in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
    merges = [("3", "7"), ("Ċ", "Ċ")]
    vocabulary |= {"".join(pair): len(vocabulary) + index for index, pair in enumerate(merges)}
    core = Tokenizer(models.BPE(vocab=vocabulary, merges=merges))
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    names = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<s>"]
    core.add_special_tokens([AddedToken(name, special=True, normalized=False) for name in names])
    if adds_start:
        core.post_processor = processors.TemplateProcessing(
            single="<s> $A", special_tokens=[("<s>", core.token_to_id("<s>"))]
        )
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=core, eos_token=eos, bos_token=start)
    tokenizer.chat_template = template
    return tokenizer


CHARACTERS = Chat(character_tokenizer())
SMOLLM2 = Chat(byte_tokenizer(SMOLLM2_TEMPLATE))
PLAIN = Chat(byte_tokenizer(None))
CHATS = pytest.mark.parametrize("chat", [CHARACTERS, SMOLLM2, PLAIN], ids=["characters", "smollm2", "plain"])
TEXTS = st.text(max_size=30) | st.sampled_from(
    ["", " ", "\n", "37", "\n\n37", "é漢🙂", "<|im_end|>", "<|end|><|user|>"]
)


def user(text: str) -> Message:
    return Message("user", text)


def shown(chat: Chat, tokens: tuple[int, ...]) -> str:
    return chat.tokenizer.decode(list(tokens))


def names(chat: Chat, tokens: tuple[int, ...]) -> list[str]:
    return chat.tokenizer.convert_ids_to_tokens(list(tokens))


def test_the_first_prompt_ends_where_the_assistant_speaks() -> None:
    assert names(CHARACTERS, CHARACTERS.opening([user("hi")])) == ["<|user|>", "h", "i", "<|end|>", "<|assistant|>"]
    opening = SMOLLM2.opening([user("hi")])
    assert shown(SMOLLM2, opening) == SMOLLM2_SYSTEM + "<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n"


def test_a_continuation_is_what_stands_behind_the_end_of_a_reply() -> None:
    assert names(CHARACTERS, CHARACTERS.continuation(user("no"))) == ["<|user|>", "n", "o", "<|end|>", "<|assistant|>"]
    continuation = shown(SMOLLM2, SMOLLM2.continuation(user("no")))
    assert continuation == "\n<|im_start|>user\nno<|im_end|>\n<|im_start|>assistant\n"


def test_without_a_template_the_conversation_is_plain_text() -> None:
    opening = PLAIN.opening([Message("system", "Be brief."), user("Secret?")])
    assert shown(PLAIN, opening) == "System: Be brief.\nUser: Secret?\nAssistant:"
    assert shown(PLAIN, PLAIN.continuation(user("Wrong."))) == "\nUser: Wrong.\nAssistant:"
    assert names(PLAIN, PLAIN.encode_reply("37")) == ["37", "<|endoftext|>"]


@CHATS
@given(question=TEXTS, reply=TEXTS, answer=TEXTS)
def test_prompt_reply_and_continuation_read_like_the_whole_conversation(
    chat: Chat, question: str, reply: str, answer: str
) -> None:
    end = "<|endoftext|>" if chat is PLAIN else ""  # the plain template has none; the reply brings the tokenizer's
    parts = (*chat.opening([user(question)]), *chat.encode_reply(reply), *chat.continuation(user(answer)))
    whole = [user(question), Message("assistant", reply + end), user(answer)]
    assert shown(chat, parts) == chat.tokenizer.apply_chat_template(
        [message._asdict() for message in whole],
        chat_template=chat.template,
        add_generation_prompt=True,
        tokenize=False,
    )


@CHATS
@given(text=TEXTS)
def test_every_reply_comes_back_and_ends_once(chat: Chat, text: str) -> None:
    reply = chat.encode_reply(text)
    assert chat.decode(reply) == text
    assert [token for token in reply if token in chat.closes] == [chat.end]


@given(text=TEXTS)
def test_a_message_cannot_end_its_own_turn(text: str) -> None:
    opening = SMOLLM2.opening([user(text)])
    continuation = SMOLLM2.continuation(user(text))
    assert names(SMOLLM2, opening).count("<|im_end|>") == 2  # system, user
    assert names(SMOLLM2, continuation).count("<|im_end|>") == 1
    assert f"user\n{text}<|im_end|>" in shown(SMOLLM2, opening)


def test_a_reply_is_not_merged_with_what_stands_before_it() -> None:
    reply = SMOLLM2.encode_reply("\n")
    assert names(SMOLLM2, (*SMOLLM2.opening([user("?")]), *reply))[-3:] == ["Ċ", "Ċ", "<|im_end|>"]


def test_the_end_of_turn_and_the_end_of_text_both_close_a_reply() -> None:
    ids = SMOLLM2.tokenizer.convert_tokens_to_ids
    assert ids("<|im_end|>") == SMOLLM2.end
    assert {ids("<|im_end|>"), ids("<|endoftext|>")} == SMOLLM2.closes
    assert Chat(SMOLLM2.tokenizer, extra_stop=(7,)).closes == SMOLLM2.closes | {7}


def test_only_the_token_that_closes_a_reply_is_left_out_of_its_text() -> None:
    ids = CHARACTERS.tokenizer.convert_tokens_to_ids
    seven, pad, end = ids(["7", "<|pad|>", "<|end|>"])
    assert CHARACTERS.decode((seven, seven, end)) == "77"
    assert CHARACTERS.decode((seven, seven)) == "77"  # cut off by a limit
    assert CHARACTERS.decode((pad, seven, end)) == "<|pad|>7"
    assert CHARACTERS.decode((end,)) == CHARACTERS.decode(()) == ""


@pytest.mark.parametrize("written_by", ["template", "tokenizer", "both"])
def test_the_start_token_stands_there_once(written_by: str) -> None:
    template = "{{ bos_token }}" * (written_by != "tokenizer") + SMOLLM2_TEMPLATE
    chat = Chat(byte_tokenizer(template, start="<s>", adds_start=written_by != "template"))
    opening = names(chat, chat.opening([user("hi")]))
    assert (opening[0], opening.count("<s>")) == ("<s>", 1)
    assert "<s>" not in names(chat, (*chat.encode_reply("7"), *chat.continuation(user("no"))))


def test_a_start_token_that_nobody_wants_is_not_there() -> None:
    chat = Chat(byte_tokenizer(SMOLLM2_TEMPLATE, start="<s>"))
    assert "<s>" not in names(chat, chat.opening([user("hi")]))


def test_a_prompt_is_the_same_on_another_day() -> None:
    chat = Chat(byte_tokenizer("{{ strftime_now('%d %b %Y') }}\n" + SMOLLM2_TEMPLATE))
    assert shown(chat, chat.opening([user("hi")])).startswith("26 Jul 2024\n")


def test_a_template_that_hides_replies_is_refused() -> None:
    with pytest.raises(ModelError, match="does not show the reply as it is"):
        Chat(byte_tokenizer("{% for message in messages %}{{ message['content'] | upper }}{% endfor %}"))


def test_a_tokenizer_without_any_end_token_is_refused() -> None:
    with pytest.raises(ModelError, match="has neither an eos_token nor an end of turn"):
        Chat(byte_tokenizer(None, eos=None))


def test_what_a_template_refuses_is_said_in_its_own_words() -> None:
    refusal = "{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
    chat = Chat(byte_tokenizer(refusal + SMOLLM2_TEMPLATE))
    with pytest.raises(ModelError, match="a conversation of system, user: System role not supported"):
        chat.opening([Message("system", "Be brief."), user("hi")])


def test_the_embedded_tokenizer_has_no_token_a_message_could_smuggle_in() -> None:
    opening = CHARACTERS.opening([user("".join(SPECIALS))])
    assert names(CHARACTERS, opening)[1:-2] == list("".join(SPECIALS))


def test_threads_that_speak_at_once_read_what_each_would_read_alone() -> None:
    """A generator that runs ahead opens conversations while the trainer spells out replies."""
    chat = Chat(character_tokenizer())
    asked, replied = [Message("user", "Bit 2?")], "12 <|end|>"
    alone = chat.opening(asked), chat.encode_reply(replied)

    def mistakes(what: int) -> int:
        says = (lambda: chat.opening(asked), lambda: chat.encode_reply(replied))[what]
        return sum(says() != alone[what] for _ in range(1500))

    with ThreadPoolExecutor(4) as threads:
        assert sum(threads.map(mistakes, (0, 1, 0, 1))) == 0


@given(
    st.sampled_from([CHAT_TEMPLATE, PLAIN_TEMPLATE]),
    st.lists(st.tuples(st.sampled_from(["system", "user", "assistant", "straße x"]), TEXTS), min_size=1, max_size=4),
    st.booleans(),
)
def test_templates_of_our_own_are_written_as_jinja_writes_them(
    template: str, said: list[tuple[str, str]], speak: bool
) -> None:
    messages = [{"role": role, "content": content} for role, content in said]
    theirs = character_tokenizer().apply_chat_template(
        messages, chat_template=template, add_generation_prompt=speak, tokenize=False
    )
    assert by_hand(template, messages, speak) == theirs


TOOLS_TEMPLATE = (
    "{% if tools is not none %}{{ '<|im_start|>system\n' + (tools | tojson) + '<|im_end|>\n' }}{% endif %}"
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' }}"
    "{% if message.tool_calls %}{% for call in message.tool_calls %}"
    "{{ '<call>' + (call['function'] | tojson) + '</call>' }}{% endfor %}"
    "{% else %}{{ message['content'] }}{% endif %}{{ '<|im_end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)


def test_a_template_with_a_place_for_tools_writes_them_and_none_where_there_are_none() -> None:
    chat = Chat(byte_tokenizer(TOOLS_TEMPLATE))
    assert chat.takes_tools and not SMOLLM2.takes_tools and not PLAIN.takes_tools
    asked = [{"role": "user", "content": "hi"}]
    bare = "<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n"
    assert chat.decode(chat.opening_with_tools(asked, [])) == bare
    tools = [{"name": "look", "says": "<|im_end|> is no end"}]
    tokens = chat.opening_with_tools(asked, tools)
    system = '<|im_start|>system\n[{"name": "look", "says": "<|im_end|> is no end"}]<|im_end|>\n'
    assert chat.decode(tokens).replace("\\u003c", "<").replace("\\u003e", ">") == system + bare
    assert sum(token in chat.controls for token in tokens) == 5  # what a tool mentions is none


def test_a_call_is_written_up_to_the_end_of_the_turn_and_a_result_behind_it() -> None:
    chat = Chat(byte_tokenizer(TOOLS_TEMPLATE))
    written = chat.call_as_written("look", {"a": 1})
    assert written == '<call>{"name": "look", "arguments": {"a": 1}}</call>'
    heard = chat.results([{"role": "tool", "name": "look", "content": "<|im_end|>7"}])
    assert chat.decode(heard) == "\n<|im_start|>tool\n<|im_end|>7<|im_end|>\n<|im_start|>assistant\n"
    assert sum(token in chat.controls for token in heard) == 3
    several = [{"role": "tool", "name": "look", "content": text} for text in ("7", "8")]
    assert SMOLLM2.results(several) == SMOLLM2.continuation(Message("user", "7\n8"))


def test_results_are_remembered_and_forgotten_all_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    chat, made = Chat(byte_tokenizer(SMOLLM2_TEMPLATE)), list[str]()
    monkeypatch.setattr(chat, "_results", lambda messages: made.append(messages[0]["content"]) or (1,))
    for number in range(4096):
        chat.results([{"role": "tool", "name": "a", "content": str(number)}])
    chat.results([{"role": "tool", "name": "a", "content": "0"}])
    chat.results([{"role": "tool", "name": "b", "content": "0"}])
    assert len(made) == 4097 and len(chat.known_results) == 1
    chat.results([{"role": "tool", "name": "a", "content": "0"}])
    assert len(made) == 4098


def test_a_conversation_is_written_up_to_where_the_assistant_speaks_or_not() -> None:
    assert CHARACTERS.written([user("hi")]) == "<|user|>hi<|end|><|assistant|>"
    assert CHARACTERS.written([user("hi")], speak=False) == "<|user|>hi<|end|>"
    assert (
        PLAIN.written([user("hi")]) == "User: hi\nAssistant:" and PLAIN.written([user("hi")], speak=False) == "User: hi"
    )


def test_a_marker_is_one_in_words_put_into_the_mouth_and_in_no_others() -> None:
    assert names(CHARACTERS, CHARACTERS.begun("a<|end|>")) == ["a", "<|end|>"]
    assert names(CHARACTERS, CHARACTERS.encode("a<|end|>")) == list("a<|end|>")
    assert names(CHARACTERS, CHARACTERS.encode_reply("a<|end|>")) == [*"a<|end|>", "<|end|>"]


def test_a_bare_text_begins_with_the_start_token_and_is_never_empty() -> None:
    assert names(CHARACTERS, CHARACTERS.encode("")) == ["<|end|>"] and names(PLAIN, PLAIN.encode("37")) == ["37"]
    chat = Chat(byte_tokenizer(SMOLLM2_TEMPLATE, start="<s>", adds_start=True))
    assert names(chat, chat.encode("37")) == ["<s>", "37"] and names(chat, chat.encode("")) == ["<s>"]


@pytest.mark.parametrize("written_by", ["template", "tokenizer", "both"])
def test_the_start_token_stands_there_once_with_tools_too(written_by: str) -> None:
    template = "{{ bos_token }}" * (written_by != "tokenizer") + TOOLS_TEMPLATE
    chat = Chat(byte_tokenizer(template, start="<s>", adds_start=written_by != "template"))
    opening = names(chat, chat.opening_with_tools([{"role": "user", "content": "hi"}], [{"name": "look"}]))
    assert (opening[0], opening.count("<s>")) == ("<s>", 1)


def test_a_template_that_hides_the_arguments_of_a_call_or_ends_no_turn_takes_no_results() -> None:
    hiding = TOOLS_TEMPLATE.replace("(call['function'] | tojson)", "call['function']['name']")
    endless = TOOLS_TEMPLATE.replace(
        "{{ '<|im_end|>\n' }}", "{{ '<|im_end|>' if not message.tool_calls and 'A7' in message['content'] }}"
    )
    for template in (hiding, endless):
        chat = Chat(byte_tokenizer(template))
        with pytest.raises(ModelError, match="write tool_form=plain"):
            chat.results([{"role": "tool", "name": "look", "content": "7"}])


def test_a_private_character_is_one_that_no_message_has() -> None:
    assert unused_character([]) == "\ue000" and unused_character([user("a\ue001"), user("\ue000")]) == "\ue002"
    assert unused_character([user("".join(map(chr, range(0xE000, 0xF8FF))))]) == "\uf8ff"


def test_an_error_is_its_first_line_of_three_hundred_characters_or_its_kind() -> None:
    assert first_line(ValueError("one\ntwo")) == "one" and first_line(OSError()) == "OSError"
    assert first_line(ValueError("x" * 400)) == "x" * 300
