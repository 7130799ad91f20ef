"""Models of other families and their tokenizers as GGUF."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.made_data import gsm8k_folder
from tests.small_runs import train
from tests.test_gguf import TALK, by_transformers, logprobs, made, made_model, of_run, sentencepiece
from transformers import (
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from straw.engines.local.models.resolve import load_model
from straw.errors import ModelError
from straw.export.gguf_file import Places, export_gguf, write_gguf
from straw.export.gguf_tensors import GgufType
from straw.text.chat.chat import Chat


def straws() -> tuple[PreTrainedModel, Chat]:
    loaded = load_model("tiny-0.2M")
    return loaded.model, loaded.chat()


def of_family(kind: str, tokenizer: PreTrainedTokenizerBase, **others: Any) -> tuple[PreTrainedModel, Chat]:
    return made_model(kind, len(tokenizer), **others), Chat(tokenizer)


@pytest.mark.parametrize(
    "make",
    [
        straws,
        lambda: of_family("qwen2", made(), tie_word_embeddings=False),
        lambda: of_family("llama", made(), head_dim=32, rope_theta=5e4),
        lambda: of_family("mistral", sentencepiece(), sliding_window=None),
    ],
    ids=["straw", "qwen2", "llama", "sentencepiece"],
)
def test_llama_cpp_says_the_same(tmp_path: Path, make: Callable[[], tuple[PreTrainedModel, Chat]]) -> None:
    """The real one: template, tokenizer and weights, by the log-probabilities of the first token of a reply."""
    xllamacpp = pytest.importorskip("xllamacpp", reason="xllamacpp is not installed: it carries llama.cpp")
    model, chat = make()
    write_gguf(model, chat, tmp_path / "it.gguf", "f32", "it", "made")
    parameters = xllamacpp.CommonParams()
    parameters.model.path, parameters.n_ctx = str(tmp_path / "it.gguf"), 256
    question = {"messages": [{"role": "user", "content": TALK[0].content}], "max_tokens": 1, "logprobs": True,
                "top_logprobs": 10, "temperature": 1.0, "top_k": 0, "top_p": 1.0, "min_p": 0.0}  # fmt: skip
    server = xllamacpp.Server(parameters)
    answers = (server.handle_chat_completions({**question, "seed": seed}) for seed in range(20))
    answer = next(one for one in answers if "logprobs" in one["choices"][0])  # none for the first byte of a character
    tokens = chat.opening(TALK)
    with torch.no_grad():
        own = model.eval()(torch.tensor([tokens])).logits[0, -1].float().log_softmax(-1)
    said = answer["choices"][0]["logprobs"]["content"][0]["top_logprobs"]
    assert answer["usage"]["prompt_tokens"] == len(tokens) and len(said) == 10
    assert max(abs(one["logprob"] - float(own[one["id"]])) for one in said) < 0.02  # its cache of keys is f16


@pytest.mark.slow
@pytest.mark.parametrize(("words", "kinds"), [("lora_rank=4", ("q8_0", "f32")), ("", ("bf16",))])
def test_a_trained_smollm2_says_what_the_run_says(tmp_path: Path, words: str, kinds: tuple[GgufType, ...]) -> None:
    """Bounds are of the likeliest tokens: of 49,152, most are so unlikely that a rounding moves them by a nat.

    The largest of thousands was 0.00006 (f32), 0.33 (bf16) and 0.43 (q8_0); that every weight is the nearest one of its
    form is tested above.
    """
    try:
        load_model("smollm2")
    except ModelError as error:
        pytest.skip(str(error))
    gsm8k_folder(tmp_path / "data", asked=2)
    learn = f"kind=gsm8k path={tmp_path / 'data'} warmup=none algorithm=sft n_batches=1 batch_size=1 eval_samples=1"
    model_words = "max_tokens=8 model_name=smollm2 learning_rate=1e-4 dtype=float32"
    run = train(tmp_path / "run", learn, model_words, words).folder
    chat, own = of_run(run, 1)
    likely = own > -7.0  # nats: what a sampler draws once in a thousand tokens, and oftener
    for kind in kinds:
        places = Places.in_folder(tmp_path / "gguf", "run", kind)
        export_gguf(run, places, print, kind=kind, replaces=True)
        model, tokenizer = by_transformers(places.gguf)
        off_by = (logprobs(model, tokenizer, chat) - own)[likely].abs().max()
        assert load_model(str(places.gguf)).chat().opening(TALK) == chat.opening(TALK)
        assert off_by < {"f32": 1e-3, "bf16": 0.6, "q8_0": 1.0}[kind], (kind, off_by)
        print(f"{words or 'all weights'} {kind}: off by at most {off_by:.5f} nats")
    for folder in (run, tmp_path / "gguf"):  # gigabytes
        shutil.rmtree(folder)
