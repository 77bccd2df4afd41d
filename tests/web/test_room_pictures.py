"""The room's pictures as values: the lifecycle, coverage, curves and the story, each from facts alone."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import combinations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.authorization import Authorization, Flight, State
from domain.diagram import arrows
from domain.escalation import Step
from domain.events import Ad, Route
from web.room.coverage import Coverage, coverage, without
from web.room.lifecycle_picture import BOX_HEIGHT, BOX_WIDTH, HAPPENINGS, HEIGHT, PLACES, WIDTH, paths, picture
from web.room.sparks import sparks
from web.room.timeline import Told, timeline

NOW = datetime(2026, 11, 22, 10, tzinfo=UTC)
DAY = timedelta(days=1)
NOTHING = Told(asks=(), endings=(), escalations=(), effects=())


def held(*flights: Flight, ends: timedelta | None = 10 * DAY, **facts: Any) -> Authorization:
    """Active for twenty days."""
    return Authorization(
        key="1/2",
        route=Route.CODE,
        state=State.ACTIVE,
        state_reason="ad_started",
        state_since=NOW - 20 * DAY,
        starts_at=NOW - 20 * DAY,
        expires_at=None if ends is None else NOW + ends,
        flights={flight.ad.ad_id: flight for flight in flights},
        **facts,
    )


def flies(name: str, until: timedelta | None, *, since: timedelta = -10 * DAY) -> Flight:
    return Flight(ad=Ad(ad_id=name, flight_end=None if until is None else NOW + until), started_at=NOW + since)


def drawn(known: Authorization, **more: Any) -> Coverage:
    found = coverage(known, [], now=NOW, **more)
    assert found is not None
    return found


class TestLifecycle:
    def test_every_move_of_the_grid_is_an_arrow_and_has_words(self) -> None:
        assert set(paths()) == set(arrows())
        assert {event for events in arrows().values() for event in events} <= set(HAPPENINGS)

    def test_boxes_stand_inside_and_apart(self) -> None:
        for x, y in PLACES.values():
            assert BOX_WIDTH / 2 < x < WIDTH - BOX_WIDTH / 2 or x - BOX_WIDTH / 2 >= 0
            assert BOX_HEIGHT / 2 <= y <= HEIGHT - BOX_HEIGHT / 2
        for (x1, y1), (x2, y2) in combinations(PLACES.values(), 2):
            assert abs(x1 - x2) >= BOX_WIDTH or abs(y1 - y2) >= BOX_HEIGHT

    def test_what_leaves_the_present_state_is_drawn_on_top_and_told(self) -> None:
        shown = picture(State.EXPIRED, {"requested", "active", "expired"})

        is_open = [arrow.is_open for arrow in shown.arrows]
        assert is_open == sorted(is_open)
        assert sum(is_open) == len(shown.moves) == len([move for move in arrows() if move[0] is State.EXPIRED])
        assert [box.state for box in shown.boxes if box.is_here] == [State.EXPIRED]
        assert shown.label == "The lifecycle: it is expired now, and was requested, active before."


class TestCoverage:
    def test_what_runs_on_after_the_end_is_a_gap(self) -> None:
        shown = drawn(held(flies("a", 15 * DAY), flies("b", 5 * DAY)))

        authorization, short, long = shown.lines
        assert authorization.bars[0].kind == "held"
        assert ([bar.kind for bar in short.bars], short.gap) == (["flies"], None)
        assert ([bar.kind for bar in long.bars], long.gap) == (["flies", "gap"], 5 * DAY)
        assert long.bars[0].x2 == long.bars[1].x1 == authorization.bars[0].x2
        assert shown.widest_gap == 5 * DAY

    def test_an_ad_without_an_end_runs_to_the_edge(self) -> None:
        line = drawn(held(flies("a", None))).lines[1]

        assert (line.ends_at, line.bars[-1].kind, line.bars[-1].x2) == (None, "gap", 1000)

    def test_a_lapse_that_is_over_stays_visible_and_counts_no_more(self) -> None:
        shown = drawn(held(flies("a", 5 * DAY)), down=[(NOW - 4 * DAY, NOW - 2 * DAY)])

        assert [bar.kind for bar in shown.lines[0].bars] == ["held", "held"]
        assert [bar.kind for bar in shown.lines[1].bars] == ["flies", "flies", "gap"]
        assert shown.widest_gap is None

    def test_what_has_no_end_covers_everything(self) -> None:
        shown = drawn(held(flies("a", None), ends=None))

        assert (shown.lines[0].note, shown.widest_gap, shown.ends_inside) == ("no end", None, None)

    def test_a_stated_need_counts_as_an_ad_does(self) -> None:
        shown = drawn(held(needed_until=NOW + 12 * DAY))

        assert (shown.lines[1].name, shown.lines[1].gap) == ("Stated need", 2 * DAY)

    def test_without_a_period_and_without_a_need_there_is_nothing_to_draw(self) -> None:
        blank = Authorization(
            key="1/2", route=Route.CODE, state=State.REQUESTED, state_reason="requested", state_since=NOW
        )
        assert coverage(blank, [], now=NOW) is None

    @given(
        ends=st.integers(-19, 400),
        flights=st.lists(st.tuples(st.integers(-500, 100), st.none() | st.integers(-500, 4000)), max_size=12),
        contract=st.none() | st.integers(-100, 400),
        revoked=st.none() | st.integers(-30, 0),
    )
    def test_whatever_the_dates_all_bars_lie_on_the_scale(
        self, ends: int, flights: list[tuple[int, int | None]], contract: int | None, revoked: int | None
    ) -> None:
        ads = [
            flies(str(place), None if until is None else until * DAY, since=since * DAY)
            for place, (since, until) in enumerate(flights)
        ]
        facts: dict[str, Any] = {"contract_ends_at": NOW + contract * DAY} if contract is not None else {}
        if revoked is not None:
            facts["revoked_at"] = NOW + revoked * DAY

        shown = drawn(held(*ads, ends=ends * DAY, **facts))

        for line in shown.lines:
            for bar in line.bars:
                assert 0 <= bar.x1 <= bar.x2 <= 1000
            assert line.gap is None or line.gap > timedelta()
        assert 0 <= shown.now <= 1000
        assert len(shown.lines) - 1 + shown.left_out == len(ads)

    @given(
        st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), max_size=6), st.integers(0, 50), st.integers(0, 50)
    )
    def test_what_is_left_and_what_is_held_never_overlap(
        self, spans: list[tuple[int, int]], one: int, other: int
    ) -> None:
        covered = sorted((NOW + min(span) * DAY, NOW + max(span) * DAY) for span in spans)
        since, until = NOW + min(one, other) * DAY, NOW + max(one, other) * DAY

        left = without((since, until), covered)

        for day in range(50):
            at = NOW + day * DAY
            is_held = any(begin <= at < end for begin, end in covered)
            assert any(begin <= at < end for begin, end in left) == (since <= at < until and not is_held)


class TestSparks:
    def test_a_day_of_which_nothing_is_known_is_none_and_currencies_stay_apart(self) -> None:
        today = date(2026, 11, 22)
        rows = [
            {
                "day": today - DAY,
                "currency": "EUR",
                "spend": Decimal(10),
                "impressions": 5,
                "clicks": 0,
                "conversions": 0,
            },
            {
                "day": today - DAY,
                "currency": "USD",
                "spend": Decimal(7),
                "impressions": 2,
                "clicks": 0,
                "conversions": 0,
            },
            {"day": today, "currency": "USD", "spend": Decimal(99), "impressions": 2, "clicks": 0, "conversions": 0},
        ]

        found = sparks(rows, today=today, days=3)

        assert [(each.name, each.currency, int(each.total), int(each.last)) for each in found] == [
            ("spend", "EUR", 10, 10),
            ("spend", "USD", 7, 7),
            ("impressions", None, 7, 7),
        ]
        assert found[0].line == "M0.0 31.0L70.0 31.0L140.0 2.0"


def line_of(number: int, minutes: int) -> dict[str, Any]:
    at = NOW + timedelta(minutes=minutes)
    return {
        "id": number,
        "seq": number,
        "at": at,
        "recorded_at": at,
        "event": "post.changed",
        "outcome": "stayed",
        "from": "active",
        "to": "active",
        "reason": "condition_changed",
        "note": None,
    }


class TestTimeline:
    def test_each_page_tells_what_falls_between_its_ends_and_all_pages_tell_everything_once(self) -> None:
        history = [line_of(number, number * 10) for number in range(9, -1, -1)]
        escalations = [
            {
                "step": "owner",
                "period_ends_at": NOW,
                "opened_at": NOW + timedelta(minutes=minutes),
                "resolved_at": NOW + timedelta(minutes=minutes + 30),
            }
            for minutes in (-5, 45, 60, 95)
        ]
        told = Told(asks=(), endings=(), escalations=escalations, effects=())

        bound = history[4]["recorded_at"]
        first = timeline(history[:5], told, since=bound)
        second = timeline(history[5:], told, until=bound)

        lines = first + second
        assert [line.at for line in lines] == sorted((line.at for line in lines), reverse=True)
        assert len(lines) == len(history) + 2 * len(escalations)

    @pytest.mark.parametrize("step", list(Step))
    def test_what_climbed_and_was_over_is_told_in_words(self, step: Step) -> None:
        climbed = {"step": step, "period_ends_at": NOW, "opened_at": NOW, "resolved_at": NOW + timedelta(hours=1)}

        over, begun = timeline([], Told(asks=(), endings=(), escalations=[climbed], effects=()))

        assert (begun.is_loud, over.is_loud) == (True, False)
        assert over.what.startswith("The ")
        assert "not needed" in over.what

    def test_an_unknown_event_speaks_for_itself(self) -> None:
        [line] = timeline([line_of(1, 0) | {"event": "post.sung", "reason": "new"}], NOTHING)

        assert (line.what, line.why, line.moved) == ("post.sung", "new", None)
