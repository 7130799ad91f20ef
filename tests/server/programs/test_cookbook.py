"""tinker-cookbook's programs, as they are: they end well, and those that learn have learnt."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

pytest.importorskip("starlette", reason="straw[serve] is not installed")
pytest.importorskip("google.protobuf", reason="straw[serve] is not installed")

from tests.server.programs.others import CHAT, RECIPES, Desk, cookbook, desk, folder_of, lines

pytestmark = pytest.mark.slow
QWEN = "model_name=Qwen/Qwen3.5-4B"
ARITHMETIC = ["math_rl.train", "env=arithmetic", QWEN, "groups_per_batch=4", "eval_every=0", "max_steps=2"]
PROGRAMS = {
    "guess_number": [
        "multiplayer_rl.guess_number.train", "batch_size=1", "group_size=4", "max_steps=1", "max_tokens=8",
        "eval_every=0",
    ],
    "arithmetic": [*ARITHMETIC, "loss_fn=importance_sampling"],
    "arithmetic, its own loss": ARITHMETIC,
    "arithmetic, off policy": [*ARITHMETIC, "max_steps_off_policy=2"],
    "sl_loop": ["sl_loop", "batch_size=16", "max_steps=2"],
    "rl_basic": ["rl_basic", "max_tokens=16", "max_steps=1"],
    "sl_basic": ["sl_basic", "max_steps=4"],
    "rl_loop": ["rl_loop", "batch_size=4", "group_size=4", "max_tokens=16", "max_steps=2"],
}  # fmt: skip
TUTORIALS = [
    "101_hello_tinker", "103_async_patterns", "202_loss_functions", "203_completers", "205_evaluations",
    "301_cookbook_abstractions", "302_custom_environment", "303_sft_with_config", "304_rl_with_config",
    "402_rl_hyperparams", "404_sequence_extension", "406_prompt_distillation",
]  # fmt: skip

EXPORT = """
import sys, tinker, torch
from tinker_cookbook import weights
from transformers import AutoModelForCausalLM

name, folder = sys.argv[1:]
client = tinker.ServiceClient().create_lora_training_client(name, rank=4)
tokens = list(range(100, 130))
datum = tinker.Datum(
    model_input=tinker.ModelInput.from_ints(tokens[:-1]),
    loss_fn_inputs={"target_tokens": tokens[1:], "weights": [1.0] * 29},
)
for _ in range(3):
    client.forward_backward([datum], "cross_entropy").result()
    client.optim_step(tinker.AdamParams(learning_rate=1e-2)).result()
path = client.save_weights_external("last").result().path
adapter = weights.download(tinker_path=path, output_dir=f"{folder}/adapter")
weights.build_lora_adapter(base_model=name, adapter_path=adapter, output_path=f"{folder}/peft")
weights.build_hf_model(base_model=name, adapter_path=adapter, output_path=f"{folder}/merged")
served = client.save_weights_and_get_sampling_client().compute_logprobs(tinker.ModelInput.from_ints(tokens)).result()
model = AutoModelForCausalLM.from_pretrained(f"{folder}/merged", dtype=torch.float32)
with torch.no_grad():
    found = model(torch.tensor([tokens])).logits[0].log_softmax(-1)
merged = [found[at, token].item() for at, token in enumerate(tokens[1:])]
with torch.no_grad():
    plain = AutoModelForCausalLM.from_pretrained(name)(torch.tensor([tokens])).logits[0].log_softmax(-1)
base = [plain[at, token].item() for at, token in enumerate(tokens[1:])]
print("apart", max(abs(a - b) for a, b in zip(served[1:], merged)), max(abs(a - b) for a, b in zip(merged, base)))
"""


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with desk(tmp_path_factory.mktemp("cookbook"), "stand_in=stable_reinforce:ppo") as made:
        yield made


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_of_the_cookbook_ends_well(one: Desk, name: str) -> None:
    module, *words = PROGRAMS[name]
    folder = name.replace(" ", "-").replace(",", "")
    asks = [] if module.endswith(("_loop", "_basic")) else ["behavior_if_log_dir_exists=delete"]
    one.run(cookbook(), "-m", f"{RECIPES}.{module}", *words, *asks, f"log_path={one.folder / folder}")
    assert one.metrics(folder)


def test_chat_sl_halves_its_likelihood_within_50_steps(one: Desk) -> None:
    data = lines(one.folder / "chat.jsonl", CHAT)
    one.run(
        cookbook(), "-m", f"{RECIPES}.chat_sl.train", f"dataset={data}", "batch_size=16", "num_epochs=13",
        "max_steps=50", "learning_rate=3e-3", f"log_path={one.folder / 'chat'}",
    )  # fmt: skip
    found = [row["train_mean_nll"] for row in one.metrics("chat") if "train_mean_nll" in row]
    assert len(found) <= 50 and found[-1] < found[0] / 2, found


@pytest.mark.parametrize("name", TUTORIALS)
def test_a_tutorial_of_the_cookbook_ends_well(one: Desk, name: str) -> None:
    one.run(cookbook(), str(folder_of("STRAW_TUTORIALS") / f"{name}.py"))


def test_the_cookbook_s_export_is_the_model_that_was_trained(one: Desk) -> None:
    """Adapters by a signed address, the base by the loopback hub, merged by the cookbook and read by transformers."""
    done = one.run(cookbook(), "-c", EXPORT, "Qwen/Qwen3.5-4B", str(one.folder / "export"))
    word, apart, learned = done.stdout.splitlines()[-1].split()
    assert word == "apart" and float(apart) < 1e-2 < 1.0 < float(learned), done.stdout[-2000:]
