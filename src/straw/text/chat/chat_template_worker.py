"""The process that renders a stranger's chat template, and may be stopped at any moment.

    straw  -- a line of JSON: template, messages, special tokens -->  this process  -- {"text": ...} -->  straw

This program is run as a file of its own and imports nothing of straw. Two seconds of work and it is ended by the
kernel; a gigabyte beyond what it has at the start, and a render fails; a file it cannot write. When straw goes, however
it goes, the input ends, and so does this.
"""

from __future__ import annotations

import json
import resource
import signal
import sys
from contextlib import suppress
from typing import Any

WORK_S, MEMORY = 2.0, 1 << 30


def main() -> None:
    from transformers.utils.chat_template_utils import render_jinja_template

    most = int(sys.argv[1])
    render(render_jinja_template, {"template": "{{ bos_token }}", "messages": [], "speak": True, "tokens": {}})
    limit()
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin.buffer:
        signal.setitimer(signal.ITIMER_PROF, WORK_S)
        answer = answered(render_jinja_template, json.loads(line), most)
        signal.setitimer(signal.ITIMER_PROF, 0)
        print(json.dumps(answer), flush=True)


def limit() -> None:
    """From here on."""
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    for kind, most in (
        (resource.RLIMIT_AS, address_space() + MEMORY),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        with suppress(ValueError, OSError):
            resource.setrlimit(kind, (most, most))


def address_space(statm: str = "/proc/self/statm") -> int:
    """Bytes of it that are taken. macOS does not tell, and reserves far more than it uses: there is no limit then."""
    try:
        with open(statm) as file:
            return int(file.read().split()[0]) * resource.getpagesize()
    except FileNotFoundError:
        return sys.maxsize - MEMORY


def answered(renders: Any, question: dict[str, Any], most: int) -> dict[str, str]:
    """Whatever a program may raise is said in a line."""
    try:
        text = render(renders, question)
    except Exception as error:
        kind = "refused" if type(error).__name__ == "TemplateError" else "failed"
        said = " ".join(str(error)[:300].split()) or "it says nothing"
        return {kind: said if kind == "refused" else f"{type(error).__name__}: {said}"}
    return {"text": text} if len(text) <= most else {"failed": f"it writes {len(text):,} characters"}


def render(renders: Any, question: dict[str, Any]) -> str:
    found, _ = renders(
        conversations=[question["messages"]], tools=question.get("tools"), chat_template=question["template"],
        add_generation_prompt=question["speak"], **question["tokens"],
    )  # fmt: skip
    return str(found[0])


if __name__ == "__main__":
    main()
