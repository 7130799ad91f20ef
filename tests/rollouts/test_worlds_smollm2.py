"""A real model with tools, in the plain form: what it reads is what its own template writes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.made_environments import Words

import straw
from straw.engines.local.models.cache import cached_model

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(cached_model("smollm2") is None, reason="SmolLM2 is not in the cache: straw models add smollm2"),
]


def test_episodes_of_smollm2_are_token_exact_and_train(tmp_path: Path) -> None:
    run = straw.train(
        environment=Words, model="smollm2", warmup="none", max_turns=2, max_tokens=12, n_batches=1, group_size=2,
        batch_size=1, eval_samples=1, run_dir=tmp_path / "run", quiet=True,
    )  # fmt: skip
    assert run.state == "done"
    engine = straw.engine("smollm2")
    chat: Any = engine.chat
    for record in run.rollouts:
        first = record["turns"][0]
        text = chat.tokenizer.apply_chat_template(
            [
                {"role": "system", "content": "Tools, a call is a line:\nguess(word: string)  Guess the word."},
                {"role": "user", "content": "Guess a word of five letters."},
            ],
            tokenize=False,
            add_generation_prompt=True,
        )
        assert first["prompt_tokens"] == chat.tokenizer.encode(text, add_special_tokens=False)
        assert len(first["reply_tokens"]) == len(first["logprobs"]) <= 12
