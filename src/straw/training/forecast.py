"""What a page would do, without doing it: the page with every value, episodes, tokens, memory.

The plan is printed as comments of the page, so that the whole is a page again: straw train ... --dry-run > mine.toml

    memory = weights + (gradient + 2 Adam moments + the start) of what trains + activations + logits

Activations are counted as what a layer keeps for the way back, ten vectors of its width and four of
its feed-forward part a token; it is an estimate to a factor of about 1.5.
"""

from __future__ import annotations

from dataclasses import dataclass

from straw.config import Loaded, Page, dump
from straw.engines.local.build import load_engine, with_adapters
from straw.engines.local.head import BUDGET
from straw.errors import ModelError
from straw.training.assemble import Plan, plan_of, sampling_of

FLOAT = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """The size of a run."""

    num_problems: int | None  # None: they never repeat
    prompt_tokens: int
    reply_tokens: int  # at most, over all turns
    parameters: int
    trained: int
    width: int
    feed_forward: int
    layers: int
    vocabulary: int
    page: Page

    @property
    def tokens_per_step(self) -> int:
        """Read at once in training: every prompt once, and all replies."""
        ours = self.page.algorithm
        prompts = min(ours.batch_size, self.num_problems or ours.batch_size)
        return prompts * self.prompt_tokens + ours.group_size * ours.batch_size * self.reply_tokens

    @property
    def memory_bytes(self) -> int:
        weights = FLOAT * (self.parameters + 4 * self.trained)
        read = min(self.tokens_per_step, self.page.model.tokens_per_microbatch)
        per_layer = (
            2 * self.width if self.page.model.gradient_checkpointing else 10 * self.width + 4 * self.feed_forward
        )
        logits = min(read * self.vocabulary, BUDGET) * 2
        return weights + FLOAT * (read * self.layers * per_layer + logits)


def forecast(plan: Plan) -> Forecast:
    """Loads the model, because only it knows its tokens."""
    engine = with_adapters(load_engine(plan.page), plan.page)
    chat, task = engine.chat, plan.task
    problem = task.problem(0)
    heard = [task.hear(problem, problem.reference[: turn + 1]) for turn in range(task.max_turns)]
    reply = sampling_of(plan, chat).max_tokens * task.max_turns
    reply += sum(len(chat.continuation(message)) for message in heard if message is not None)
    config = engine.model.config.get_text_config()
    return Forecast(
        num_problems=task.num_problems,
        prompt_tokens=len(chat.opening(problem.messages)),
        reply_tokens=reply,
        parameters=sum(p.numel() for p in engine.model.parameters()),
        trained=sum(p.numel() for p in engine.trained.values()),
        width=config.hidden_size,
        feed_forward=getattr(config, "intermediate_size", None) or 4 * config.hidden_size,
        layers=config.num_hidden_layers,
        vocabulary=config.vocab_size,
        page=plan.page,
    )


def print_forecast(loaded: Loaded) -> None:
    plan = plan_of(loaded)
    print(dump(plan.page))
    steps = int(plan.page.run.n_batches or 0)
    ours = plan.page.algorithm
    print(f"# plan      {steps:,} steps of {ours.batch_size} groups x {ours.group_size} = "
          f"{steps * plan.episodes_per_step:,} episodes")  # fmt: skip
    try:
        size = forecast(plan)
    except ModelError as error:
        print(f"# model     {error}")
        return
    print(f"# tokens    prompt {size.prompt_tokens}, reply at most {size.reply_tokens}, "
          f"{steps * size.tokens_per_step:,} in training")  # fmt: skip
    print(f"# model     {size.parameters / 1e6:,.1f}M parameters, {size.trained / 1e6:,.2f}M of them train")
    print(f"# memory    about {size.memory_bytes / 2**30:.2f} GiB for weights, optimiser, activations and logits")
