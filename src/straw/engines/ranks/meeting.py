"""A file in memory by which ranks find one another; it has no name, so nobody else comes to it and nothing is left.

torch's own meeting place is a port that any user of the machine may call.
"""

from __future__ import annotations

import os


class Meeting:
    def __enter__(self) -> Meeting:
        self.descriptor = os.memfd_create("meeting", os.MFD_CLOEXEC)
        self.path = f"/proc/{os.getpid()}/fd/{self.descriptor}"
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self.descriptor)
