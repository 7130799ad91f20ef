"""Which colour a condition has: the same one in every picture, in print, in a terminal and on a page.

    binary, 8 bins, log distance, dense       each its own
    offered, received, absorbed               each its own
    SFT, an observer                          ink, dashed
    any other name                            the colours that nobody owns, in the order of the names

A colour is a place in a list, so that print, terminal and style sheet may have shades of their own. Names beyond the
last free place begin again with places one list further: the same colours, with another dash and marker.
"""

from __future__ import annotations

from collections.abc import Iterable

# Of Okabe and Ito, and then of Tol: told apart by colour-blind people as well.
COLOURS = (
    "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#7A5195", "#882255", "#999933", "#44AA99",
    "#AA4466", "#6F4E37", "#332288", "#117733",
)  # fmt: skip
ON_LIGHT = (  # of a screen: as the report's page has them, told apart from a light ground and from a dark one
    "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#B37D00", "#3A93C9", "#7A5195", "#882255", "#7C7C22", "#2F8F80",
    "#AA4466", "#6F4E37", "#332288", "#117733",
)  # fmt: skip
ON_DARK = (
    "#56AEE8", "#F58A4B", "#35C79A", "#E5A0C6", "#E8B83A", "#A6D8F5", "#B79AD6", "#E07FAE", "#CFCF62", "#6FD3C2",
    "#F08CA4", "#C9A48A", "#A79BF0", "#7BC98F",
)  # fmt: skip
TERMINAL_COLOURS = (
    "blue", "red", "green", "magenta", "yellow", "cyan", "medium_purple3", "deep_pink4", "dark_khaki", "dark_cyan",
    "indian_red", "orange4", "slate_blue3", "dark_green",
)  # fmt: skip
OWNED = {
    "binary": 0, "8 bins": 1, "log distance": 2, "dense": 3, "dense, per turn": 3,
    "offered": 7, "usable": 8, "received": 9, "absorbed": 10,
}  # fmt: skip
FREE = tuple(place for place in range(len(COLOURS)) if place not in OWNED.values())


def places(names: Iterable[str]) -> dict[str, int]:
    """For each name its place.

    Example: places(["mine", "binary", "yours"]) == {"mine": 4, "binary": 0, "yours": 5}
    """
    others = [name for name in dict.fromkeys(names) if name not in OWNED]
    free = {name: FREE[index % len(FREE)] + len(COLOURS) * (index // len(FREE)) for index, name in enumerate(others)}
    return OWNED | free


def colour_at(place: int) -> str:
    return COLOURS[place % len(COLOURS)]


def terminal_colour_at(place: int) -> str:
    return TERMINAL_COLOURS[place % len(TERMINAL_COLOURS)]
