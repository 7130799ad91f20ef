"""The assembler's programs, run by an interpreter of their own here, and by the kernel in `test_attacks`."""

from __future__ import annotations

import errno
import re
import struct
from pathlib import Path

import pytest

from straw.sandbox.filters import ALLOW, ERRNO, KILL, for_all, for_one_process
from straw.sandbox.syscalls import AARCH64, MACHINES, X86_64

HEADERS = {
    "x86_64": ("/usr/include/x86_64-linux-gnu/asm/unistd_64.h", r"#define __NR_(\w+) (\d+)"),
    "aarch64": ("/usr/include/asm-generic/unistd.h", r"#define __NR(?:3264)?_(\w+) (\d+)"),
}
OTHER_NAME = {"newfstatat": "fstatat"}  # in the generic table


def answer(code: bytes, machine: int, call: int, *arguments: int) -> int:
    """What the kernel's virtual machine makes of a filter: seccomp(2), linux/bpf_common.h."""
    data = struct.pack("=IIQ6Q", call, machine, 0, *[*arguments, 0, 0, 0, 0, 0, 0][:6])
    steps = [struct.unpack_from("=HBBI", code, place) for place in range(0, len(code), 8)]
    place = accumulator = 0
    while True:
        operation, if_true, if_false, value = steps[place]
        place += 1
        if operation == 0x06:
            return int(value)
        if operation == 0x20:
            (accumulator,) = struct.unpack_from("=I", data, value)
        elif operation in (0x15, 0x45):
            holds = accumulator == value if operation == 0x15 else bool(accumulator & value)
            place += if_true if holds else if_false
        else:
            raise AssertionError(f"unknown operation {operation:#x}")


@pytest.mark.parametrize("name", MACHINES)
def test_what_is_listed_is_allowed_and_nothing_else(name: str) -> None:
    machine, calls = MACHINES[name]
    code = for_all(name)
    for call, number in calls.items():
        assert answer(code, machine, number) == (ERRNO | errno.ENOTTY if call == "ioctl" else ALLOW), call
    for flag in (0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000):  # namespaces
        assert answer(code, machine, calls["clone"], 0x11 | flag) == ERRNO | errno.EPERM
    others = set(range(600)) - {*calls.values()}
    assert {answer(code, machine, number) for number in others} == {ERRNO | errno.ENOSYS}
    assert answer(code, machine, calls["ioctl"], 0, 0x5401) == ALLOW
    assert answer(code, machine, calls["ioctl"], 0, 0x5412) == ERRNO | errno.ENOTTY  # to type into a terminal


@pytest.mark.parametrize("name", MACHINES)
def test_numbers_of_another_machine_end_the_process(name: str) -> None:
    machine, calls = MACHINES[name]
    for code in (for_all(name), for_one_process(name)):
        assert answer(code, 0x40000003, calls["read"]) == KILL  # 32 bits
        assert answer(code, machine ^ 1, calls["read"]) == KILL
    assert answer(for_all(name), machine, 0x40000000 | calls["read"]) == ERRNO | errno.ENOSYS  # x32


@pytest.mark.parametrize("name", MACHINES)
def test_one_process_may_have_threads_and_no_children(name: str) -> None:
    machine, calls = MACHINES[name]
    code, refused = for_one_process(name), ERRNO | errno.EPERM
    threads, child, vforked = 0x3D0F00, 0x01200011, 0x4111
    assert answer(code, machine, calls["clone"], threads) == ALLOW
    assert answer(code, machine, calls["clone"], child) == answer(code, machine, calls["clone"], vforked) == refused
    assert [answer(code, machine, calls[one]) for one in ("fork", "vfork") if one in calls] in ([], [refused] * 2)
    assert answer(code, machine, calls["prlimit64"], 0) == ALLOW
    assert answer(code, machine, calls["prlimit64"], 1) == refused
    assert answer(code, machine, calls["read"]) == ALLOW


def test_a_filter_is_not_longer_than_the_kernel_takes() -> None:
    assert max(len(for_all(name)) // 8 for name in MACHINES) < 4096
    assert len(for_all("x86_64")) < 65536  # what a pipe holds


@pytest.mark.parametrize("name", HEADERS)
def test_numbers_are_those_of_the_kernel(name: str) -> None:
    path, pattern = HEADERS[name]
    if not Path(path).is_file():
        pytest.skip(f"{path} is not here (the headers of the kernel)")
    found: dict[str, int] = {}
    for call, number in re.findall(pattern, Path(path).read_text()):
        found.setdefault(call, int(number))
    ours = {"x86_64": X86_64, "aarch64": AARCH64}[name]
    theirs = {call: found.get(call, found.get(OTHER_NAME.get(call, ""))) for call in ours}
    assert ours == theirs
