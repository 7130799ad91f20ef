from __future__ import annotations

from tests.made_studies import make_study
from tests.report.study.verdicts.said import said


def test_more_levels_help_only_where_they_do(tmp_path):
    for bins, known in ((4, 400), (8, 100), (16, 104)):
        times = {64: [known * (1 + place / 50) for place in range(8)]}
        make_study(tmp_path, times, reward_type="binned_log_distance", reward_bins=bins)
    text = said(tmp_path, "Episodes to 0.9 of the bits at N = 64")
    assert "Beyond 8 bins, more levels are not faster" in text
    assert "8 bins 107 [103, 112]" in text
