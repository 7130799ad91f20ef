"""A reward of your own as a plain function, in the form that TRL's users know.

straw train countdown reward_type=examples/my_reward.py:short
straw train countdown reward_weights=correctness=1,examples/my_reward.py:short=0.1

It gets all completions of a step together, and by name whatever else it asks for: prompts, any column of the data,
trainer_state, log_metric.
"""


def short(completions, **columns):
    """Shorter is better: 0 for nothing, -1 for a hundred characters."""
    return [-len(text) / 100 for text in completions]


short.lowest, short.highest = -100.0, 0.0  # what it can pay: with this the ledger knows how much a reward can say
