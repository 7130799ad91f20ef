"""How episodes grow with N: a power, a log law, or what two sizes cannot tell apart.

binary: episodes to 0.9 of the bits scale as N^1.02 [0.97, 1.07], in proportion to N
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from straw.report.study.fits import LINEAR, LOG, POWER, Scaling
from straw.report.study.verdicts.verdict import Verdict
from straw.report.study.whole import Study
from straw.report.study.words import listed, middle, opening, three, within

MANY = 6  # series: more are told by their ends
APART = 2.0  # of AIC: below it two laws cannot be told apart


def scaling(study: Study) -> Iterator[Verdict]:
    known = {series: found["known"] for series, found in study.scalings.items() if "known" in found}
    if len(known) > MANY:
        yield Verdict(f"Episodes to 0.9 of the bits {ends(known)}.", "scaling")
        return
    for series, found in known.items():
        yield Verdict(opening(f"{series}: episodes to 0.9 of the bits {grows(found)}."), "scaling")


def ends(found: Mapping[str, Scaling]) -> str:
    """Of many series the flattest and the steepest: the table has them all."""
    flat, steep = (choose(found, key=lambda series: found[series].beta) for choose in (min, max))
    told = [f"N^{found[one].beta:.2f}{within(found[one].exponent, '.2f')} ({one})" for one in (flat, steep)]
    return f"of {len(found)} series scale as {told[0]} to {told[1]}"


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
    hits = {series: found["found"] for series, found in study.scalings.items() if "found" in found}
    if len(hits) > MANY:
        yield Verdict(f"The first hit alone: episodes {ends(hits)}.", "scaling")
        return
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
