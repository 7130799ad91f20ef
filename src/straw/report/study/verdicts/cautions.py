"""What to be careful about: all of it is said as a warning, but for a rate that was chosen fairly."""

from __future__ import annotations

from collections.abc import Iterator

from straw.report.study.rates import DRAWS, HALF, OTHERS, SAME
from straw.report.study.times import ENOUGH, time_of
from straw.report.study.verdicts.verdict import FEW, Verdict
from straw.report.study.whole import Study
from straw.report.study.words import counted, listed, opening, spread

ENOUGH_SECRETS = 100  # for a channel whose discovery is geometric
TRUSTED = 10  # secrets: fewer make an interval too narrow


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
    for cell in study.with_bits:
        known = study.medians[cell.label].get("known")
        if known is None or not known.num_censored or cell.is_control:
            continue
        watched = [time.episodes for run in cell.runs if (time := time_of(run, "known")) and not time.happened]
        among = f"{known.num_censored} of {counted(known.total, 'run')}"
        words = f"{opening(cell.label)}: {among} did not know 0.9 of the bits within {spread(watched)} episodes"
        ceiling = study.identifiable.get(cell.label)
        if ceiling is not None and ceiling < ENOUGH * (cell.ceiling_bits or 0):
            words += f", and its reward tells at most {ceiling:.1f} of the {cell.ceiling_bits:.3g} bits apart"
        elif known.is_reached:
            words += "; they are kept as censored, and the median is reached without them"
        else:
            words += "; its median is not reached"
        yield Verdict(f"{words}.", "scaling" if len(study.sizes) > 1 else "bits", True)


def ended(study: Study) -> Iterator[Verdict]:
    """Who leaves at the moment of knowing has forgotten nothing yet."""
    runs = [run for cell in study.cells for run in cell.runs]
    if early := sum(run.knew_enough for run in runs):
        yield Verdict(
            f"{early:,} of {counted(len(runs), 'run')} were over as soon as they knew enough (stop_at): what they "
            "absorbed is that of this moment, and says nothing of forgetting.",
            "ledger", True,
        )  # fmt: skip


def models(study: Study) -> Iterator[Verdict]:
    """What ran on another model is another experiment."""
    by_model: dict[str, list[str]] = {}
    for cell in study.cells:
        names = by_model.setdefault(cell.runs[0].options.get("model_name", ""), [])
        names += [cell.series] if cell.series not in names else []
    if len(by_model) > 1:
        told = "; ".join(f"{model}: {', '.join(names)}" for model, names in by_model.items())
        yield Verdict(
            f"These conditions ran on different models, so compare their pace with care. {told}.", "bits", True
        )


def secrets(study: Study) -> Iterator[Verdict]:
    """How many stand behind an exponent: waiting for a hit is geometric, and a few secrets show nearly any exponent."""
    few: dict[int, list[str]] = {}
    for series, found in study.scalings.items():
        scaling = found.get("known") or found.get("found")
        if scaling is None:
            continue
        behind = min(scaling.secrets)
        if study.series[series][0].channel in ("binary", "noisy_binary") and behind < ENOUGH_SECRETS:
            yield Verdict(
                f"{opening(series)}: {counted(behind, 'secret')} at each N behind the exponent. To find a secret by "
                "right or wrong alone is a matter of luck: ten secrets give exponents from 0.7 to 1.3. Take "
                f"{ENOUGH_SECRETS} or more, and judge what follows the first hit by itself.",
                "scaling", True,
            )  # fmt: skip
        elif behind < TRUSTED:
            few.setdefault(behind, []).append(series)
    for behind, series_of in few.items():
        yield Verdict(
            f"{opening(listed(series_of))}: {counted(behind, 'secret')} at each N behind the exponent, too few for an "
            "interval that can be trusted.",
            "scaling", True,
        )  # fmt: skip
