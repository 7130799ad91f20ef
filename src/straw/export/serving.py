"""What other programs need to answer as the run did: an ollama Modelfile, and the lines that start each of them.

A chat template is known by what it writes, not by its text: a conversation is written with it, and whichever of the
forms below writes the same is its form. Of any other the Modelfile says nothing: ollama goes by the one in the file.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from shlex import join

from straw.config import Page
from straw.errors import ModelError
from straw.text.chat.chat import Chat
from straw.text.shown.visible import visible
from straw.types import Message

QUESTION = Message("user", "What is 2 + 2?")
TALK = (Message("system", "Be brief."), QUESTION, Message("assistant", "4"), Message("user", "And 3 + 3?"))


@dataclass(frozen=True, slots=True)
class ChatForm:
    """opens + role + between + content + closes, message after message."""

    name: str
    opens: str
    between: str
    closes: str

    def written(self, messages: Sequence[Message]) -> str:
        said = "".join(self.opens + one.role + self.between + one.content + self.closes for one in messages)
        return said + self.opens + "assistant" + self.between

    @property
    def ollama(self) -> str:
        """The same in the language of Go's templates; a conversation that ends with the assistant is gone on with."""
        speak = f"{self.opens}assistant{self.between}"
        return (
            "{{ range $i, $_ := .Messages }}{{ $last := eq (len (slice $.Messages $i)) 1 }}"
            f"{self.opens}{{{{ .Role }}}}{self.between}{{{{ .Content }}}}"
            f'{{{{ if not (and (eq .Role "assistant") $last) }}}}{self.closes}{{{{ end }}}}'
            f'{{{{ if and (ne .Role "assistant") $last }}}}{speak}{{{{ end }}}}'
            "{{ end }}"
        )


FORMS = (
    ChatForm("ChatML", "<|im_start|>", "\n", "<|im_end|>\n"),
    ChatForm("Llama 3", "<|start_header_id|>", "<|end_header_id|>\n\n", "<|eot_id|>"),
    ChatForm("Zephyr", "<|", "|>\n", "</s>\n"),
    ChatForm("straw", "<|", "|>", "<|end|>"),
)


def known_form(chat: Chat) -> tuple[ChatForm, str] | None:
    """The form of a chat template, and the system message that it puts where there is none."""
    start = chat.tokenizer.bos_token or ""
    try:
        talk, bare = (chat.written(said).removeprefix(start) for said in (TALK, (QUESTION,)))
    except ModelError:  # it refuses a system message, or cannot be rendered
        return None
    for form in FORMS:
        asked = form.written((QUESTION,))
        if form.written(TALK) != talk or not bare.endswith(asked):
            continue
        before, system = bare.removesuffix(asked), form.opens + "system" + form.between
        if not before:
            return form, ""
        if before.startswith(system) and before.endswith(form.closes):
            return form, before.removeprefix(system).removesuffix(form.closes)
    return None


def modelfile(gguf: str, chat: Chat, page: Page) -> str:
    """For `ollama create NAME -f Modelfile`, beside the GGUF file of that name."""
    lines = [f"FROM ./{visible(gguf)}"]
    if (known := known_form(chat)) is not None:
        form, system = known
        lines.append(f'TEMPLATE """{form.ollama}"""')
        if system and '"""' not in system:
            lines.append(f'SYSTEM """{visible(system, lines=True)}"""')
    lines += [f"PARAMETER stop {json.dumps(text)}" for text in stop_texts(chat)]
    sampling = page.sampling
    lines += [f"PARAMETER temperature {sampling.temperature:g}", f"PARAMETER top_k {sampling.top_k}",
              f"PARAMETER top_p {sampling.top_p:g}", "PARAMETER min_p 0", "PARAMETER repeat_penalty 1"]  # fmt: skip
    if sampling.max_tokens:
        lines.append(f"PARAMETER num_predict {sampling.max_tokens}")
    return "\n".join(lines) + "\n"


def stop_texts(chat: Chat) -> list[str]:
    texts = (str(chat.tokenizer.convert_ids_to_tokens(token)) for token in sorted(chat.closes))
    return [text for text in texts if text == visible(text) and '"' not in text]


def gguf_lines(gguf: Path, modelfile: Path, page: Page) -> list[str]:
    """The commands that answer with a GGUF file, as the run sampled."""
    sampling, name = page.sampling, gguf.stem.lower()
    drawn = ["--temp", f"{sampling.temperature:g}", "--top-k", str(sampling.top_k), "--top-p", f"{sampling.top_p:g}"]
    commands = [
        ["llama-cli", "-m", str(gguf), *drawn, "--min-p", "0", "--jinja"],
        ["ollama", "create", name, "-f", str(modelfile)],
        ["ollama", "run", name],
        ["vllm", "serve", str(gguf)],
        ["straw", "train", page.task.kind, f"model_name={gguf}", "warmup=none"],
    ]
    return [visible(join(words)) for words in commands]


def folder_lines(folder: Path, page: Page, *, is_adapter: bool) -> list[str]:
    """The same for a folder in Hugging Face's form."""
    reader = "peft import AutoPeftModelForCausalLM" if is_adapter else "transformers import AutoModelForCausalLM"
    program = f"from {reader} as M; M.from_pretrained({str(folder)!r})"
    commands = [["python", "-c", program]] + [["vllm", "serve", str(folder)]] * (not is_adapter)
    return [
        visible(join(words))
        for words in (*commands, ["straw", "train", page.task.kind, f"model_name={folder}", "warmup=none"])
    ]
