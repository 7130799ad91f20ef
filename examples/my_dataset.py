"""A data set of your own, from Python: rows with prompts, whatever columns you like, and a reward that reads them.

python examples/my_dataset.py
"""

import straw

rows = [{"prompt": f"Say {letter} and nothing else.", "letter": letter} for letter in "abcdefgh" for _ in range(4)]


def says_it(completions, letter, **columns):
    """The share of a reply that is its letter."""
    return [text.count(one) / max(1, len(text)) for text, one in zip(completions, letter, strict=True)]


def learn(**options):
    """A tenth of the prompts is held out, and what the reward pays those is measured: eval_reward."""
    return straw.train(rows, reward=says_it, model="tiny-0.2M", max_tokens=4, **options)


if __name__ == "__main__":
    run = learn()
    print(run.path, [row["eval_reward"] for row in run.metrics if "eval_reward" in row])
