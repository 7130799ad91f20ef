from __future__ import annotations

from straw.training.monitor.transcript import spoken
from straw.types import End, Grade, Message, Problem, Rollout


def test_a_rollout_is_one_line_whatever_was_said() -> None:
    problem = Problem(key="a", messages=(Message("system", "S"), Message("user", "12 reversed?")), reference=("21",))
    rollout = Rollout(
        problem=problem, turns=(), replies=("1\n2 \x1b[2J",), end=End.ANSWERED,
        grade=Grade(hits=(False,), well_formed=False), rewards={"plus_minus": -1.0},
    )  # fmt: skip
    (line,) = spoken(3, [[rollout]])
    assert line == 'step 3  12 reversed?  ->  "1\\n2 \\u001b[2J"  wrong, paid -1'
