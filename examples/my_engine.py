"""An engine of your own: a context manager that yields whatever keeps the contract of straw.engines.base.

straw train secret N=16 engine=examples/my_engine.py:counting
"""

from contextlib import contextmanager


@contextmanager
def counting(page, local, say):
    """The local engine, which says in the end how many replies it wrote."""
    count, sample = 0, local.sample

    def counted(prompts, num_samples, params, seeds):
        nonlocal count
        count += len(prompts) * num_samples
        return sample(prompts, num_samples, params, seeds)

    local.sample = counted
    with local:
        yield local
    say(f"{count} replies were written")
