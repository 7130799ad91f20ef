"""What the ledger says: how much of what was to be had was absorbed, and whether its law is kept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from straw.report.study.analysis import Study
from straw.report.study.cells import Cell
from straw.report.study.formatting import counted, listed, three, within
from straw.report.study.law import BROKEN, FEWEST, KEPT, Law, law
from straw.report.study.setting import at_size, setting
from straw.report.study.totals import efficiency
from straw.report.study.verdicts.pace import common_size, in_sum
from straw.report.study.verdicts.verdict import FEW, Part, Verdict

SAYS = "The law of the ledger, that the mean of 2^(absorbed − {what}) over secrets is at most 1, "


def absorbed(study: Study) -> Iterator[Verdict]:
    N = common_size(study)
    found = [
        (cell, share)
        for cell in study.of_size(N)
        if not cell.is_control and (share := efficiency(cell, "eta_absorb")) is not None
    ]
    if found:
        told = "; ".join(f"{cell.series} {three(share.value)}{within(share.interval)}" for cell, share in found)
        yield Verdict(
            f"Of the bits that an ideal observer would have received{at_size(N)}, absorbed "
            f"{in_sum([cell for cell, _ in found])}: {told} ({setting([cell for cell, _ in found], with_N=False)}).",
            "ledger",
        )


class Held(NamedTuple):
    """What was found in the conditions whose runs kept a ledger, by label: against what was offered, and received."""

    cells: Sequence[Cell]
    offered: Mapping[str, Law]
    received: Mapping[str, Law]


def questions(study: Study) -> list[Held]:
    cells = [cell for cell in study.cells if law(cell, "offered_bits") is not None]
    offered, received = (
        {cell.label: found for cell in cells if (found := law(cell, against)) is not None}
        for against in ("offered_bits", "received_bits")
    )
    return [Held(cells, offered, received)] if cells else []


def judged(study: Study, held: Held, level: float) -> Verdict:
    """Every condition has its part of the chance to be wrong, against what was offered and what was received."""
    part = level / (len(held.offered) + len(held.received))
    for against, laws in (("offered", held.offered), ("received", held.received)):
        if broken := [label for label, one in laws.items() if one.outcome(part) == BROKEN]:
            return Verdict(
                f"{SAYS.format(what=against)}does not hold for {listed(told(label, laws) for label in broken)}. Either "
                f"the secrets were not drawn evenly, or something is charged wrongly ({setting(held.cells)}).",
                "ledger", True,
            )  # fmt: skip
    kept = [label for label, one in held.offered.items() if one.outcome(part) == KEPT]
    words = kept_words(held.offered, kept) + untold_words(held.offered, kept)
    return Verdict(f"{SAYS.format(what='offered')}{words} ({setting(held.cells)}).", "ledger")


def kept_words(laws: Mapping[str, Law], kept: Sequence[str]) -> str:
    if not kept:
        return "cannot be judged by these runs"
    most = max(kept, key=lambda label: laws[label].value)
    which = "" if len(kept) == len(laws) else f" in {len(kept)} of {counted(len(laws), 'condition')}"
    return f"is kept{which}: the largest mean is {three(laws[most].value)}, {told(most, laws, with_value=False)}"


def untold_words(laws: Mapping[str, Law], kept: Sequence[str]) -> str:
    left = [label for label in laws if label not in kept]
    above = sorted((label for label in left if laws[label].value > 1), key=lambda label: -laws[label].value)
    words = ""
    if above:
        more = f" and {len(above) - FEW} more" if len(above) > FEW else ""
        words += f"; not told for {listed(told(label, laws) for label in above[:FEW])}{more}, which luck could make"
    if few := len(left) - len(above):
        words += f"; {counted(few, 'condition')} {'has' if few == 1 else 'have'} too few secrets, below {FEWEST}"
    return words


def told(label: str, laws: Mapping[str, Law], *, with_value: bool = True) -> str:
    """8 bins (59.7 over 6 secrets, after 400 episodes)"""
    one = laws[label]
    value = f"{three(one.value)} over " if with_value else ""
    return f"{label} ({value}{counted(one.num_secrets, 'secret')}, after {one.episodes:,.0f} episodes)"


LAW = Part(questions, judged)
