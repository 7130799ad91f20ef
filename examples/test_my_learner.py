"""What my_learner.py promises: python -m pytest examples/test_my_learner.py"""

import sys
from pathlib import Path
from types import SimpleNamespace

sys.path.insert(0, str(Path(__file__).resolve().parent))

from my_learner import BestSoFar

from straw.types import End, Grade, Message, Problem, Rollout, Turn

PLAN = SimpleNamespace(page=SimpleNamespace(algorithm=SimpleNamespace(newest=False)))


def rollout(reply, reward):
    turn = Turn(prompt=(1, 7), reply=reply, logprobs=(-0.5,) * len(reply), policy_version=0)
    problem = Problem(key="a", messages=(Message("user", "?"),), reference=("b",))
    return Rollout(
        problem=problem, turns=(turn,), replies=("x",), end=End.ANSWERED, grade=Grade(hits=(True,), well_formed=True),
        rewards={"binary": reward}, advantages=(0.0,),
    )  # fmt: skip


def test_it_believes_in_the_best_reply_so_far_and_keeps_it():
    learner = BestSoFar(PLAN, None, None)
    learner.observe([[rollout((4, 2), 0.5), rollout((5, 2), 1.0), rollout((6, 2), 0.1)]], step=1)
    assert learner.best["a"][0] == 1.0 and len(learner.beliefs()) == 1
    again = BestSoFar(PLAN, None, None)
    again.load_state_dict(learner.state_dict())
    assert again.best == learner.best
