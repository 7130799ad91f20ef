"""straw's own Llama beside transformers' one: names, bits, gradients."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from straw.engines.base import AdamParams, Loss, SamplingParams
from straw.engines.local.engine import LocalEngine
from straw.engines.local.forward.self_check import check_reading
from straw.engines.local.models.in_transformers import in_transformers
from straw.engines.local.models.llama import Llama
from straw.engines.local.models.tiny import POSITIONS, SHAPES, make_bare, make_embedded
from straw.errors import ModelError
from straw.text.chat.chat import Chat
from straw.types import Datum, Message

PAD, END = 0, 1


def by_transformers(name: str, seed: int) -> LlamaForCausalLM:
    """Made of nothing of straw's but the table of sizes."""
    shape, tokens = SHAPES[name], {"tiny-1M-numbers": 1381, "tiny-1M-3digits": 1457}
    config = LlamaConfig(
        vocab_size=tokens.get(name, 357), hidden_size=shape.width, num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads, num_key_value_heads=shape.heads, intermediate_size=shape.feed_forward,
        max_position_embeddings=POSITIONS, tie_word_embeddings=True, pad_token_id=PAD, eos_token_id=END,
        bos_token_id=None, use_cache=False,
    )  # fmt: skip
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return LlamaForCausalLM(config).eval()


@pytest.mark.parametrize("name", sorted(SHAPES))
def test_the_seed_draws_the_weights_that_transformers_draws(name: str) -> None:
    mine, theirs = make_bare(name, 3)[0], by_transformers(name, 3)
    assert list(mine.state_dict()) == list(theirs.state_dict())
    assert [n for n, _ in mine.named_parameters()] == [n for n, _ in theirs.named_parameters()]
    for (key, one), other in zip(mine.state_dict().items(), theirs.state_dict().values(), strict=True):
        assert torch.equal(one, other), key
    assert torch.equal(mine.model.rotary_emb.inv_freq, theirs.model.rotary_emb.inv_freq)


@torch.no_grad()
def test_its_own_forward_says_what_transformers_says() -> None:
    tokens = torch.arange(1, 60)
    theirs = by_transformers("tiny-1M", 0)
    theirs.set_attn_implementation("eager")
    wanted = theirs(tokens.unsqueeze(0)).logits[0]
    assert torch.allclose(make_bare("tiny-1M", 0)[0](tokens), wanted, atol=1e-6)
    assert float(wanted.abs().max()) > 0.1


def learned(engine: LocalEngine) -> list[object]:
    """A group drawn, trained on and drawn again."""
    prompt = engine.chat.opening([Message("user", "a number?")])
    found: list[object] = []
    for step in range(3):
        (group,) = engine.sample([prompt], 5, SamplingParams(max_tokens=6), [[5 * step + row for row in range(5)]])
        data = [
            Datum(
                prompt=prompt, tokens=one.tokens, logprobs=one.logprobs, weights=(0.2,) * len(one.tokens),
                advantages=(float(place % 2) - 0.4,) * len(one.tokens),
            )
            for place, one in enumerate(group)
        ]  # fmt: skip
        out = engine.forward_backward(data, Loss(name="importance_sampling", kl_coef=0.1, entropy_coef=0.01))
        found += [group, out, engine.optim_step(AdamParams(learning_rate=1e-3, weight_decay=0.01))]
        engine.publish()
    return found


def test_training_with_it_leaves_the_bits_that_training_with_transformers_leaves() -> None:
    name = "tiny-0.2M"
    pairs = make_bare(name, 0), make_embedded(name, 0)
    one, other = (LocalEngine(model, Chat(tokenizer)) for model, tokenizer in pairs)
    assert isinstance(one.model, Llama) and isinstance(other.model, LlamaForCausalLM)
    assert learned(one) == learned(other)
    for mine, theirs in zip(one.model.parameters(), other.model.parameters(), strict=True):
        assert torch.equal(mine, theirs)


def test_turned_into_transformers_it_shares_its_parameters() -> None:
    mine = make_bare("tiny-0.2M", 2)[0].eval()
    theirs = in_transformers(mine)
    assert in_transformers(theirs) is theirs and not theirs.training
    assert all(a is b for a, b in zip(mine.parameters(), theirs.parameters(), strict=True))
    assert theirs.get_output_embeddings().weight is theirs.get_input_embeddings().weight
    assert theirs.config.to_dict() == by_transformers("tiny-0.2M", 2).config.to_dict()
    assert theirs.generation_config.to_dict() == by_transformers("tiny-0.2M", 2).generation_config.to_dict()


def test_saved_it_is_a_model_of_transformers(tmp_path: Path) -> None:
    mine = make_bare("tiny-0.2M", 2)[0]
    mine.save_pretrained(tmp_path / "mine")
    by_transformers("tiny-0.2M", 2).save_pretrained(tmp_path / "theirs")
    for file in (tmp_path / "theirs").iterdir():
        assert (tmp_path / "mine" / file.name).read_bytes() == file.read_bytes()


def test_a_reader_that_reads_it_otherwise_is_refused() -> None:
    """Its own forward is what `check_reading` compares with, so that one has to be another way."""
    engine = LocalEngine(make_bare("tiny-0.2M", 0)[0], Chat(make_bare("tiny-0.2M", 0)[1]))
    with torch.no_grad():
        for parameter in engine.model.parameters():
            parameter.mul_(4)
    check_reading(engine.model, engine.reader, engine.head)
    other = deepcopy(engine.model)
    other.model.layers[1].self_attn.scaling *= 2  # which the reader asks of the model that it was made for
    with pytest.raises(ModelError, match="nats away"):
        check_reading(other, engine.reader, engine.head)
