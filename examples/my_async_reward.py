"""Rewards of your own that wait for somebody, say more than a number, or nothing at all.

straw train examples/my_task.py:Letters reward_type=examples/my_async_reward.py:starts_with_a_digit
straw train examples/my_task.py:Letters reward_type=examples/my_async_reward.py:when_even
"""


async def starts_with_a_digit(completions, prompts, log_metric, log_extra):
    """Async functions are awaited; what is logged stands beside the rewards."""
    found = [float(text[:1].isdigit()) for text in completions]
    log_metric("share_of_digits", sum(found) / len(found))
    log_extra("first", [text[:1] for text in completions])
    return found


def when_even(completions, trainer_state):
    """None where a function has nothing to say."""
    return [1.0 if len(text) % 2 == 0 else None for text in completions]
