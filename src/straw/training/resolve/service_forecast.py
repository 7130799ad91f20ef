"""What a run with engine=tinker would use, before anything is spent: tokens by kind, and dollars.

    sampling     prefill: every prompt once a step      cached: for its other rollouts      sampled: as long as allowed
    training     every rollout with its prompt, once an update; twice where the wire has no loss for it, as with a KL
    evaluation   all answers of a secret, or held-out prompts and their replies
    warm-up      its steps at the most; one that the service has kept costs nothing

All replies are taken to be as long as they may be and no prefix of an evaluation to be cached, so this is the upper
end. The gates before the first step, some dozens of replies, are left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from straw.engines.local.models.tiny import SHAPES
from straw.engines.tinker.data import OF_THE_WIRE
from straw.engines.tinker.engine import ASKED_OF_TRAINER
from straw.engines.tinker.prices import Price, Tokens, price_of
from straw.engines.tinker.sdk import address, is_hosted
from straw.engines.tinker.tokenizer import at_hand
from straw.tasks.base import Enumerable, HeldOut
from straw.text.chat.character_tokenizer import character_tokenizer
from straw.text.chat.chat import Chat
from straw.training.learners.soft_targets import ROWS, BeliefOptions
from straw.training.plan import Plan
from straw.training.resolve.page_to_plan import sampling_of

CHECK_EVERY, CHECKED, PROMPTS = 50, 1024, 4  # a warm-up towards uniform answers: steps, answers, prompts
IMITATION_EVERY, IMITATED = 10, 100
GOLD = 8 * 4  # references and decoys that a held-out measurement reads
CHARACTERS = 3  # of a token, where no tokenizer is at hand


@dataclass(frozen=True, slots=True)
class Lengths:
    """In tokens: what is read before each turn, and a reply at most."""

    prefixes: tuple[int, ...]
    reply: int

    @property
    def whole(self) -> int:
        """A rollout as the trainer reads it: its last token is predicted and not read."""
        return self.prefixes[-1] + self.reply - 1

    @property
    def replies(self) -> int:
        return self.reply * len(self.prefixes)


def lengths_of(plan: Plan, chat: Chat) -> Lengths:
    task, problem, reply = plan.task, plan.task.problem(0), sampling_of(plan, chat).max_tokens
    prefixes = [len(chat.opening(problem.messages))]
    for turn in range(1, task.max_turns):
        heard = task.next_message(problem, problem.reference[:turn])
        prefixes.append(prefixes[-1] + reply + (len(chat.continuation(heard)) if heard is not None else 0))
    return Lengths(tuple(prefixes), reply)


def guessed_lengths(plan: Plan) -> Lengths:
    """From characters: for a model whose tokenizer is not here."""
    problem = plan.task.problem(0)
    prompt = sum(len(message.content) for message in problem.messages) // CHARACTERS + 10
    reply = plan.page.sampling.max_tokens or plan.task.reply_limit + 1
    turns = range(plan.task.max_turns)
    return Lengths(tuple(prompt + turn * (reply + 10) for turn in turns), reply)


@dataclass(frozen=True)
class ServiceForecast:
    """Tokens of each part of a run."""

    plan: Plan
    lengths: Lengths
    hosted: bool
    is_guessed: bool = False

    @cached_property
    def steps(self) -> int:
        return int(self.plan.page.run.n_batches or 0)

    @property
    def parts(self) -> dict[str, Tokens]:
        found = {
            "warm-up": self.warmup(), "sampling": self.sampling() * self.steps,
            "training": self.training() * self.steps, "evaluation": self.evaluation() * self.evaluations,
        }  # fmt: skip
        return {name: tokens for name, tokens in found.items() if tokens != Tokens()}

    @property
    def total(self) -> Tokens:
        return sum(self.parts.values(), Tokens())

    @property
    def price(self) -> Price | None:
        engine = self.plan.page.engine
        return price_of(self.plan.page.model.model_name, engine.prices, is_hosted=self.hosted)

    def drawn(self, prompts: int, each: int) -> Tokens:
        """Replies to some prompts, all turns; behind the first every row brings its own prefix."""
        first, *later = self.lengths.prefixes
        return Tokens(
            prefill=prompts * first + prompts * each * sum(later), cached=prompts * (each - 1) * first,
            sampled=prompts * each * self.lengths.replies,
        )  # fmt: skip

    def read(self, count: int) -> Tokens:
        """Log-probabilities: of a few from the trainer, of many from the sampler, which wants a token with each."""
        if not self.hosted or count <= ASKED_OF_TRAINER:
            return Tokens(trained=count * self.lengths.whole)
        return Tokens(prefill=count * (self.lengths.whole + 1), sampled=count)

    def sampling(self) -> Tokens:
        algorithm, own = self.plan.page.algorithm, self.plan.own_options
        if self.plan.is_sft:
            return Tokens()
        paid = self.drawn(algorithm.batch_size, algorithm.group_size)
        fresh = int(own.get("fresh") or 0) * (self.plan.task.num_problems or 1)
        return paid + (self.drawn(1, fresh) + self.read(fresh) if fresh else Tokens())

    def training(self) -> Tokens:
        algorithm, whole = self.plan.page.algorithm, self.lengths.whole
        rows = self.plan.episodes_per_step
        if isinstance(algorithm, BeliefOptions):
            most = int(algorithm.most_updates or 1)
            return Tokens(trained=most * ROWS * (self.plan.task.num_problems or 1) * whole)
        passes = 2 if algorithm.kl_coef or algorithm.loss_fn not in OF_THE_WIRE else 1
        trained = Tokens(trained=rows * whole * passes)
        if algorithm.kl_coef:
            trained += Tokens(prefill=rows * (whole + 1), sampled=rows)
        return trained * algorithm.updates_per_batch

    @property
    def evaluations(self) -> int:
        """One before the first step, one behind the last."""
        every = int(self.plan.page.run.eval_every or self.steps or 1)
        return 1 + -(-self.steps // every)

    def evaluation(self) -> Tokens:
        task, run = self.plan.task, self.plan.page.run
        if isinstance(task, Enumerable):
            return self.read(min(task.space, run.eval_answers) * (task.num_problems or 1))
        if isinstance(task, HeldOut):
            return self.drawn(run.eval_samples, run.eval_replies) + self.read(GOLD)
        return Tokens()

    def warmup(self) -> Tokens:
        warmup, task, whole = self.plan.page.warmup, self.plan.task, self.lengths.whole
        if warmup.warmup == "none" or self.plan.page.model.from_checkpoint:
            return Tokens()
        taught = Tokens(trained=warmup.warmup_steps * warmup.warmup_batch * whole)
        if isinstance(task, Enumerable):
            asked = min(task.space, CHECKED) * min(PROMPTS, task.num_problems or 1)
            return taught + self.read(asked) * -(-warmup.warmup_steps // CHECK_EVERY)
        return taught + self.drawn(IMITATED, 1) * -(-warmup.warmup_steps // IMITATION_EVERY)

    def lines(self) -> list[str]:
        """For a person: each part, their sum, and what it comes to."""
        said = [f"tokens    {name}: {words(tokens)}" for name, tokens in (*self.parts.items(), ("all", self.total))]
        if self.is_guessed:
            said.append("tokens    guessed from characters: the tokenizer of this model is not here")
        return [*said, f"dollars   {self.dollars()}"]

    def dollars(self) -> str:
        if self.price is None:
            name = self.plan.page.model.model_name
            return f"no price is known here for {name}: write prices=prefill=0.13,sample=0.40,train=0.40"
        budget = self.plan.page.engine.budget_usd
        stop = f"; budget_usd={budget:g} stops the run there, to be resumed" if budget is not None else ""
        return f"at most ${self.price.usd(self.total):.2f} ({self.price.source}){stop}"


def words(tokens: Tokens) -> str:
    named = {"prefill": tokens.prefill, "cached": tokens.cached, "sampled": tokens.sampled, "trained": tokens.trained}
    return ", ".join(f"{count:,} {name}" for name, count in named.items() if count)


def service_forecast(plan: Plan) -> ServiceForecast:
    """With the served tokenizer where it is at hand; nothing is fetched and nobody is asked."""
    model, hosted = plan.page.model.model_name, is_hosted(plan.page.engine.base_url)
    tokenizer = character_tokenizer(model) if model in SHAPES else at_hand(model, address(plan.page.engine.base_url))
    if tokenizer is None:
        return ServiceForecast(plan, guessed_lengths(plan), hosted, is_guessed=True)
    return ServiceForecast(plan, lengths_of(plan, Chat(tokenizer)), hosted)
