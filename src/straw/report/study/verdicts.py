"""What the runs say, in sentences that are computed: other runs, other sentences.

Each stands on numbers that a table of the report holds. A comparison is only made where the data can carry it, and what
they cannot carry is said as a warning: too few secrets, medians that were not reached, a rate at the edge.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from straw.report.study.cells import Cell, width
from straw.report.study.fits import LINEAR, LOG, POWER, Scaling
from straw.report.study.rates import DRAWS, HALF, OTHERS, SAME
from straw.report.study.survival import same_pace
from straw.report.study.times import ENOUGH, time_of
from straw.report.study.totals import bits_per_episode, efficiency, law, mean_last
from straw.report.study.whole import FAIR, Study
from straw.report.study.words import counted, estimate, listed, middle, opening, three, within

ENOUGH_SECRETS = 100  # for a channel whose discovery is geometric
TRUSTED = 10  # secrets: fewer make an interval too narrow
APART = 2.0  # of AIC: below it two laws cannot be told apart
FEW = 4  # conditions that get a sentence each
UNLIKELY = 0.05


@dataclass(frozen=True, slots=True)
class Verdict:
    text: str
    about: str  # the figure it stands on
    is_warning: bool = False


def verdicts_of(study: Study) -> list[Verdict]:
    """Findings first, each figure's in the order of the figures; warnings behind them."""
    parts = (scaling, discovery, pace, levels, singles, accuracy, ledger, controls, rates, censored, models, secrets)
    found = [verdict for part in parts for verdict in part(study)]
    return sorted(found, key=lambda verdict: verdict.is_warning)


# --- how it grows with N -------------------------------------------------------------------------


def scaling(study: Study) -> Iterator[Verdict]:
    for series, found in study.scalings.items():
        if "known" in found:
            yield Verdict(opening(f"{series}: episodes to 0.9 of the bits {grows(found['known'])}."), "scaling")


def grows(scaling: Scaling) -> str:
    """scale as N^1.02 [0.97, 1.07], in proportion to N; or, where a log law is the better one, in its words."""
    power = f"N^{scaling.beta:.2f}{within(scaling.exponent, '.2f')}"
    best = scaling.fits[0]
    per_bit = f"{three(scaling.fit(LOG).a)}{within(scaling.per_bit)} for each bit of N"
    is_log = best.law == LOG and min(scaling.behind(POWER), scaling.behind(LINEAR)) > APART
    if is_log and len(scaling.sizes) > 2:
        return f"grow with log2 N, {per_bit}; a power would be {power}, {told(scaling, POWER)}"
    return f"scale as {power}{proportion(scaling)}; {laws(scaling)}"


def proportion(scaling: Scaling) -> str:
    if scaling.exponent is None:
        return ""
    low, high = scaling.exponent
    if low > 1:
        return ", faster than N"
    if high < 1:
        return ", slower than N"
    return ", in proportion to N as far as these runs can tell"


def laws(scaling: Scaling) -> str:
    if len(scaling.sizes) < 3:
        return "two sizes of N cannot tell one law from another"
    best, *others = (fit.law for fit in scaling.fits)
    close = [law for law in others if scaling.behind(law) <= APART]
    far = [law for law in others if law not in close]
    words = f"{best} has the lowest AIC"
    words += f", {listed(close)} {'is' if len(close) == 1 else 'are'} within {APART:g} of it" if close else ""
    return words + "".join(f", {told(scaling, law)} for {law}" for law in far)


def told(scaling: Scaling, law: str) -> str:
    return f"{scaling.behind(law):.1f} of AIC behind" if law == POWER else f"{scaling.behind(law):.1f} more"


def discovery(study: Study) -> Iterator[Verdict]:
    """The first hit apart from what follows it."""
    for series, found in study.scalings.items():
        cell = study.series[series][-1]
        settled = study.medians[cell.label].get("settled")
        if "found" not in found or settled is None:
            continue
        first = found["found"]
        words = f"{opening(series)}: the first hit alone scales as N^{first.beta:.2f}{within(first.exponent, '.2f')}; "
        words += f"from there to 0.9 of the bits at N = {cell.N:,}: {middle(settled)} episodes"
        if "settled" in found:
            after = found["settled"]
            words += f", which scales as N^{after.beta:.2f}{within(after.exponent, '.2f')}"
        yield Verdict(f"{words}.", "scaling")


def pace(study: Study) -> Iterator[Verdict]:
    """Bits per episode, at the N that most conditions have."""
    N = common_size(study)
    cells = [cell for cell in study.of_size(N) if not cell.is_control]
    found = [(cell, rate) for cell in cells if (rate := bits_per_episode(cell)) is not None]
    if N is None or not found:
        return
    told = "; ".join(f"{cell.series} {estimate(rate)}" for cell, rate in found)
    yield Verdict(f"Bits per episode at N = {N:,}: {told}.", "bits")
    ratios = [
        f"{cell.series} {three(median.value / ideal)}"
        for cell, _ in found
        if (median := study.medians[cell.label].get("known")) is not None and median.is_reached
        and (ideal := ideal_of(study, cell))
    ]  # fmt: skip
    if ratios:
        yield Verdict(
            f"Times as many episodes as an ideal observer that guesses in groups of the same size, at N = {N:,}: "
            f"{'; '.join(ratios)}.",
            "bits",
        )


def ideal_of(study: Study, cell: Cell) -> float | None:
    """Episodes to 0.9 of the bits, in whole groups: nothing returns inside one."""
    seen = study.observers.get(cell.label)
    if seen is None or (episodes := seen.paces[FAIR].to_nine_tenths) is None:
        return None
    return -(-episodes // seen.group) * seen.group


def common_size(study: Study) -> int | None:
    """The N with the most conditions, the largest of equals."""
    return max(study.sizes, key=lambda N: (len(study.of_size(N)), N), default=None)


# --- levels of a reward --------------------------------------------------------------------------


def graded_cells(study: Study, N: int | None) -> list[Cell]:
    """Those with a number of levels: binary, bins, and the distance itself."""
    wanted = ("binary", "binned_log_distance", "log_distance")
    return sorted((cell for cell in study.of_size(N) if cell.channel in wanted), key=lambda c: width(c.runs[0]))


def levels(study: Study) -> Iterator[Verdict]:
    """From how many levels on more of them save nothing that can be seen."""
    for N in study.sizes:
        cells = graded_cells(study, N)
        told = [cell for cell in cells if (one := study.medians[cell.label].get("known")) and one.is_reached]
        if len({width(cell.runs[0]) for cell in cells}) < 3 or len(told) < 2:
            continue
        known = {cell.label: study.times[cell.label]["known"] for cell in told}

        def is_faster(one: Cell, other: Cell) -> bool:
            p = same_pace(known[one.label], known[other.label])  # noqa: B023
            quicker = study.medians[one.label]["known"].value < study.medians[other.label]["known"].value
            return quicker and p is not None and p < UNLIKELY

        enough = next(
            cell for place, cell in enumerate(told) if not any(is_faster(other, cell) for other in told[place + 1 :])
        )
        medians = "; ".join(f"{cell.series} {middle(study.medians[cell.label].get('known'))}" for cell in cells)
        more = told[told.index(enough) + 1 :]
        saved = (
            f"beyond {enough.series}, more levels are not faster than chance would have it "
            f"(log-rank test at 5%, {spread([cell.num_secrets for cell in told])} secrets each)"
            if more
            else f"{enough.series} is the fastest, and faster than each of fewer levels or equal to it"
        )
        yield Verdict(f"Episodes to 0.9 of the bits at N = {N:,}: {medians}. {opening(saved)}.", "levels")


# --- single conditions ---------------------------------------------------------------------------


def singles(study: Study) -> Iterator[Verdict]:
    """A sentence each, where there are few."""
    cells = [cell for cell in study.with_bits if not cell.is_control]
    if len(cells) > FEW or any(study.scalings.values()):
        return
    for cell in cells:
        bits, known = mean_last(cell, "bits_known"), study.medians[cell.label].get("known")
        if bits is None or cell.ceiling_bits is None:
            continue
        episodes = max(run.episodes for run in cell.runs)
        among = f", the mean of {counted(len(cell.runs), 'run')}" if len(cell.runs) > 1 else ""
        when = f"; 0.9 of them after {middle(known)}" if known is not None and known.is_reached else ""
        yield Verdict(
            f"{opening(cell.label)}: {estimate(bits)} of {cell.ceiling_bits:.3g} bits known after {episodes:,} "
            f"episodes{among}{when}.",
            "bits",
        )


def accuracy(study: Study) -> Iterator[Verdict]:
    for cell in study.with_accuracy:
        measured = [run for run in cell.runs if len(run.column("accuracy").values)]
        start = sum(float(run.column("accuracy").values[0]) for run in measured) / len(measured)
        end = mean_last(cell, "accuracy")
        episodes = max(run.episodes for run in measured)
        yield Verdict(
            f"{opening(cell.label)}: accuracy on held-out problems from {start:.3f} to {estimate(end)} after "
            f"{episodes:,} episodes, {counted(len(measured), 'run')}.",
            "accuracy",
        )


# --- the ledger ----------------------------------------------------------------------------------


def ledger(study: Study) -> Iterator[Verdict]:
    N = common_size(study)
    told = [
        f"{cell.series} {three(absorb.value)}{within(absorb.interval)}"
        for cell in study.of_size(N)
        if not cell.is_control and (absorb := efficiency(cell, "eta_absorb")) is not None
    ]
    if told:
        at = f" at N = {N:,}" if N is not None else ""
        yield Verdict(
            f"Of the bits that an ideal observer would have received{at}, absorbed: {'; '.join(told)}.", "ledger"
        )
    for against in ("offered_bits", "received_bits"):
        held = [(cell, found) for cell in study.cells if (found := law(cell, against)) is not None]
        broken = [cell.label for cell, found in held if found.interval is not None and found.interval.low > 1]
        what = against.removesuffix("_bits")
        if broken:
            yield Verdict(
                f"The law of the ledger does not hold for {listed(broken)}: the mean of 2^(absorbed − {what}) is above "
                "1. Either the secrets were not drawn evenly, or something is charged wrongly.",
                "ledger", True,
            )  # fmt: skip
        elif held and against == "offered_bits":
            most = max(held, key=lambda one: one[1].value)
            yield Verdict(
                f"The law of the ledger, that the mean of 2^(absorbed − offered) over secrets is at most 1, is kept: "
                f"at most {three(most[1].value)}, by {most[0].label}.",
                "ledger",
            )


def controls(study: Study) -> Iterator[Verdict]:
    for cell in study.with_bits:
        if not cell.is_control or (bits := mean_last(cell, "bits_known")) is None:
            continue
        words = f"{opening(cell.label)} (control): {estimate(bits)} bits known at the end"
        if cell.channel != "random":
            yield Verdict(f"{words}.", "controls")
            continue
        if bits.interval is None:
            yield Verdict(f"{words}; from so few runs that may be luck or a leak.", "controls")
            continue
        leaks = bits.interval.low > 0
        found = "more than a coin can tell" if leaks else "no more than a coin tells"
        yield Verdict(f"{words}, {found}.", "controls", leaks)


# --- what to be careful about --------------------------------------------------------------------


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


def spread(values: Sequence[float]) -> str:
    low, high = min(values), max(values)
    return three(low) if low == high else f"{three(low)} to {three(high)}"


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
