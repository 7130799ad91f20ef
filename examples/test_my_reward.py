"""What my_reward.py promises: python -m pytest examples/test_my_reward.py"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from my_reward import short


def test_it_gives_one_number_for_each_completion():
    assert short(["", "abcd"]) == [0.0, -0.04]


def test_it_pays_what_it_declares():
    assert all(short.lowest <= paid <= short.highest for paid in short(["", "1", "a" * 1000]))
