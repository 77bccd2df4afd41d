"""The lifecycle as a picture: the states at their places, the moves of the grid between them, and where one authorization is.

Drawn from the same grid that decides (`domain.lifecycle.GRID`), so that picture and behaviour cannot differ.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import cache

from domain.authorization import State
from domain.diagram import arrows

WIDTH, HEIGHT = 360, 190
BOX_WIDTH, BOX_HEIGHT = 92, 38
# Where each state's box has its middle: what runs above, what has ended below.
PLACES: dict[State, tuple[int, int]] = {
    State.REQUESTED: (50, 44),
    State.AUTHORIZED: (180, 44),
    State.ACTIVE: (310, 44),
    State.EXPIRED: (108, 160),
    State.REVOKED: (252, 160),
}
# Two that have another one between them are joined by an arc above it.
ABOVE = 18
# What happens, in the words of the page; the names of the grid are those of the code.
HAPPENINGS = {
    "AuthorizationRequested": "it is requested again",
    "CodeGranted": "the creator grants it",
    "PeriodExtended": "the creator extends the code",
    "AdStarted": "an ad that uses it delivers",
    "AdStopped": "the last ad stops",
    "AdLost": "TikTok silences the last ad",
    "PeriodEnded": "the period ends",
    "CodeWithdrawn": "the creator takes it back",
    "RequestDeclined": "the creator declines",
    "RequestLapsed": "nobody answers the request in time",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Box:
    """A state: `x` and `y` of its middle, whether it is the present one, and whether it was passed before."""

    state: State
    x: int
    y: int
    is_here: bool
    was_here: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Arrow:
    """A move as an SVG path; `is_open`: it leaves the present state."""

    path: str
    is_open: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Move:
    """Where the present state may lead, and by what."""

    state: State
    by: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Picture:
    """Boxes and arrows, and the same in words: `moves` from here."""

    boxes: tuple[Box, ...]
    arrows: tuple[Arrow, ...]
    moves: tuple[Move, ...]
    label: str


def picture(state: State, passed: Collection[str]) -> Picture:
    """The diagram with `state` as the place where it is; `passed`: states that it has been in."""
    boxes = tuple(
        Box(state=each, x=x, y=y, is_here=each is state, was_here=each in passed) for each, (x, y) in PLACES.items()
    )
    drawn = [Arrow(path=path, is_open=source is state) for (source, _), path in paths().items()]
    moves = tuple(Move(state=to, by=by) for (source, to), by in told().items() if source is state)
    before = [each.state for each in boxes if each.was_here and not each.is_here]
    label = f"The lifecycle: it is {state} now" + (f", and was {', '.join(before)} before." if before else ".")
    # What leaves the present state is drawn last, hence on top.
    return Picture(boxes=boxes, arrows=tuple(sorted(drawn, key=lambda each: each.is_open)), moves=moves, label=label)


@cache
def told() -> dict[tuple[State, State], str]:
    """Each move with what makes it, in the order of the states."""
    places = list(State)
    found = sorted(arrows().items(), key=lambda move: tuple(map(places.index, move[0])))
    return {move: ", or ".join(HAPPENINGS.get(event, event) for event in events) for move, events in found}


@cache
def paths() -> dict[tuple[State, State], str]:
    """Each move as an SVG path from the edge of one box to the edge of the other."""
    return {(source, to): path(source, to) for source, to in arrows()}


def path(source: State, to: State) -> str:
    """A straight line; an arc where a third box lies between. The two ways between two states run side by side."""
    (x1, y1), (x2, y2) = PLACES[source], PLACES[to]
    if y1 == y2 and abs(x1 - x2) > WIDTH / 2:
        top, rise = y1 - BOX_HEIGHT / 2, ABOVE if x1 < x2 else ABOVE + 5
        return f"M{x1:g} {top:g}C{x1:g} {top - rise:g} {x2:g} {top - rise:g} {x2:g} {top - 2:g}"
    aside = 5 if (x1, y1) < (x2, y2) else -5
    dx, dy = (0, aside) if y1 == y2 else (aside, 0)
    sx, sy = edge(x1, y1, x2, y2, 0)
    ex, ey = edge(x2, y2, x1, y1, 2)
    return f"M{sx + dx:g} {sy + dy:g}L{ex + dx:g} {ey + dy:g}"


def edge(x1: float, y1: float, x2: float, y2: float, gap: float) -> tuple[float, float]:
    """Where the line from the middle of one box to that of another leaves the first, `gap` units outside of it."""
    dx, dy = x2 - x1, y2 - y1
    across = (BOX_WIDTH / 2 + gap) / abs(dx) if dx else float("inf")
    down = (BOX_HEIGHT / 2 + gap) / abs(dy) if dy else float("inf")
    share = min(across, down)
    return round(x1 + dx * share, 1), round(y1 + dy * share, 1)
