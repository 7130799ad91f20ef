"""silence = ["kl_spike", "end_tokens"]: the gates and alarms that a page wants to hear nothing of."""

from __future__ import annotations

from collections.abc import Iterable

from straw.errors import ConfigError, did_you_mean
from straw.training.checks.preflight import GATES
from straw.training.monitor.alarms import ALARMS

NAMES = (*GATES, *ALARMS)


def check_silence(names: Iterable[str]) -> None:
    for name in names:
        if name not in NAMES:
            raise ConfigError(
                f"silence holds names of gates and alarms; got {name!r}: {did_you_mean(name, NAMES)} A loss that is "
                "no number stops the run in any case."
            )
