"""The days ahead, from values: what is foreseen of messages, lapses and money, and what a forecast leaves out."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

from domain.authorization import Action, Authorization, Flight, Plan, State, changed
from domain.events import Ad, Route
from domain.forecast import Forecast, down, forecast, only_of
from domain.foreseen import NO_CREATOR, NO_EMAIL, NOBODY, Asked, Creator, Holding, Message, Owed, Rules
from domain.hours import SATURDAY
from domain.patience import SENTENCES, CreatorFacts, Holiday, Manners, Patience
from domain.renewal import Policy, Urgency, law_of, plan

# A Monday, eleven in Paris
NOW = datetime(2026, 11, 23, 10, tzinfo=UTC)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
MAYA = Creator(handle="maya.moves", facts=CreatorFacts(zone="Europe/Paris"))
RULES = Rules(sweep=timedelta(minutes=1))


def holding(number: int = 1, *, ends: float = 12, days: int = 30, flight: float | None = 60, **facts: Any) -> Holding:
    """A post that ends in `ends` days, with an ad of 100 EUR a day that flies for `flight` days from now."""
    ends_at = NOW + ends * DAY
    ad = Ad(
        ad_id=str(number),
        flight_end=NOW + flight * DAY if flight is not None else None,
        daily_spend=Decimal(facts.pop("spend", 100)),
        currency=facts.pop("currency", "EUR"),
    )
    known = Authorization(
        key=f"{facts.pop('advertiser', '72')}/{number}",
        route=Route.CODE,
        state=State.ACTIVE,
        state_reason="ad_started",
        state_since=ends_at - days * DAY,
        starts_at=ends_at - days * DAY,
        expires_at=ends_at,
        flights={ad.ad_id: Flight(ad=ad, started_at=ends_at - days * DAY)},
    )
    known = changed(known, **facts)
    return Holding(known=changed(known, plan=plan(known, now=NOW, policy=Policy())))


def ahead(*holdings: Holding, creator: Creator = MAYA, days: float = 30) -> Forecast:
    return forecast([(creator, holdings)], now=NOW, until=NOW + days * DAY, rules=RULES)


def in_daytime(message: Message) -> bool:
    local = message.local_time(RULES.manners.fallback)
    return local.weekday() < SATURDAY and 9 <= local.hour < 20


def test_a_silent_creator_gets_every_rung_in_daytime_and_the_code_lapses() -> None:
    foreseen = ahead(holding())

    assert [message.items[0].rung for message in foreseen.messages] == list(
        range(len(law_of(NOW, NOW + 30 * DAY).rungs))
    )
    assert all(in_daytime(message) for message in foreseen.messages)
    [lapse] = foreseen.lapses
    assert (lapse.key, lapse.at, lapse.hindrance) == ("72/1", NOW + 12 * DAY, None)
    assert lapse.spend_a_day == {"EUR": Decimal("100.00")}
    assert lapse.asked == sum(message.at < lapse.at for message in foreseen.messages) == 4


def test_what_no_ad_needs_on_is_neither_asked_for_nor_a_lapse() -> None:
    foreseen = ahead(holding(1, flight=12), holding(2, ends=20, contract_ends_at=NOW + 20 * DAY))

    assert (foreseen.messages, foreseen.lapses) == ((), ())


def test_what_ends_later_than_the_days_looked_at_is_asked_for_and_no_lapse_yet() -> None:
    foreseen = ahead(holding(ends=38))

    assert [message.items[0].rung for message in foreseen.messages] == [0]
    assert foreseen.lapses == ()


def test_posts_that_end_together_are_one_message_the_most_money_first() -> None:
    foreseen = ahead(holding(1, spend=10), holding(2, spend=900), days=4)

    [message] = foreseen.messages
    assert [item.key for item in message.items] == ["72/2", "72/1"]
    assert message.at_risk == {"EUR": sum((item.at_risk["EUR"] for item in message.items), Decimal())}


def test_the_weekly_cap_counts_what_was_sent_before() -> None:
    sent = (NOW - 2 * DAY, NOW - 1 * DAY)

    free, full = (ahead(holding(ends=9.9), creator=replace(MAYA, sent_at=each), days=8) for each in ((), sent))

    # A rung that is due goes at once; after two messages it waits until the first of them is a week old, on Monday
    assert free.messages[0].at == NOW + timedelta(minutes=1)
    assert full.messages[0].at == NOW.replace(day=30, hour=8)


def test_a_message_that_is_being_gathered_goes_with_its_asks() -> None:
    waiting = holding(1, ends=9, rung=1)
    ends_at = waiting.known.expires_at
    assert ends_at is not None
    ask = Owed(key="72/1", period_ends_at=ends_at, rung=0, days=30, asked_at=NOW - HOUR)
    gathering = replace(MAYA, owed=(ask,), due_at=NOW + HOUR)

    foreseen = ahead(replace(waiting, asked=Asked(at=NOW - HOUR)), creator=gathering, days=1)

    assert [(message.at, message.items[0].rung) for message in foreseen.messages] == [(NOW + HOUR, 0)]


def test_a_message_that_is_no_longer_needed_is_not_foreseen() -> None:
    covered = holding(1, ends=9, flight=9)
    ends_at = covered.known.expires_at
    assert ends_at is not None
    ask = Owed(key="72/1", period_ends_at=ends_at, rung=0, days=30, asked_at=NOW - HOUR)
    gathering = replace(MAYA, owed=(ask,), due_at=NOW + HOUR)

    foreseen = ahead(covered, creator=gathering)

    assert (foreseen.messages, foreseen.lapses) == ((), ())


def test_who_cannot_be_asked_is_not_and_the_lapse_says_why() -> None:
    for creator, why in (
        (NOBODY, NO_CREATOR),
        (replace(MAYA, has_email=False), NO_EMAIL),
        (replace(MAYA, facts=CreatorFacts(has_opted_out=True)), SENTENCES[Patience.OPTED_OUT]),
        (replace(MAYA, facts=CreatorFacts(payment_due=True)), SENTENCES[Patience.PAYMENT_DUE]),
    ):
        foreseen = ahead(holding(), creator=creator)

        assert foreseen.messages == ()
        assert [(lapse.hindrance, lapse.asked) for lapse in foreseen.lapses] == [(why, 0)]


def test_a_renewal_that_was_declined_is_a_lapse_that_nobody_asks_about() -> None:
    foreseen = ahead(holding(declined_at=NOW - DAY))

    assert foreseen.messages == ()
    assert [lapse.hindrance for lapse in foreseen.lapses] == ["the creator declined to renew"]


def test_a_holiday_is_waited_for() -> None:
    away = CreatorFacts(zone="UTC", holiday=Holiday(begins_at=NOW, ends_at=NOW + 7 * DAY))

    foreseen = ahead(holding(ends=9.9, flight=60), creator=replace(MAYA, facts=away))

    assert foreseen.messages[0].at >= NOW + 7 * DAY


def test_an_ask_comes_forward_once_before_a_holiday_that_would_swallow_it() -> None:
    away = CreatorFacts(zone="UTC", holiday=Holiday(begins_at=NOW + 5 * DAY, ends_at=NOW + 25 * DAY))

    foreseen = ahead(holding(ends=15.5), creator=replace(MAYA, facts=away))

    first, *others = foreseen.messages
    assert NOW + 2 * DAY <= first.at < NOW + 5 * DAY
    assert [item.rung for item in first.items] == [0]
    assert all(message.at >= NOW + 25 * DAY for message in others)
    assert [lapse.asked for lapse in foreseen.lapses] == [1]


def test_nothing_goes_in_the_night_but_an_emergency_that_cannot_wait() -> None:
    foreseen = ahead(*(holding(number, ends=3 + number * 0.37, days=7) for number in range(20)))

    by_night = [
        message for message in foreseen.messages if not 9 <= message.local_time(RULES.manners.fallback).hour < 20
    ]
    assert all(message.urgency in (Urgency.EMERGENCY, Urgency.LAST_RESORT) for message in by_night)


def test_money_is_told_by_day_and_never_added_across_currencies() -> None:
    foreseen = ahead(
        holding(1, ends=2, days=7), holding(2, ends=2.5, days=7, currency="USD", spend=48, flight=3), days=4
    )

    days = {day.day.day: (day.lapses, day.stops, day.lost) for day in foreseen.days}

    # The first ends on Wednesday at ten, the second at ten in the evening, and its ad is over on Thursday at ten
    assert days[24] == (0, {}, {})
    both = {"EUR": Decimal("100.00"), "USD": Decimal("48.00")}
    assert days[25] == (2, both, {"EUR": Decimal("58.33"), "USD": Decimal("4.00")})
    assert days[26] == (0, {}, {"EUR": Decimal("100.00"), "USD": Decimal("20.00")})
    assert foreseen.stops == both
    assert foreseen.lost == {"EUR": Decimal("200.00"), "USD": Decimal("24.00")}


def test_the_largest_of_each_currency_come_first() -> None:
    foreseen = ahead(*(holding(n, ends=n, days=7, spend=n, currency="EUR" if n % 2 else "JPY") for n in range(1, 7)))

    assert [lapse.key for lapse in foreseen.largest[:2]] == ["72/5", "72/6"]


def test_a_request_that_nobody_answers_lapses() -> None:
    asked = holding(
        state=State.REQUESTED, starts_at=None, expires_at=None, plan=Plan(action=Action.LAPSE, at=NOW + 3 * DAY)
    )
    foreseen = ahead(replace(asked, known=changed(asked.known, plan=Plan(action=Action.LAPSE, at=NOW + 3 * DAY))))

    assert [(request.key, request.at) for request in foreseen.requests] == [("72/1", NOW + 3 * DAY)]
    assert foreseen.lapses == ()


def test_of_one_advertiser_only_its_own_part_is_left() -> None:
    whole = ahead(holding(1), holding(2, advertiser="73", spend=50))

    part = only_of(whole, "73")

    assert {item.key for message in part.messages for item in message.items} == {"73/2"}
    assert [lapse.key for lapse in part.lapses] == ["73/2"]
    assert sum(day.lapses for day in part.days) == 1
    assert only_of(whole, "7").lapses == ()


def test_one_creator_changes_nothing_for_another() -> None:
    other = replace(MAYA, handle="bo.bakes")
    alone, beside = holding(1), [holding(number) for number in range(2, 9)]

    together = forecast([(MAYA, [alone]), (other, beside)], now=NOW, until=NOW + 30 * DAY, rules=RULES)

    assert [each for each in together.messages if each.handle == MAYA.handle] == list(ahead(alone).messages)


def test_the_manners_are_the_operators() -> None:
    rules = replace(RULES, manners=Manners(weekly_cap=1, emergency_cap=1))

    foreseen = forecast(
        [(MAYA, [holding(n, ends=4 + n) for n in range(9)])], now=NOW, until=NOW + 30 * DAY, rules=rules
    )

    sent = [message.at for message in foreseen.messages]
    assert all(later - sooner >= 7 * DAY for sooner, later in pairwise(sent))


def test_a_span_is_shared_out_over_its_days() -> None:
    shares = dict(down(NOW + 12 * HOUR, NOW + 2 * DAY))

    assert list(shares.values()) == [Decimal(2) / 24, Decimal(1), Decimal(10) / 24]
