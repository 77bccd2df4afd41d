"""One story for each character: every message that Everspark sends, by the creator's own clock, and none besides.

The grant is of Monday, 2 March, noon UTC; 30 days end on Wednesday, 1 April; the ad runs until 26 April.
"""

from __future__ import annotations

from dataclasses import replace

from bench.renewals.life import Life
from bench.renewals.reacting import Deed
from tests.bench.casting import code, creator_like, lived, told


def lapses(life: Life) -> list[bool]:
    return [period.has_lapsed for periods in life.periods.values() for period in periods]


def deeds(life: Life) -> list[tuple[str, Deed]]:
    """What the creator did, by date."""
    return [(f"{at.astimezone(life.creator.place):%a %d %b}", deed) for at, _, deed in life.deeds]


def test_the_reliable_one_is_asked_once() -> None:
    life = lived(creator_like("reliable", seed=2), code())

    # Ten days before the end is a Sunday: the message waits for Monday morning.
    assert told(life) == ["Mon 23 Mar 09:00 mail a:30 window"]
    assert deeds(life) == [("Tue 24 Mar", Deed.EXTENDS)]
    # From then on nothing is asked: the flight ends before the code does.
    assert lapses(life) == [False, False]


def test_the_one_who_looks_in_the_evening_is_written_to_by_day() -> None:
    life = lived(creator_like("evenings", seed=2, zone="America/Los_Angeles"), code())

    assert told(life) == ["Mon 23 Mar 09:00 mail a:30 window"]
    assert lapses(life) == [False, False]


def test_the_one_who_pastes_sends_a_new_code_and_the_ladder_begins_anew() -> None:
    life = lived(creator_like("pastes", seed=1), code())

    assert told(life) == [
        # 23 March: a new code counts from the day it is given, so it ends on 23 April, three days too early.
        "Mon 23 Mar 09:00 mail a:30 window",
        # 13 April: ten days before that end. Three days are missing, so a week is asked for.
        "Mon 13 Apr 09:40 mail a:7 window",
    ]
    assert [deed for _, deed in deeds(life)] == [Deed.NEW_CODE, Deed.NEW_CODE]
    assert lapses(life) == [False, False, False]


def test_the_one_who_forgets_is_reminded_until_it_is_done() -> None:
    life = lived(creator_like("forgets", seed=3), code())

    assert told(life) == [
        "Mon 23 Mar 09:00 mail a:30 window",
        "Wed 25 Mar 13:26 mail a:30 window",
        # Four days before the end is a Saturday; on Monday at ten the first message is seven days old (summer time began).
        "Mon 30 Mar 10:00 mail a:30 window",
    ]
    assert deeds(life) == [("Mon 23 Mar", Deed.FORGETS), ("Mon 30 Mar", Deed.EXTENDS)]
    assert lapses(life) == [False, False]


def test_the_agency_answers_in_office_hours() -> None:
    life = lived(creator_like("agency", seed=1), code())

    assert told(life) == ["Mon 23 Mar 09:00 mail a:30 window"]
    assert lapses(life) == [False, False]


def test_the_slow_one_has_the_days_it_takes() -> None:
    life = lived(creator_like("slow", seed=1), code())

    # Four days pass until Friday, 27 March, and the second ask goes out meanwhile. The third does not.
    assert told(life) == ["Mon 23 Mar 09:00 mail a:30 window", "Wed 25 Mar 13:26 mail a:30 window"]
    assert deeds(life) == [("Fri 27 Mar", Deed.EXTENDS)]
    assert lapses(life) == [False, False]


def test_the_one_who_never_answers_climbs_and_is_left_in_peace() -> None:
    life = lived(creator_like("never", phone=True), code())

    assert told(life) == [
        # Ten and seven days before the end.
        "Mon 23 Mar 09:00 mail a:30 window",
        "Wed 25 Mar 13:26 mail a:30 window",
        # Three days before the end the owner is told. That is a Sunday: the call comes on Monday.
        "Mon 30 Mar 09:00 telephone a:30 window",
        # The ask of four days before has waited until the first message was seven days old.
        "Mon 30 Mar 10:00 mail a:30 window",
        # The other channel was due after a day of silence. It waits for the emergency, where the ask of two days before is
        # four hours old already in that mail.
        "Mon 30 Mar 14:00 direct a:30 emergency",
        # The asks of one and five days after the end wait for the week's cap and become one. Nothing comes later.
        "Mon 06 Apr 10:00 mail a:30 after_end",
    ]
    assert deeds(life) == []
    assert lapses(life) == [True]


def test_two_codes_that_end_within_days_are_one_message() -> None:
    life = lived(creator_like("reliable", seed=2), code("a"), code("b", begins=2))

    assert told(life)[0] == "Mon 23 Mar 09:00 mail a:30+b:30 window"
    assert all(" a:" not in message for message in told(life)[1:]), "a was extended at once"
    assert lapses(life) == [False] * 4


def test_what_is_covered_is_never_asked_for() -> None:
    life = lived(creator_like("reliable", seed=2), code(flight=28))

    assert told(life) == []
    assert lapses(life) == [False]


def test_a_told_holiday_is_waited_out() -> None:
    life = lived(creator_like("reliable", seed=4, holiday=(19, 26)), code())

    # Away from 21 to 28 March, a Saturday: the first message is of the Monday after.
    assert told(life) == ["Mon 30 Mar 09:00 mail a:30 window"]
    assert lapses(life) == [False, False]


def test_who_told_of_a_holiday_beyond_the_end_is_asked_before_leaving() -> None:
    life = lived(creator_like("reliable", seed=2, holiday=(17, 35)), code())

    # Away from Thursday, 19 March: three days before that is the time to ask. Ten days before the end nobody would read it.
    assert told(life) == ["Mon 16 Mar 13:01 mail a:30 window"]
    assert deeds(life) == [("Tue 17 Mar", Deed.EXTENDS)]
    assert lapses(life) == [False, False]


def test_who_has_had_enough_hears_from_people_alone() -> None:
    life = lived(replace(creator_like("never", seed=2), mutes_at=2), code(), code("b", begins=20, flight=80))

    assert told(life) == [
        "Mon 23 Mar 09:00 mail a:30 window",
        "Wed 25 Mar 13:26 mail a:30 window",
        # The second message was one too many. The owner learns of it and may talk to the creator.
        "Thu 26 Mar 14:00 telephone a:30 window",
    ]
