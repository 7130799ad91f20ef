"""How much memory a run will want at its peak, worked out from a page and the sizes of a model.

    always     4 P weights
    gates      + 16 T    gradient, both of Adam's moments, and the copy that an update is taken back to
    sampling   + 8 T moments + 4 T reference + keys and values of all rows + logits of a token of each
    training   + 8 T moments + 4 T reference + 4 T gradient + 2 P in bfloat16 + activations + logits of a chunk

P parameters, T of them train; the reference is there when kl_coef asks for it. The peak is the largest of the three.
What a layer keeps of each token for the way back was counted (the saved tensors of both readers, see `per_token`), and
replies are taken to be as long as they may be. On a processor this said 1.07 to 1.25 times the measured peak of SmolLM2
(`python benchmarks/memory_forecast.py`). A warm-up is left out, and on a real model it can take a quarter more.
"""

from __future__ import annotations

from dataclasses import dataclass

from straw.config import Page
from straw.engines.local.build import may_be_bare
from straw.engines.local.engine import MAX_ROWS
from straw.engines.local.forward.attention import KEY_TILE, ROW_TILE, round_up
from straw.engines.local.forward.lm_head import BUDGET
from straw.engines.local.models.sizes import ModelSize
from straw.engines.local.models.tiny import SHAPES
from straw.engines.local.training.microbatch_budget import tokens_at_once
from straw.measure.accuracy import AT_ONCE

FLOAT, HALF, DOUBLE = 4, 2, 8
PROCESS = 550 * 2**20  # Python, torch and transformers, before a model is there
BARE_PROCESS = 330 * 2**20  # without transformers, and with what draws the picture at the end
HALF_KERNELS = 400 * 2**20  # what a processor's bfloat16 library keeps for itself
ON_A_GPU = 800 * 2**20  # its context and the workspaces of its libraries
ENCODER = 150 * 2**20  # the small one that a memory embeds texts with, in float32
SLACK = 1.05  # what allocators leave unused between blocks


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryForecast:
    """Bytes at each of the three high points of a run, without what the process needs itself."""

    gates: int
    sampling: int
    training: int
    process: int

    @property
    def peak(self) -> int:
        return int(max(self.gates, self.sampling, self.training) * SLACK) + self.process


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What is computed: a model, what trains of it, and how long prompts and replies are."""

    size: ModelSize
    page: Page
    prompt_tokens: int
    reply_tokens: int
    num_problems: int | None = None  # None: they never repeat

    @property
    def is_half(self) -> bool:
        return self.page.model.dtype == "bfloat16"

    @property
    def device(self) -> str:
        return self.page.model.device.partition(":")[0]

    @property
    def adapters(self) -> int:
        return self.size.adapter_parameters(self.page.model.lora_rank or 0)

    @property
    def parameters(self) -> int:
        return self.size.parameters + self.adapters

    @property
    def trained(self) -> int:
        return self.adapters or self.size.parameters

    @property
    def is_sft(self) -> bool:
        return self.page.algorithm.algorithm == "sft"

    def forecast(self) -> MemoryForecast:
        weights, trained = FLOAT * self.parameters, FLOAT * self.trained
        moments = 2 * trained
        reference = trained if self.page.algorithm.kl_coef else 0
        return MemoryForecast(
            gates=weights + moments + 2 * trained + self.casts,
            sampling=weights + moments + reference + self.keys + self.sampled_logits,
            training=weights + moments + reference + trained + self.casts + self.activations + self.head,
            process=self.process,
        )

    @property
    def process(self) -> int:
        encoder = ENCODER if self.page.memory.needs_encoder and self.page.memory.encoder != "policy" else 0
        if self.device != "cpu":
            return ON_A_GPU + encoder
        is_bare = self.page.model.model_name in SHAPES and may_be_bare(self.page) and not encoder
        return (BARE_PROCESS if is_bare else PROCESS) + encoder + (HALF_KERNELS if self.is_half else 0)

    @property
    def is_by_hand(self) -> bool:
        """Whether layers keep no rounded matrix and no product of gate and up (`half_layer`)."""
        is_served = self.size.is_plain and self.page.model.fast_llama and self.device == "cpu"
        return self.is_half and is_served and not self.adapters

    @property
    def casts(self) -> int:
        """Matrices in bfloat16, which the way back needs; those of frozen layers come and go with a layer."""
        if not self.is_half or self.is_by_hand or (self.adapters and self.page.model.gradient_checkpointing):
            return 0
        return HALF * (self.size.parameters - self.size.embedding)

    # --- sampling

    @property
    def groups(self) -> tuple[int, int]:
        """Prompts that are answered at once, and replies to each."""
        algorithm = self.page.algorithm
        if self.is_sft:
            return min(AT_ONCE, self.page.run.eval_samples), 1
        return min(algorithm.batch_size, max(1, MAX_ROWS // algorithm.group_size)), algorithm.group_size

    @property
    def rows(self) -> int:
        prompts, replies = self.groups
        return prompts * max(replies, -(-ROW_TILE // prompts))

    @property
    def keys(self) -> int:
        """Keys stay float32 behind their rotation, values have the dtype of their product."""
        prompts, _ = self.groups
        of_token = self.size.num_hidden_layers * self.size.key_width * (FLOAT + (HALF if self.is_half else FLOAT))
        prefix = prompts * (self.prompt_tokens + round_up(self.prompt_tokens, KEY_TILE))
        return of_token * max(prefix, prompts * round_up(self.prompt_tokens, KEY_TILE) + self.rows * self.own_tokens)

    @property
    def own_tokens(self) -> int:
        return round_up(self.reply_tokens)

    @property
    def sampled_logits(self) -> int:
        """Logits, probabilities, their running sum in float64, and the logits of the token before."""
        return self.rows * self.size.vocab_size * (3 * FLOAT + DOUBLE)

    # --- training

    @property
    def read_at_once(self) -> int:
        """Tokens of a micro-batch; a group reads its prompt once."""
        config = _Config(self.size)
        room = self.page.model.tokens_per_microbatch or tokens_at_once(
            config, self.device, self.page.model.gradient_checkpointing
        )
        return min(self.size_of_batch, max(room, self.prompt_tokens + self.reply_tokens))

    @property
    def size_of_batch(self) -> int:
        algorithm = self.page.algorithm
        prompts = min(algorithm.batch_size, self.num_problems or algorithm.batch_size)
        return prompts * self.prompt_tokens + algorithm.batch_size * algorithm.group_size * self.reply_tokens

    @property
    def activations(self) -> int:
        """Kept of every layer, and two layers' worth again for what comes and goes on the way back."""
        layers, kept = self.size.num_hidden_layers, self.per_token
        if self.page.model.gradient_checkpointing:
            return int(self.read_at_once * (layers * FLOAT * self.size.hidden_size + 2 * kept))
        return int(self.read_at_once * (layers + 2) * kept)

    @property
    def per_token(self) -> float:
        """Bytes that one layer keeps of one token, for each number of these widths."""
        size, half = self.size, self.is_half
        width, keys, feed_forward = (24, 6, 8) if half else (32, 15.5, 16)
        if not self.page.model.fast_llama:
            width += 8
        if self.is_by_hand:
            width, feed_forward = width - 6, feed_forward - 4
        on_prompt, on_reply = (6, 6) if half else (4, 8)
        looks_at = on_prompt * self.prompt_tokens + on_reply * self.reply_tokens
        return (
            width * max(size.hidden_size, size.query_width) + keys * size.key_width
            + feed_forward * size.intermediate_size + looks_at * size.num_attention_heads
        )  # fmt: skip

    @property
    def head(self) -> int:
        """Some arrays of a chunk of logits, and the gradient of the head beside what it is added to."""
        logits = min(self.read_at_once * self.size.vocab_size, BUDGET)
        gradient = 0 if self.adapters else FLOAT * self.size.embedding
        return self.of_logit * logits + gradient + FLOAT * 2 * self.read_at_once * self.size.hidden_size

    @property
    def of_logit(self) -> int:
        """On a processor it is there twice at a time, once in float32 (`plain_head`); elsewhere four times."""
        if self.device != "cpu":
            return 4 * FLOAT
        return FLOAT + (HALF if self.is_half else FLOAT)


class _Config:
    """A ModelSize under the names that `activations` reads, which are transformers'."""

    def __init__(self, size: ModelSize) -> None:
        self.hidden_size, self.num_hidden_layers = size.hidden_size, size.num_hidden_layers
        self.intermediate_size = size.intermediate_size
