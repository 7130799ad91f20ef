"""The payer's side of the engine: does what a learner asks for, and counts it.

Updates and unpaid draws are counted here, by the process that does them, so a learner cannot tell less than it used.
A call that makes no sense is answered with an error, which the learner meets as an exception; the run goes on.
"""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

from straw.benchmark.wall import wire
from straw.engines.base import Conversation, Engine
from straw.errors import RunError, StrawError
from straw.files import MIB

VERBS = (
    "sample", "converse", "generate", "append", "logprobs", "forward_backward", "optim_step", "publish", "embed",
    "states", "likeliest", "layers", "token_vectors", "hold", "undo", "to_start", "from_start", "trained_bytes",
    "add_noise",
)  # fmt: skip
MOST_ROWS = MIB  # that are sampled at once
Plain = dict[str, Any]


class Verbs:
    """Of one run."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.updates = self.unpaid_draws = 0
        self.conversations: list[Conversation] = []
        self.held, self.acting, self.is_at_start = ExitStack(), ExitStack(), False

    def answer(self, message: Plain) -> Plain:
        """What goes back: a value, or why there is none."""
        try:
            verb = message["verb"]
            if verb not in VERBS:
                raise RunError(f"an engine has the verbs {', '.join(VERBS)}; got {verb!r:.40}")
            return {"value": getattr(self, verb)(**message["with"])}
        except StrawError as error:
            return {"error": str(error)}
        except Exception as error:  # whatever torch makes of what a stranger asks for: the stranger is told
            return {"error": f"{type(error).__name__}: {error}"[:400]}

    def turn_is_over(self) -> None:
        """What a learner leaves open does not reach into the next rollouts."""
        self.from_start()
        self.held.close()
        self.conversations.clear()
        self.engine.publish()

    # --- the verbs -------------------------------------------------------------------------------

    def sample(self, prompts: Any, num_samples: int, params: Plain, seeds: Any) -> Any:
        self.count_draws(len(prompts), num_samples)
        found = self.engine.sample([wire.row_of(one) for one in prompts], num_samples, wire.params_of(params), seeds)
        return [wire.plain_replies(group) for group in found]

    def converse(self, prompt: Any, num_rows: int) -> int:
        self.count_draws(1, num_rows)
        self.conversations.append(self.engine.converse(wire.row_of(prompt), num_rows))
        return len(self.conversations) - 1

    def count_draws(self, prompts: int, each: Any) -> None:
        """Before they are made. A count that is none, as -5, would take back what was counted."""
        if type(each) is not int or not 0 < prompts * each <= MOST_ROWS:
            raise RunError(
                f"at most {MOST_ROWS:,} replies are drawn at once, and one at least; got {prompts} x {each!r:.40}"
            )
        self.unpaid_draws += prompts * each

    def generate(self, number: int, params: Plain, seeds: Any) -> Any:
        return wire.plain_replies(self.conversations[number].generate(wire.params_of(params), seeds))

    def append(self, number: int, tokens: Any) -> None:
        self.conversations[number].append([wire.row_of(row) for row in tokens])

    def logprobs(self, data: Any, policy: Any, temperature: float) -> list[list[float]]:
        return self.engine.logprobs(wire.data_of(data), policy, temperature)

    def forward_backward(self, data: Any, loss: Plain) -> Plain:
        found = self.engine.forward_backward(wire.data_of(data), wire.loss_of(loss))
        return {"logprobs": found.logprobs, "metrics": found.metrics}

    def optim_step(self, params: Plain) -> dict[str, float]:
        if self.is_at_start:
            raise RunError("the start is what it was: leave at_start() before an optimizer step")
        self.updates += 1
        return self.engine.optim_step(wire.adam_of(params))

    def publish(self) -> int:
        return self.engine.publish()

    def embed(self, texts: Any) -> list[list[float]]:
        return self.engine.embed([str(text) for text in texts])

    def layers(self, data: Any, count: int) -> list[Any]:
        return [one.tolist() for one in self.engine.layers(wire.data_of(data), int(count))]

    def token_vectors(self, tokens: Any) -> list[list[float]]:
        found: list[list[float]] = self.engine.token_vectors(wire.whole(tokens)).tolist()
        return found

    def hold(self) -> None:
        self.held.enter_context(self.engine.undone())

    def undo(self) -> None:
        self.held.close()

    def to_start(self) -> None:
        self.from_start()
        self.acting.enter_context(self.engine.at_start())
        self.is_at_start = True

    def from_start(self) -> None:
        self.acting.close()
        self.is_at_start = False

    def trained_bytes(self) -> int:
        return self.engine.trained_bytes

    def states(self, data: Any) -> list[Any]:
        return [one.tolist() for one in self.engine.states(wire.data_of(data))]

    def likeliest(self, data: Any, count: int, policy: Any, temperature: float) -> list[list[list[list[float]]]]:
        """A pair of token and probability each: JSON has no numbers for names."""
        rows, count = wire.data_of(data), int(count)
        if (shares := count * sum(len(row.tokens) for row in rows)) > wire.MOST_SHARES:
            raise RunError(f"at most {wire.MOST_SHARES:,} probabilities are told at once; got {shares:,}")
        found = self.engine.likeliest(rows, count, policy, float(temperature))
        return [[[[token, share] for token, share in one.items()] for one in row] for row in found]

    def add_noise(self, seeds: Any, scales: Any) -> None:
        """A step of evolution strategies: an update like any other."""
        self.updates += 1
        self.engine.add_noise(wire.whole(seeds), wire.real(scales))
