"""What to be careful about: all of it is said as a warning, but for a rate that was chosen fairly."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations
from math import inf

from straw.report.study.analysis import Study
from straw.report.study.capacity import capacities_of
from straw.report.study.cells import Cell
from straw.report.study.equal import draws_unpaid
from straw.report.study.formatting import counted, listed, opening, spread, three
from straw.report.study.load_runs import WORK
from straw.report.study.rates import DRAWS, HALF, OTHERS, SAME
from straw.report.study.setting import setting
from straw.report.study.statistics.times import ENOUGH, time_of
from straw.report.study.totals import work
from straw.report.study.verdicts.verdict import FEW, Verdict

ENOUGH_SECRETS = 100  # for a channel whose discovery is geometric


def rates(study: Study) -> Iterator[Verdict]:
    where = {
        OTHERS: "on other secrets than those judged",
        DRAWS: "with other draws, of secrets that are judged,",
        HALF: "on half of the secrets, and judged on the others,",
    }
    for how, words in where.items():
        if chosen := [found.label for found in study.rates if found.how == how]:
            yield Verdict(f"Learning rates were chosen {words} for {counted(len(chosen), 'condition')}.", "rates")
    if same := [found.label for found in study.rates if found.how == SAME]:
        yield Verdict(
            f"The learning rate of {listed(same)} was chosen on the same secrets that are judged: read those as what "
            "can be reached, not as what to expect.",
            "rates", True,
        )  # fmt: skip
    if edges := [f"{found.label} ({found.chosen:g})" for found in study.rates if found.is_at_edge]:
        which = listed(edges) if len(edges) <= FEW else f"{len(edges)} of {counted(len(study.rates), 'condition')}"
        yield Verdict(
            f"The best learning rate lies at the edge of those tried, and a better one may lie beyond: {which}.",
            "rates", True,
        )  # fmt: skip


def censored(study: Study) -> Iterator[Verdict]:
    """Runs that did not get there, by condition; said apart where a reward cannot tell enough answers apart."""
    about = "scaling" if len(study.sizes) > 1 else "bits"
    short = [cell for cell in study.with_bits if not cell.is_control and num_censored(study, cell)]
    blind = [cell for cell in short if is_blind(study, cell)]
    for cell in short if len(short) - len(blind) <= FEW else blind:
        words = f"{opening(cell.label)}: {among(study, cell)}{how_so(study, cell)} ({setting([cell])})."
        yield Verdict(words, about, True)
    if len(short) - len(blind) > FEW:
        others = [cell for cell in short if cell not in blind]
        never = [cell.label for cell in others if not study.medians[cell.label]["known"].is_reached]
        unreached = f"; the medians of {listed(never)} are not reached" if never else ""
        yield Verdict(
            f"In {len(others)} of {counted(len(study.with_bits), 'condition')} some runs did not know 0.9 of the bits "
            f"when they ended; they are kept as censored{unreached}.",
            about, True,
        )  # fmt: skip


def num_censored(study: Study, cell: Cell) -> int:
    known = study.medians[cell.label].get("known")
    return known.num_censored if known is not None else 0


def is_blind(study: Study, cell: Cell) -> bool:
    """Whether its reward tells fewer bits apart than are to be known."""
    return study.identifiable.get(cell.label, inf) < ENOUGH * (cell.ceiling_bits or 0)


def among(study: Study, cell: Cell) -> str:
    watched = [time.episodes for run in cell.runs if (time := time_of(run, "known")) and not time.happened]
    share = f"{num_censored(study, cell)} of {counted(study.medians[cell.label]['known'].total, 'run')}"
    return f"{share} did not know 0.9 of the bits within {spread(watched)} episodes"


def how_so(study: Study, cell: Cell) -> str:
    if is_blind(study, cell):
        ceiling = study.identifiable[cell.label]
        return f", and its reward tells at most {ceiling:.1f} of the {cell.ceiling_bits:.3g} bits apart"
    if study.medians[cell.label]["known"].is_reached:
        return "; they are kept as censored, and the median is reached without them"
    return "; its median is not reached"


def ended(study: Study) -> Iterator[Verdict]:
    """Who leaves at the moment of knowing has forgotten nothing yet."""
    runs = [run for cell in study.cells for run in cell.runs]
    if early := sum(run.knew_enough for run in runs):
        yield Verdict(
            f"{early:,} of {counted(len(runs), 'run')} were over as soon as they knew enough (stop_at): what they "
            "absorbed is that of this moment, and says nothing of forgetting. The law of the ledger counts them, after "
            "the episodes of the others, with all that they could know by then.",
            "ledger", True,
        )  # fmt: skip


def unpaid(study: Study) -> Iterator[Verdict]:
    """Episodes are not all that this learner lives on, and tokens that are alike are kind to it."""
    learners = [cell for cell in study.cells if draws_unpaid(cell)]
    if not learners:
        return
    spent = [f"{cell.label} {drawn_by(cell)}" for cell in learners]
    yield Verdict(
        f"surrogate lists or draws replies that nobody pays for, no episodes: a run of {'; '.join(spent)}. It compares "
        "tokens, and what a pretrained model makes of them: where a number is one token of a model that has read "
        "nothing it is no faster than guessing.",
        "equal", True,
    )  # fmt: skip


def drawn_by(cell: Cell) -> str:
    updates, draws = (work(cell, name) for name in WORK)
    if updates is None or draws is None:
        return "did not count them"
    episodes = spread([run.episodes for run in cell.runs])
    return f"drew {three(draws)} and made {three(updates)} updates beside {episodes} episodes"


def models(study: Study) -> Iterator[Verdict]:
    """What ran on another model is another experiment."""
    by_model: dict[str, list[str]] = {}
    for cell in study.cells:
        names = by_model.setdefault(cell.runs[0].options.get("model_name", ""), [])
        names += [cell.series] if cell.series not in names else []
    if len(by_model) > 1:
        whose = "; ".join(f"{model}: {shortly(names)}" for model, names in by_model.items())
        yield Verdict(
            f"These conditions ran on different models, so compare their pace with care. {whose}.", "bits", True
        )


def shortly(series: Sequence[str]) -> str:
    return listed(series) if len(series) < FEW else f"{len(series)} series"


def secrets(study: Study) -> Iterator[Verdict]:
    """How many stand behind an exponent: waiting for a hit is geometric, and a few secrets show many exponents."""
    for series, found in study.scalings.items():
        scaling = found.get("known") or found.get("found")
        if scaling is None:
            continue
        behind = min(scaling.secrets)
        if study.series[series][0].channel in ("binary", "noisy_binary") and behind < ENOUGH_SECRETS:
            yield Verdict(
                f"{opening(series)}: {counted(behind, 'secret')} at each N behind the exponent. To find a secret by "
                "right or wrong alone is a matter of luck: ten secrets at each of four N give exponents from 0.8 to "
                f"1.2. Take {ENOUGH_SECRETS} or more, and judge what follows the first hit by itself.",
                "scaling", True,
            )  # fmt: skip


def shared_draws(study: Study) -> Iterator[Verdict]:
    """Learners with the same seeds make the same guesses until they are paid differently."""
    for one in capacities_of(study.with_bits):
        draws = [{(run.secret, run.seed) for run in cell.runs} for cell in one.cells]
        if any(first & other for first, other in combinations(draws, 2)):
            yield Verdict(
                f"The learners of {one.reward} at N = {one.N:,} share seeds, so they make the same guesses until their "
                "weights differ: they are compared within a secret and a seed, and their waits are one sample of luck, "
                "not several. own_draws = true on the sweep's page gives each of them draws of its own.",
                "capacity", True,
            )  # fmt: skip
