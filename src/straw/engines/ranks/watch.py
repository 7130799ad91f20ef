"""Several processes that wait for one another, looked at as one.

    gone       any of them, by its descriptor: for `group` to see
    stopped    any of them (SIGSTOP), for answer_s
    silent     all of them, for answer_s: no beat, no processor used, no disk waited for

A rank that waits for the rows of another is silent through no fault of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress

from straw.engines.monarch.memory.cgroup import oom_kills
from straw.engines.monarch.processes.identity import Known, stat_of
from straw.engines.monarch.processes.silence import Patience, Threads, Watch, spent_by


class GroupWatch(Watch):
    def __init__(self, all_known: Sequence[Known], beats: Callable[[], int], patience: Patience) -> None:
        super().__init__(None, beats, patience)
        self.all_known = all_known
        self.times: list[Threads] = [{} for _ in all_known]
        self.who = ""

    def look(self, seconds: float) -> str:
        why = super().look(seconds)
        if not why:
            return ""
        return f"{self.who} {why}" if self._is_stopped() else f"the ranks {why}"

    def how_it_ended(self) -> str:
        if oom_kills() > self.kills:
            return "died: memory ran out, and the system ended it. Lower tokens_per_microbatch, or the size of a batch"
        return "died"

    def _is_stopped(self) -> bool:
        for rank, known in enumerate(self.all_known):
            with suppress(OSError, IndexError):
                if stat_of(known.pid)[0] in "Tt":
                    self.who = f"rank-{rank}"
                    return True
        return False

    def _spent(self) -> tuple[float, float, bool]:
        """By the busiest of them."""
        found = [spent_by(known.pid, times) for known, times in zip(self.all_known, self.times, strict=True)]
        self.times = [times for _, _, _, times in found]
        return (
            max(ran for ran, _, _, _ in found),
            max(waited for _, waited, _, _ in found),
            any(reads for _, _, reads, _ in found),
        )
