from __future__ import annotations

from pathlib import Path

import pytest
from tests.made_data import gsm8k_folder
from tests.small_runs import small_plan

from straw.config import Page, load_page, with_values
from straw.engines.local.models.sizes import PUBLISHED
from straw.tasks.word_problems.options import DataOptions
from straw.training.resolve.dry_run import forecast, on_cards
from straw.training.resolve.memory_estimate import Work
from straw.training.resolve.page_to_plan import plan_of

RECIPES = sorted((Path(__file__).parents[3] / "recipes").glob("*.toml"))
OF_HUB_MODELS = [path for path in RECIPES if isinstance(load_page(path).page.task, DataOptions)]
GIB = 2**30


def work(name: str = "Qwen/Qwen2.5-0.5B-Instruct", **changes: object) -> Work:
    base = {
        "device": "cuda", "dtype": "float32", "lora_rank": 0, "group_size": 16, "batch_size": 16,
        "tokens_per_microbatch": 4096, "algorithm": "grpo", "baseline": "zscore",
    }  # fmt: skip
    page = with_values(Page(), base | changes)
    return Work(size=PUBLISHED[name], page=page, prompt_tokens=256, reply_tokens=200)


def test_what_always_lies_there_is_counted_in_copies() -> None:
    """494M parameters of 4 bytes; gates want the gradient, two moments and a copy beside them."""
    parameters = 494_032_768
    assert work().forecast().gates == 5 * 4 * parameters
    assert work(kl_coef=0.04).forecast().training - work().forecast().training == 4 * parameters


def test_adapters_want_copies_of_themselves_alone() -> None:
    adapters = PUBLISHED["Qwen/Qwen2.5-0.5B-Instruct"].adapter_parameters(16)
    assert work(lora_rank=16).forecast().gates == 4 * (494_032_768 + adapters) + 4 * 4 * adapters


def test_layers_by_hand_keep_no_rounded_matrix_and_fewer_hidden_states() -> None:
    """Llama 1B on a processor: 2 bytes of each matrix less, and of each token and layer 6 widths and 4 inner ones."""
    name = "meta-llama/Llama-3.2-1B-Instruct"
    size = PUBLISHED[name]
    by_hand, modules = (work(name, device="cpu", dtype="bfloat16", fast_llama=fast) for fast in (True, False))
    assert by_hand.is_by_hand and (by_hand.casts, modules.casts) == (0, 2 * (size.parameters - size.embedding))
    assert modules.per_token - by_hand.per_token == (6 + 8) * 2048 + 4 * 8192
    for changes in ({"device": "cuda"}, {"dtype": "float32"}, {"lora_rank": 8}):
        assert not work(name, **{"device": "cpu", "dtype": "bfloat16", **changes}).is_by_hand
    assert not work(device="cpu", dtype="bfloat16").is_by_hand  # Qwen's have biases


def test_keys_and_values_by_hand() -> None:
    """24 layers, 2 heads of 64, a key and a value of 4 bytes: 24,576 a token; 16 prompts and 256 rows of 208."""
    assert work().keys == 24_576 * (16 * 256 + 256 * 208)
    assert work(dtype="bfloat16").keys == work().keys * 6 // 8  # values are half as wide


def test_more_of_anything_takes_no_less() -> None:
    peak = work().forecast().peak
    for changes in ({"batch_size": 32}, {"tokens_per_microbatch": 8192}, {"fast_llama": False}, {"kl_coef": 0.1}):
        assert work(**changes).forecast().peak >= peak
    for changes in ({"gradient_checkpointing": True}, {"lora_rank": 16}, {"dtype": "bfloat16"}):
        assert work(**changes).forecast().peak < peak


def test_a_memory_of_texts_brings_its_encoder() -> None:
    assert work(use_ir="knn").forecast().process - work().forecast().process == 150 * 2**20


@pytest.mark.parametrize("path", OF_HUB_MODELS, ids=lambda path: path.stem)
def test_every_recipe_of_a_hub_model_says_what_it_takes_on_two_cards(path: Path, tmp_path: Path) -> None:
    plan = plan_of(load_page(path, {"path": str(gsm8k_folder(tmp_path, trained=80))}))
    written = path.read_text()
    for line in on_cards(forecast(plan), "auto"):
        assert f"# {line}\n" in written


def test_a_model_of_the_table_is_not_fetched_for_a_forecast(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("straw.training.resolve.dry_run.load_engine", lambda page: pytest.fail("loaded"))
    words = {"kind": "gsm8k", "path": str(gsm8k_folder(tmp_path)), "model_name": "Qwen/Qwen2.5-3B-Instruct"}
    size = forecast(plan_of(load_page(None, {**words, "lora_rank": "16", "dtype": "float32"})))
    assert size.parameters - size.trained == 3_085_938_688


def test_a_small_run_fits_anywhere(home: Path) -> None:
    assert [line.split(", ")[1] for line in on_cards(forecast(small_plan("N=8")), "auto")] == ["fits", "fits"]
