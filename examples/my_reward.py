"""Rewards of your own as plain functions, in the form that TRL's users know.

straw train countdown reward_type=examples/my_reward.py:short
straw train countdown reward_weights=correctness=1,examples/my_reward.py:short=0.1
"""


def short(completions, **columns):
    """Shorter is better: 0 for nothing, -1 for a hundred characters."""
    return [-len(text) / 100 for text in completions]


short.lowest, short.highest = -100.0, 0.0


async def starts_with_a_digit(completions, prompts, log_metric, log_extra):
    """Async functions are awaited; what is logged stands beside the rewards."""
    found = [float(text[:1].isdigit()) for text in completions]
    log_metric("share_of_digits", sum(found) / len(found))
    log_extra("first", [text[:1] for text in completions])
    return found


def when_even(completions, trainer_state):
    """None where a function has nothing to say."""
    return [1.0 if len(text) % 2 == 0 else None for text in completions]
