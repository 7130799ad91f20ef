"""Who shows a run that is trained from Python: a notebook's output, a terminal's live line, or nobody."""

from __future__ import annotations

import sys
from typing import Protocol

from straw.library.live.notebook import NotebookWatcher
from straw.library.live.watcher import LiveWatcher
from straw.training.monitor.callbacks import Watcher


class Shown(Watcher, Protocol):
    """A watcher that has to be told when it is over."""

    def end(self) -> None: ...


def watcher_for(quiet: bool) -> Shown:
    """Ctrl-C, or a notebook's stop button, is a wish to all of them: the step that goes on is finished and kept."""
    return NotebookWatcher() if in_notebook() and not quiet else LiveWatcher(quiet)


def in_notebook() -> bool:
    """Whether this is the kernel of a notebook, and not a terminal."""
    known = sys.modules.get("IPython")
    shell = known.get_ipython() if known is not None else None
    return hasattr(shell, "kernel")
