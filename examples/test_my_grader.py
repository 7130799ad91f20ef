"""What my_grader.py promises: python -m pytest examples/test_my_grader.py"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from my_grader import ends_with_gold


def test_the_end_of_a_reply_counts():
    assert ends_with_gold("2 and 3 are 5", "5") and ends_with_gold("It is 5.\n", "5")
    assert not ends_with_gold("5, or 6", "5") and not ends_with_gold("", "5")
