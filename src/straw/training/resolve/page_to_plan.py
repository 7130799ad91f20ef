"""From a page to the things that run: task, channel, algorithm (the engine is built in engines/local/build).

Everything that can be wrong with a page is found here, before a run folder exists and before a
model is loaded. What the page leaves open is filled in, so that the page a run writes is the page
it used.
"""

from __future__ import annotations

from collections.abc import Collection
from inspect import signature

from straw.algorithms.baselines import baseline_named
from straw.algorithms.losses import loss_named
from straw.algorithms.registry import NAMED, algorithm_named
from straw.algorithms.row import Algorithm
from straw.config import Loaded, Page, plain
from straw.engines.base import Engine, SamplingParams
from straw.errors import ConfigError
from straw.registry import find
from straw.rewards.channel import Channel
from straw.rewards.environment import BesideEnvironment, EnvironmentPay
from straw.rewards.outcome import make_channel
from straw.tasks.base import Enumerable, Task, World
from straw.text.chat.chat import Chat
from straw.training.checks.silence import check_silence
from straw.training.learners.registry import check_learner, check_verbs
from straw.training.plan import Plan
from straw.training.resolve.device import thread_notes
from straw.training.resolve.rules import of_the_task_itself, resolved
from straw.training.sources.problems import num_asked

SOME = 64  # problems
OF_A_TASK = ("problem", "next_message", "grade")


def plan_of(loaded: Loaded) -> Plan:
    """Fill in what nobody chose, make the task and the channel, and refuse what cannot be run."""
    find("engines", loaded.page.engine.engine)
    check_silence(loaded.page.run.silence)
    it, notes = resolved(loaded)
    find("rewards", it.page.channel)
    loss_named(str(it.page.algorithm.loss_fn))
    if it.page.algorithm.baseline is not None:
        baseline_named(it.page.algorithm.baseline)
    check_loss(it.page, it.row)
    check_regularisers(it.page, it.row)
    check_intrinsic(it.page, it.row)
    check_engine(it.page, loaded.named)
    task = task_of(it.page)
    of_the_task_itself(it, task)
    check_problems(it.page, it.row, task)
    channel = channel_of(it.page, task)
    check_learner(it.row, it.page, task, channel)
    check_words(it.page, it.row, channel)
    check_can_be_made(it.row)
    notes += thread_notes(it.page.model.threads)
    plan = Plan(page=it.page, task=task, channel=channel, row=it.row, origins=it.told(loaded), notes=notes)
    check_declared_verbs(plan)
    return plan


def check_declared_verbs(plan: Plan) -> None:
    """Of an engine that is a class; of any other they are known when it is made."""
    found = find("engines", plan.page.engine.engine)
    if isinstance(found, type) and issubclass(found, Engine):
        check_verbs(plan, found)


def check_engine(page: Page, named: Collection[str]) -> None:
    """Whether the engine can do what the page wants of it."""
    if (check := getattr(find("engines", page.engine.engine), "check", None)) is not None:
        check(page, named)


def check_can_be_made(row: Algorithm) -> None:
    """Of a learner, or its class would fall deep in the beginning of a run."""
    if row.learner is None:
        return
    try:
        signature(find("learners", row.learner)).bind("plan", "engine", "sampling")
    except TypeError as error:
        raise ConfigError(
            f"a learner is made with the plan, the engine and the sampling, and {row.learner} cannot be ({error}). "
            "Write def __init__(self, plan, engine, sampling): see examples/my_learner.py."
        ) from None


def task_of(page: Page) -> Task:
    found = find("tasks", page.task.kind)
    made: Task = found.from_options(page.task) if hasattr(found, "from_options") else found()
    if lacking := [method for method in OF_A_TASK if not hasattr(made, method)]:
        raise ConfigError(
            f"a task has {', '.join(OF_A_TASK)}; {page.task.kind} lacks {' and '.join(lacking)}. Write class "
            f"{type(made).__name__}(straw.SimpleTask), which has all but problem."
        )
    return made


def channel_of(page: Page, task: Task) -> Channel:
    channel = make_channel(
        page.reward, page.task.num_guesses, task.max_turns, page.task.num_items, page.sampling.max_tokens,
        page.run.n_batches,
    )  # fmt: skip
    if channel.lowest == channel.highest and not page.memory.is_on and page.task.num_guesses is None:
        raise ConfigError(
            f"somebody has to pay; got reward_weights={plain(page.reward.reward_weights)} with use_ir=no. Give a part "
            "a weight above 0, or choose an intrinsic reward such as use_ir=elliptical."
        )
    if isinstance(task, World):
        channel = channel_of_world(task, channel)
    elif isinstance(channel, EnvironmentPay):
        raise ConfigError(
            f"reward_type=environment is what an environment pays; got task={page.task.kind}, which is none. Write "
            "task=env:FILE.py:CLASS, or another reward_type."
        )
    if not getattr(task, "has_golds", True):
        check_without_answers(page, task, channel)
    return channel


def channel_of_world(task: World, channel: Channel) -> Channel:
    """What the environment pays, and what others pay beside it."""
    if not (channel.reads_replies or task.knows_success):
        raise ConfigError(
            f"reward_type={channel.name} pays for what is right, and {task.name} does not say what is: give it an "
            "attribute solved, true or false, or leave reward_type out"
        )
    if not isinstance(channel, EnvironmentPay):
        return BesideEnvironment(channel, EnvironmentPay() if task.pays else None)
    if not task.pays:
        raise ConfigError(
            f"somebody has to pay, and {task.name} has neither get_reward nor turn_reward: add one, or write "
            "reward_type=FILE.py:f, a function of (completions, environments, **columns)"
        )
    return channel


def check_without_answers(page: Page, task: Task, channel: Channel) -> None:
    """Somebody has to say what is right, or there has to be a reply to imitate."""
    if algorithm_named(page.algorithm.algorithm).is_supervised:
        if not any(task.problem(0).reference):
            raise ConfigError(
                f"algorithm={page.algorithm.algorithm} imitates a reply, and the first row has none. Name the column "
                "with completion_field or answer_field."
            )
    elif not channel.reads_replies:
        raise ConfigError(
            f"no row of the data has an answer, so nobody can say what is right; got reward_type={page.channel}. Name "
            "the field with answer_field, or write a reward function: reward_type=FILE.py:f"
        )


def check_loss(page: Page, row: Algorithm) -> None:
    """Supervised learning has a reference reply and no advantage; the others an advantage and no reference."""
    algorithm = page.algorithm
    if (algorithm.loss_fn == "cross_entropy") != row.is_supervised:
        raise ConfigError(
            "loss_fn=cross_entropy learns the reference reply, as algorithm=sft does and no other; got "
            f"algorithm={algorithm.algorithm} with loss_fn={algorithm.loss_fn}. Leave loss_fn out."
        )


def check_regularisers(page: Page, row: Algorithm) -> None:
    """A penalty or bonus that nobody would apply must not look as if somebody did."""
    algorithm = page.algorithm
    asked = [f"{name}={value:g}" for name in ("kl_coef", "entropy_coef") if (value := getattr(algorithm, name))]
    if algorithm.replay and row.by_advantages:
        raise ConfigError(
            f"replay is of rollouts with one advantage each, and algorithm={algorithm.algorithm} gives one to every "
            f"token; got replay={algorithm.replay}. Write replay=0, or choose another algorithm."
        )
    if asked and row.has_targets:
        raise ConfigError(
            f"the KL penalty and the entropy bonus belong to a policy gradient, and algorithm={algorithm.algorithm} "
            f"learns towards given targets; got {' and '.join(asked)}. Leave them out, or choose another algorithm."
        )


def check_intrinsic(page: Page, row: Algorithm) -> None:
    """A learner from outside gets both, what was paid and that with bonuses; those of straw's learn from the former."""
    name = page.algorithm.algorithm
    if page.memory.is_on and row.has_targets and not row.is_supervised and name in NAMED:
        raise ConfigError(
            f"an intrinsic reward is for a policy gradient's advantages, and algorithm={name} learns from what the "
            f"channel paid; got use_ir={page.memory.use_ir}. Write use_ir=no, or choose another algorithm."
        )


def check_words(page: Page, row: Algorithm, channel: Channel) -> None:
    """Where a model that knows no word would have to be taught to read them (`warmup.reading`)."""
    reads = row.learner is not None and getattr(find("learners", row.learner), "reads_words", False)
    is_taught = reads and channel.speaks and page.model.is_embedded
    if is_taught and getattr(page.task, "spelling", "") == "permuted":
        raise ConfigError(
            "what is said of a reply is about its number, and a warm-up that taught to read it would teach the "
            f"permutation; got spelling=permuted with algorithm={page.algorithm.algorithm}. Write spelling=digits."
        )


def check_problems(page: Page, row: Algorithm, task: Task) -> None:
    """Whether there is a choice, and somebody who makes use of it."""
    problems = page.problems
    if problems.redraws and (row.is_supervised or row.learner is not None):
        raise ConfigError(
            f"groups that are paid alike are nothing to a policy gradient alone, so only its groups are drawn again; "
            f"got redraws={problems.redraws} with algorithm={page.algorithm.algorithm}. Write redraws=0."
        )
    if problems.curriculum != "none" and row.is_supervised:
        raise ConfigError(
            f"a curriculum goes by rollouts, and algorithm={page.algorithm.algorithm} makes none; got curriculum="
            f"{problems.curriculum}. Leave it out."
        )
    if problems.curriculum != "none" and not says_what_is_right(task):
        raise ConfigError(
            f"a curriculum goes by what is right, and {task.name} does not say what is: give it answers, or an "
            f"environment an attribute solved; got curriculum={problems.curriculum}"
        )
    if problems.only_first is not None and isinstance(task, World) and task.num_problems is None:
        raise ConfigError(
            f"without data each group of {task.name} has a world of its own, and none comes again; got only_first="
            f"{problems.only_first}. Write path=FILE, rows whose columns reset is given, or leave it out."
        )
    if num_asked(page, task) is None and (problems.curriculum != "none" or problems.problem_order != "in_turn"):
        asked = "curriculum" if problems.curriculum != "none" else "problem_order"
        raise ConfigError(
            f"problems have to come again to be put in order, and those of {task.name} never do; got {asked}="
            f"{getattr(problems, asked)}. Write for example only_first=1000."
        )


def says_what_is_right(task: Task) -> bool:
    return task.knows_success if isinstance(task, World) else bool(getattr(task, "has_golds", True))


def long_answers(task: Task) -> list[str]:
    """Replies among which is one of the longest, as far as a task can tell."""
    if isinstance(task, Enumerable):
        return list(task.answer_at(task.space - 1))
    return [text for index in range(SOME) for text in task.problem(index).reference]


def sampling_of(plan: Plan, chat: Chat) -> SamplingParams:
    """Room for the longest answer and its end token; stop texts must be single tokens."""
    sampling = plan.page.sampling
    longest = max(long_answers(plan.task), key=lambda text: len(chat.encode_reply(text)))
    needed = len(chat.encode_reply(longest))
    room = max(plan.task.reply_limit + 1, needed)
    if sampling.max_tokens is not None and sampling.max_tokens < needed and not plan.page.task.references_explain:
        raise ConfigError(
            f"max_tokens has to hold every answer and its end token, {needed} tokens for {longest!r}; "
            f"got max_tokens={sampling.max_tokens}. Write max_tokens={needed}, or leave it out."
        )
    stops = set(chat.closes)
    for text in sampling.stop:
        tokens = chat.encode_reply(text)[:-1]
        if len(tokens) != 1:
            raise ConfigError(f"a stop text is one token of the model; {text!r} is {len(tokens)}. Choose another.")
        stops.add(tokens[0])
    return SamplingParams(
        max_tokens=sampling.max_tokens or room, temperature=sampling.temperature, top_k=sampling.top_k,
        top_p=sampling.top_p, stop=frozenset(stops),
    )  # fmt: skip
