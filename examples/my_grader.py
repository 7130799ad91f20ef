"""A grader of your own: a function of the reply and the gold answer.

straw train gsm8k path=data/gsm8k grader=examples/my_grader.py:ends_with_gold reward_type=binary
"""


def ends_with_gold(reply: str, gold: str) -> bool:
    return reply.rstrip(" .\n").endswith(gold)
