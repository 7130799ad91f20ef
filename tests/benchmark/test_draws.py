from __future__ import annotations

from collections import Counter

from scipy.stats import chisquare

from straw.benchmark.draws import Draw
from straw.benchmark.games import FORMS

BINARY, BINS, DISTANCE = FORMS["short"]


def secrets(submission: str = "m", salt: str = "", cell: object = BINARY, count: int = 40) -> list[int]:
    return [Draw(cell, number, submission, salt).secret for number in range(count)]  # type: ignore[arg-type]


def test_secrets_follow_from_submission_salt_cell_and_number() -> None:
    assert secrets() == secrets()
    others = [secrets("n"), secrets(salt="s"), secrets(cell=BINS), secrets(cell=DISTANCE)]
    assert all(one != secrets() for one in others)
    assert all(0 <= one < 64 for one in secrets(count=1000))


def test_secrets_are_even_draws() -> None:
    counts = Counter(secrets(count=6400))
    assert chisquare([counts[secret] for secret in range(64)]).pvalue > 1e-3


def test_a_run_s_own_seed_tells_nothing_of_its_secret() -> None:
    """Parities of both, side by side: a fair coin."""
    draws = [Draw(BINARY, number, "m") for number in range(4000)]
    alike = sum(draw.secret % 2 == draw.seed % 2 for draw in draws)
    assert abs(alike - 2000) < 4 * 1000**0.5
    assert len({draw.seed for draw in draws}) == 4000
