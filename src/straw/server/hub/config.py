"""Whether the base model's config.json can lie beside the served tokenizer.

Some architectures make transformers read a tokenizer by rules of their own. Where that would give a client other ids
than the server reads, neither config nor weights are offered.
"""

from __future__ import annotations

import json
import string
from collections.abc import Mapping
from pathlib import Path

from straw.engines.local.models.pretrained import quietly

CONFIG = "config.json"
PROBE = string.printable + "é 日本 <think>"


def offers_configs(tokenizer: Path, configs: Mapping[str, str]) -> bool:
    """Writes them into the tokenizer's folder, and takes them away again where they would change how it is read."""
    for name in configs:
        (tokenizer / name).unlink(missing_ok=True)
    if "auto_map" in json.loads(configs[CONFIG]):  # its code is not offered
        return False
    before = ids_of(tokenizer)
    for name, text in configs.items():
        (tokenizer / name).write_text(text, encoding="utf-8")
    is_alike = before is not None and ids_of(tokenizer) == before
    if not is_alike:
        for name in configs:
            (tokenizer / name).unlink()
    return is_alike


def ids_of(tokenizer: Path) -> list[int] | None:
    """None where transformers reads it with help alone, or an architecture's own reader breaks."""
    from transformers import AutoTokenizer

    try:
        with quietly():
            read = AutoTokenizer.from_pretrained(tokenizer, local_files_only=True, trust_remote_code=False)
            found: list[int] = read.encode(PROBE)
    except Exception:
        return None
    return found
