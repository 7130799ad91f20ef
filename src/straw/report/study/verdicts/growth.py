"""How episodes grow with N: a power, a log law, or what two sizes cannot tell apart.

binary: episodes to 0.9 of the bits scale as N^1.02 [0.97, 1.07], which may be N
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from straw.report.study.analysis import Study
from straw.report.study.formatting import listed, middle, opening, three, within
from straw.report.study.setting import setting
from straw.report.study.statistics.fits import LINEAR, LOG, POWER, Scaling
from straw.report.study.verdicts.verdict import Part, Verdict

MANY = 6  # series: more are told by their ends
APART = 2.0  # of AIC: below it two laws cannot be told apart


def known_of(study: Study) -> dict[str, Scaling]:
    return {series: found["known"] for series, found in study.scalings.items() if "known" in found}


def questions(study: Study) -> list[str]:
    """Of each series whether it grows slower or faster than N."""
    known = known_of(study)
    return list(known) if len(known) <= MANY else []


def scaling(study: Study, series: str, level: float) -> Verdict:
    found = known_of(study)[series]
    where = setting(study.series[series])
    return Verdict(opening(f"{series}: episodes to 0.9 of the bits {grows(found, level)} ({where})."), "scaling")


def many(study: Study) -> Iterator[Verdict]:
    known = known_of(study)
    if len(known) > MANY:
        cells = [cell for series in known for cell in study.series[series]]
        yield Verdict(f"Episodes to 0.9 of the bits {ends(known)} ({setting(cells)}).", "scaling")


def ends(found: Mapping[str, Scaling]) -> str:
    """Of many series the flattest and the steepest: the table has them all."""
    flat, steep = (choose(found, key=lambda series: found[series].beta) for choose in (min, max))
    told = [f"{power(found[one])} ({one})" for one in (flat, steep)]
    return f"of {len(found)} series scale as {told[0]} to {told[1]}"


def power(found: Scaling) -> str:
    """N^1.02 [0.97, 1.07]"""
    return f"N^{found.beta:.2f}{within(found.exponent, '.2f')}"


def grows(found: Scaling, level: float) -> str:
    """scale as N^1.02 [0.97, 1.07], which may be N; or, where a log law fits best, in its words."""
    best = found.fits[0]
    is_log = best.law == LOG and min(found.behind(POWER), found.behind(LINEAR)) > APART
    if is_log and len(found.sizes) > 2:
        per_bit = f"{three(found.bit)}{within(found.per_bit)} for each bit of N"
        return f"are fitted best by a log2 N, {per_bit}; as a power it is {power(found)}, {told(found, POWER)}"
    return f"scale as {power(found)}{beside_N(found, level)}; {laws(found)}"


def beside_N(found: Scaling, level: float) -> str:
    """Slower or faster is a decision; where it cannot be made, that is said."""
    if (p := found.chance_of(1.0)) is None:
        return ""
    if p > level:
        return ", not told from N"
    return ", slower than N" if found.beta < 1 else ", faster than N"


def laws(found: Scaling) -> str:
    if len(found.sizes) < 3:
        return "two sizes of N cannot tell one law from another"
    best, *others = (fit.law for fit in found.fits)
    close = [law for law in others if found.behind(law) <= APART]
    far = [law for law in others if law not in close]
    words = f"{best} has the lowest AIC"
    words += f", {listed(close)} {'is' if len(close) == 1 else 'are'} within {APART:g} of it" if close else ""
    return words + "".join(f", {told(found, law)} for {law}" for law in far)


def told(found: Scaling, law: str) -> str:
    return f"{found.behind(law):.1f} of AIC behind" if law == POWER else f"{found.behind(law):.1f} more"


def discovery(study: Study) -> Iterator[Verdict]:
    """The first hit apart from what follows it."""
    hits = {series: found["found"] for series, found in study.scalings.items() if "found" in found}
    if len(hits) > MANY:
        cells = [cell for series in hits for cell in study.series[series]]
        yield Verdict(f"The first hit alone: episodes {ends(hits)} ({setting(cells)}).", "scaling")
        return
    for series, found in study.scalings.items():
        cell = study.series[series][-1]
        settled = study.medians[cell.label].get("settled")
        if "found" not in found or settled is None:
            continue
        words = f"{opening(series)}: the first hit alone scales as {power(found['found'])}; "
        words += f"from there to 0.9 of the bits at N = {cell.N:,}: {middle(settled)} episodes"
        words += f", which scales as {power(found['settled'])}" if "settled" in found else ""
        yield Verdict(f"{words} ({setting(study.series[series])}).", "scaling")


SCALING = Part(questions, scaling)
