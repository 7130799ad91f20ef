"""From a page to the things that run: task, channel, algorithm (the engine is built in engines/local/build).

Everything that can be wrong with a page is found here, before a run folder exists and before a
model is loaded. What the page leaves open is filled in, so that the page a run writes is the page
it used.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log2

from straw.algorithms.losses import loss_named
from straw.algorithms.named import NAMED, Algorithm, Credit
from straw.catalogue import find
from straw.config import Loaded, Page, ProblemTask, SecretTask, plain, with_values
from straw.config.option import MOST_STEPS
from straw.engines.base import AdamParams, SamplingParams
from straw.engines.local.embedded import SHAPES
from straw.errors import ConfigError
from straw.rewards.outcome import Channel, make_channel
from straw.tasks.base import Enumerable, Task
from straw.text.chat import Chat
from straw.training.device import best_device, best_dtype, thread_notes
from straw.training.intrinsic import encoder_values
from straw.training.left_open import batch_values, grader_values, num_batches, reward_values, task_values, warmup_values
from straw.training.processes import named_generators
from straw.training.silence import check_silence
from straw.training.students import check_student
from straw.training.tuned import enough_batches, measured_every, tuned_values

SOME = 64  # problems


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A page without gaps, and the parts of a run that need no model."""

    page: Page
    task: Task
    channel: Channel
    notes: tuple[str, ...] = ()  # what was chosen for somebody who may not expect it

    @property
    def is_sft(self) -> bool:
        return self.page.algorithm.algorithm == "sft"

    @property
    def ceiling_bits(self) -> float | None:
        """What there is to know, where answers can be listed."""
        return log2(self.task.space) if isinstance(self.task, Enumerable) else None

    @property
    def episodes_per_step(self) -> int:
        return self.page.algorithm.group_size * self.page.algorithm.batch_size

    @property
    def loss_settings(self) -> dict[str, float]:
        ours = self.page.algorithm
        return {"clip_low": ours.clip_low, "clip_high": ours.clip_high}

    def credit(self) -> Credit:
        ours = self.page.algorithm
        return Credit(
            baseline=str(ours.baseline), constant=ours.baseline_constant, decay=ours.ema_decay,
            optimism=ours.optimism, running_mean=ours.ema_start, moves=ours.ema_update,
        )  # fmt: skip

    def adam(self, learning_rate: float) -> AdamParams:
        ours = self.page.optimizer
        return AdamParams(
            learning_rate=learning_rate, beta1=ours.beta1, beta2=ours.beta2, eps=ours.eps,
            weight_decay=ours.weight_decay, grad_clip=ours.grad_clip,
        )  # fmt: skip


def plan_of(loaded: Loaded) -> Plan:
    """Fill in what nobody chose: by the task, as tuned for the channel, by the algorithm's row."""
    processes, notes = named_generators(loaded)
    chosen = task_values(loaded.page) | reward_values(loaded.named) | processes
    page = loaded.with_defaults(chosen)
    row: Algorithm = find("algorithms", page.algorithm.algorithm)
    find("channels", page.channel)
    find("engines", page.engine.engine)
    check_silence(page.run.silence)
    page = loaded.with_defaults(tuned_values(page) | chosen)
    page = with_values(page, batch_values(page, loaded.named))
    chosen_row = "algorithm" in loaded.named
    for name in ("baseline", "loss_fn", "weigh", "kl_coef"):
        taken = getattr(page.algorithm, name)
        if name not in loaded.named and (taken is None or chosen_row):
            page = with_values(page, {name: getattr(row, name)})
    page = with_values(page, {"device": best_device(page.model.device)})
    page = with_values(
        page, {"dtype": best_dtype(page.model.dtype, page.model.device, page.model.model_name in SHAPES)}
    )
    page = with_values(page, warmup_values(page, loaded.named))
    page = with_values(page, encoder_values(page))
    loss_named(str(page.algorithm.loss_fn))
    check_loss(page)
    check_regularisers(page)
    task: Task = find("tasks", page.task.kind).from_options(page.task)
    page = with_values(page, grader_values(page, task))
    batches = num_batches(page, loaded.named, task.num_problems if page.run.num_epochs else None)
    page = with_values(page, {"n_batches": batches or min(enough_batches(page), MOST_STEPS)})
    page = with_values(page, {"eval_every": page.run.eval_every or measured_every(page, num_answers(page, task))})
    channel = channel_of(page, task)
    check_student(page.algorithm.algorithm, task, channel)
    return Plan(page=page, task=task, channel=channel, notes=notes + thread_notes(page.model.threads))


def num_answers(page: Page, task: Task) -> int | None:
    """How many a measurement of bits reads, turn by turn; None where it measures accuracy."""
    if not isinstance(task, Enumerable):
        return None
    return min(task.space, page.run.eval_answers) * task.max_turns * (task.num_problems or 1)


def channel_of(page: Page, task: Task) -> Channel:
    if isinstance(page.task, SecretTask):
        return make_channel(page.reward, page.task.N, task.max_turns, page.task.length, page.sampling.max_tokens)
    channel = make_channel(page.reward, None, task.max_turns, reply_limit=page.sampling.max_tokens)
    if channel.lowest == channel.highest and not page.memory.is_on:
        raise ConfigError(
            f"somebody has to pay; got reward_weights={plain(page.reward.reward_weights)} with use_ir=no. Give a part "
            "a weight above 0, or choose an intrinsic reward such as use_ir=elliptical."
        )
    return channel


def check_loss(page: Page) -> None:
    """Supervised learning has a reference reply and no advantage; the others an advantage and no reference."""
    ours = page.algorithm
    if (ours.loss_fn == "cross_entropy") != (ours.algorithm == "sft"):
        raise ConfigError(
            "loss_fn=cross_entropy learns the reference reply, as algorithm=sft does and no other; got "
            f"algorithm={ours.algorithm} with loss_fn={ours.loss_fn}. Leave loss_fn out."
        )


def check_regularisers(page: Page) -> None:
    """A penalty or bonus that nobody would apply must not look as if somebody did."""
    ours = page.algorithm
    asked = [f"{name}={value:g}" for name in ("kl_coef", "entropy_coef") if (value := getattr(ours, name))]
    if asked and (ours.algorithm == "sft" or NAMED[ours.algorithm].student is not None):
        raise ConfigError(
            f"the KL penalty and the entropy bonus belong to a policy gradient, and algorithm={ours.algorithm} learns "
            f"towards given targets; got {' and '.join(asked)}. Leave them out, or choose another algorithm."
        )


def long_answers(task: Task) -> list[str]:
    """Replies among which is one of the longest, as far as a task can tell."""
    if isinstance(task, Enumerable):
        return list(task.answer_at(task.space - 1))
    return [text for index in range(SOME) for text in task.problem(index).reference]


def sampling_of(plan: Plan, chat: Chat) -> SamplingParams:
    """Room for the longest answer and its end token; stop texts must be single tokens."""
    ours = plan.page.sampling
    longest = max(long_answers(plan.task), key=lambda text: len(chat.encode_reply(text)))
    needed = len(chat.encode_reply(longest))
    room = max(plan.task.reply_limit + 1, needed)
    has_words = isinstance(plan.page.task, ProblemTask)  # whose references say more than an answer has to
    if ours.max_tokens is not None and ours.max_tokens < needed and not has_words:
        raise ConfigError(
            f"max_tokens has to hold every answer and its end token, {needed} tokens for {longest!r}; "
            f"got max_tokens={ours.max_tokens}. Write max_tokens={needed}, or leave it out."
        )
    stops = set(chat.closes)
    for text in ours.stop:
        tokens = chat.encode_reply(text)[:-1]
        if len(tokens) != 1:
            raise ConfigError(f"a stop text is one token of the model; {text!r} is {len(tokens)}. Choose another.")
        stops.add(tokens[0])
    return SamplingParams(
        max_tokens=ours.max_tokens or room, temperature=ours.temperature, top_k=ours.top_k, top_p=ours.top_p,
        stop=frozenset(stops),
    )  # fmt: skip
