"""A data set of your own, from Python: rows with prompts, whatever columns you like, and a reward that reads them.

python examples/my_dataset.py
"""

import straw

rows = [{"prompt": f"Digits, please: {turn}.", "allowed": "0123456789"} for turn in range(40)]


def written_in(completions, allowed, **columns):
    """The share of each reply that is made of the characters of its row."""
    return [
        sum(one in some for one in text) / max(1, len(text)) for text, some in zip(completions, allowed, strict=True)
    ]


def learn(**options):
    """A tenth of the prompts is held out, and what the reward pays those is measured."""
    return straw.train(rows, reward=written_in, max_tokens=4, **options)


if __name__ == "__main__":
    run = learn()
    print(run.path, [row["eval_reward"] for row in run.metrics if "eval_reward" in row])
