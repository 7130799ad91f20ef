"""What can go wrong for a person, each with the rule, the value and the way out.

`StrawError` speaks to people and becomes one line at the command line. A bug in straw is any
other exception, and keeps its traceback.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class StrawError(Exception):
    """Something a person can mend."""


class ConfigError(StrawError, ValueError):
    """A page or an option that cannot be run."""


class DataError(StrawError, ValueError):
    """Data that cannot be read, or cannot be asked about."""


class ModelError(StrawError):
    """A model that cannot be found, read or trained."""


class RunError(StrawError):
    """A run folder that cannot be written or read."""


class TrainingError(StrawError):
    """A run that had to stop: NaN, a failed gate."""


class RewardError(StrawError):
    """A reward function of somebody else that gives what is no reward: no gate is to blame, and none helps."""


class EngineFailed(TrainingError):
    """Processes died, fell silent or could not be begun: nothing about the page is to blame, and no gate."""


class EngineLost(EngineFailed):
    """The process that trained is gone, and with it the newest weights; a run goes on from its newest checkpoint."""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """' Did you mean X?' or the names there are."""
    names = sorted(known)
    near = get_close_matches(name, names, n=1, cutoff=0.5)
    return f"did you mean {near[0]!r}?" if near else f"known: {', '.join(names)}"
