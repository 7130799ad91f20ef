from __future__ import annotations

import os

import pytest
from tests.small_runs import small_page, small_plan

from straw.config import load_page
from straw.engines.local.embedded import make_embedded
from straw.training.assemble import plan_of
from straw.training.forecast import forecast, print_forecast


def test_the_tokens_of_a_run_by_hand():
    size = forecast(small_plan("N=64 group_size=4 batch_size=2"))
    question = "Name the secret in [0, 64). Number only."
    assert size.prompt_tokens == len(question) + 3  # user, end, assistant
    assert size.reply_tokens == 3  # "63" and the end token
    assert size.tokens_per_step == len(question) + 3 + 8 * 3


def test_a_conversation_reads_what_the_other_side_says():
    size = forecast(small_plan("N=4 env_type=multi_step"))
    assert size.reply_tokens == 2 * 2 + len("Bit 2?") + 3


def test_full_training_moves_every_parameter_and_adapters_few():
    model, _ = make_embedded("tiny-0.2M", 0)
    whole, adapted = forecast(small_plan()), forecast(small_plan("lora_rank=2"))
    assert whole.trained == whole.parameters == model.num_parameters()
    assert adapted.trained == adapted.parameters - whole.parameters


def test_memory_is_counted_in_copies_of_what_trains():
    """Weights, gradient, two moments and the start: 5 x 4 bytes a parameter at least; adapters save four of them."""
    whole, adapted = forecast(small_plan()), forecast(small_plan("lora_rank=2"))
    assert whole.memory_bytes > 20 * whole.parameters
    assert adapted.memory_bytes < whole.memory_bytes
    checkpointed = forecast(small_plan("gradient_checkpointing=true"))
    assert checkpointed.memory_bytes < whole.memory_bytes


@pytest.mark.parametrize("words", ["", "env_type=multi_step lora_rank=2", "algorithm=sft fixed_secret=3 stop=#"])
def test_what_is_printed_is_a_page_that_loads_as_the_same_plan(words, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    print_forecast(small_page(words))
    shown = capsys.readouterr().out
    assert os.listdir(tmp_path) == []
    (tmp_path / "page.toml").write_text(shown)
    assert plan_of(load_page(tmp_path / "page.toml")).page == small_plan(words).page
    for word in ("# plan ", "episodes", "# tokens ", "# model ", "# memory "):
        assert word in shown


def test_a_model_that_is_not_here_still_has_a_page(capsys):
    print_forecast(small_page("model_name=no-such-model"))
    shown = capsys.readouterr().out
    assert 'model_name = "no-such-model"' in shown
    assert "# model     there is no model 'no-such-model'" in shown
