from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from straw.engines import precision
from straw.engines.precision import cpu_flags, is_fast_in_bfloat16

ZEN4 = "processor : 0\nflags\t\t: fpu avx2 avx512f avx512_bf16\nbugs : none\nflags : later\n"
SAPPHIRE = "flags\t\t: fpu amx_bf16 amx_tile\n"
GRAVITON = "processor\t: 0\nFeatures\t: fp asimd i8mm bf16\n"
LAPTOP = "flags\t\t: fpu avx2 f16c\nbugs\t\t: avx512_bf16\n"


@pytest.mark.parametrize(
    ("told", "is_fast"), [(ZEN4, True), (SAPPHIRE, True), (GRAVITON, True), (LAPTOP, False), ("", False), (None, False)]
)
def test_a_processor_is_fast_in_bfloat16_where_it_has_instructions_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, told: Any, is_fast: bool
) -> None:
    if told is not None:
        (tmp_path / "cpuinfo").write_text(told)
    monkeypatch.setattr(precision, "CPUINFO", tmp_path / "cpuinfo")
    cpu_flags.cache_clear()
    try:
        assert is_fast_in_bfloat16("cpu") == is_fast
    finally:
        cpu_flags.cache_clear()


@pytest.mark.parametrize(("capability", "is_fast"), [((7, 5), False), ((8, 0), True), ((9, 0), True)])
def test_a_gpu_is_fast_in_bfloat16_from_ampere_on(
    monkeypatch: pytest.MonkeyPatch, capability: Any, is_fast: bool
) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    assert is_fast_in_bfloat16("cuda:1") == is_fast


def test_nobody_measured_a_mac() -> None:
    assert not is_fast_in_bfloat16("mps")
