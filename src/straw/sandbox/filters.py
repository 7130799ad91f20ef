"""Filters of system calls (seccomp), put together as the kernel reads them: a small assembler and two filters.

    for_all()          every call that `syscalls` names is allowed, any other answers "not implemented"
    for_one_process()  and from here on: no new process, and limits for nobody but the one who asks

A filter is a list of instructions of eight bytes (classic BPF). It sees the number of the call, the machine and the low
half of an argument, never what a pointer points at. A call by another machine's numbers ends the process.
"""

from __future__ import annotations

import errno
import os
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from straw.sandbox.syscalls import MACHINES

ALLOW, KILL, ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
LOAD, EQUALS, HAS_BITS, RETURN = 0x20, 0x15, 0x45, 0x06  # operations, with a constant
CALL, MACHINE, ARGUMENTS = 0, 4, 16  # where they stand in what a filter is shown
CLONE_THREAD, NAMESPACES = 0x00010000, 0x7E020000  # of clone's flags
OF_TERMINALS = (0x5401, 0x540F, 0x5413, 0x541B, 0x5421, 0x5450, 0x5451)  # isatty, size, bytes waiting, non-blocking


@dataclass(frozen=True, slots=True)
class Rule:
    """What one call is answered: allowed, or where it depends on an argument, with this error when it does not fit."""

    call: str
    error: int = 0  # 0: allowed
    argument: int | None = None
    values: tuple[int, ...] = ()  # the argument is one of these
    bits: int = 0  # or has these
    never: int = 0  # or has none of these


def for_all(machine: str = "") -> bytes:
    """The filter that a sandbox begins with: a list of what is allowed."""
    name = machine or os.uname().machine
    rules = [
        Rule("ioctl", errno.ENOTTY, argument=1, values=OF_TERMINALS),
        Rule("clone", errno.EPERM, argument=0, never=NAMESPACES),
        *(Rule(call) for call in MACHINES[name][1] if call not in ("ioctl", "clone")),
    ]
    return assembled(name, rules, otherwise=ERRNO | errno.ENOSYS)


def for_one_process(machine: str = "") -> bytes:
    """What a process that wants nobody beside it puts on top; it cannot be taken off again."""
    rules = [
        *(Rule(call, errno.EPERM) for call in ("fork", "vfork")),
        Rule("clone", errno.EPERM, argument=0, bits=CLONE_THREAD),
        Rule("prlimit64", errno.EPERM, argument=0, values=(0,)),
    ]
    return assembled(machine or os.uname().machine, rules, otherwise=ALLOW)


def assembled(machine: str, rules: Iterable[Rule], otherwise: int) -> bytes:
    """The first rule for a call decides; a call that the machine lacks needs none."""
    number, calls = MACHINES[machine]
    code = [step(LOAD, MACHINE), step(EQUALS, number, 1, 0), step(RETURN, KILL), step(LOAD, CALL)]
    for rule in rules:
        if rule.call in calls:
            block = decided(rule)
            code += [step(EQUALS, calls[rule.call], 0, len(block)), *block]
    return b"".join([*code, step(RETURN, otherwise)])


def decided(rule: Rule) -> Sequence[bytes]:
    if rule.argument is None:
        return [step(RETURN, ERRNO | rule.error if rule.error else ALLOW)]
    tests = [(EQUALS, value) for value in rule.values] + ([(HAS_BITS, rule.bits)] if rule.bits else [])
    code = [step(LOAD, ARGUMENTS + 8 * rule.argument)]
    if rule.never:
        return [*code, step(HAS_BITS, rule.never, 0, 1), step(RETURN, ERRNO | rule.error), step(RETURN, ALLOW)]
    for operation, value in tests:
        code += [step(operation, value, 0, 1), step(RETURN, ALLOW)]
    return [*code, step(RETURN, ERRNO | rule.error)]


def step(operation: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    """One instruction; jumps count the instructions that are left out."""
    return struct.pack("=HBBI", operation, if_true, if_false, value)
