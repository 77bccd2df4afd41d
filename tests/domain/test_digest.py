"""One message to one creator, the most money first, and no currency added to another."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from domain.digest import Digest, DueAsk, by_money, digest
from domain.patience import CreatorFacts, Deadline, Manners, Patience
from domain.renewal import Urgency

MIA = CreatorFacts(zone="Europe/Berlin")
MANNERS = Manners(fallback=ZoneInfo("Europe/Berlin"))
# A Wednesday, 11 o'clock in Berlin.
NOW = datetime(2026, 11, 25, 10, tzinfo=UTC)
SPAN = timedelta(days=1)


def due(key: str, hours: float = 0, **facts: Any) -> DueAsk:
    """An ask due `hours` from now for a code that ends in ten days; amounts by currency as `usd=100`."""
    at_risk: dict[str | None, Decimal] = {
        name.upper(): Decimal(facts.pop(name)) for name in ("usd", "eur", "jpy") if name in facts
    }
    plain = DueAsk(
        key=key,
        rung=0,
        days=30,
        due_at=NOW + timedelta(hours=hours),
        ends_at=NOW + timedelta(days=10),
        at_risk=at_risk,
    )
    return replace(plain, **facts)


def gathered(*asks: DueAsk, now: datetime = NOW, facts: CreatorFacts = MIA, sent: tuple[datetime, ...] = ()) -> Digest:
    return digest(asks, now=now, span=SPAN, facts=facts, sent_at=sent, manners=MANNERS)


def keys(asks: tuple[DueAsk, ...] | list[DueAsk]) -> list[str]:
    return [ask.key for ask in asks]


def test_all_that_is_due_within_the_span_is_one_message() -> None:
    message = gathered(due("today"), due("tomorrow", 23), due("next week", 100))

    assert set(keys(message.items)) == {"today", "tomorrow"}
    assert message.send_at == NOW
    assert message.reason is Patience.MAY_BE_ASKED


def test_the_span_begins_when_the_message_goes() -> None:
    friday_night = NOW + timedelta(days=2, hours=12)

    message = gathered(
        due("friday", 60), due("sunday", 100), due("monday", 125), due("wednesday", 170), now=friday_night
    )

    assert message.send_at == datetime(2026, 11, 30, 8, tzinfo=UTC)
    assert set(keys(message.items)) == {"friday", "sunday", "monday"}


def test_the_most_money_comes_first() -> None:
    message = gathered(due("small", usd=10), due("none"), due("large", usd=900), due("middle", usd=50))

    assert keys(message.items) == ["large", "middle", "small", "none"]
    assert message.at_risk == {"USD": Decimal(960)}


def test_the_first_of_each_currency_comes_before_the_second_of_any() -> None:
    asks = due("yen1", jpy=90000), due("yen2", jpy=80000), due("dollars1", usd=9), due("dollars2", usd=8)

    message = gathered(*asks)

    assert keys(message.items) == ["dollars1", "yen1", "dollars2", "yen2"]
    assert message.at_risk == {"JPY": Decimal(170000), "USD": Decimal(17)}


def test_no_money_is_no_rank() -> None:
    assert keys(gathered(due("a", usd=0), due("b", eur=1)).items) == ["b", "a"]


def test_among_equals_the_sooner_end_comes_first() -> None:
    sooner = due("z", usd=5, ends_at=NOW + timedelta(days=2))

    assert keys(gathered(due("a", usd=5), sooner).items) == ["z", "a"]


def test_one_emergency_takes_all_with_it_at_its_own_hour() -> None:
    night = NOW + timedelta(hours=13)
    close = Deadline(emergency_at=NOW, latest_at=night + timedelta(hours=5))
    pressing = due("pressing", 13, urgency=Urgency.EMERGENCY, deadline=close)

    message = gathered(due("calm", 12, usd=5), pressing, now=night)

    assert message.send_at == night
    assert message.reason is Patience.CANNOT_WAIT
    assert message.urgency is Urgency.EMERGENCY
    assert keys(message.items) == ["calm", "pressing"]


def test_what_must_not_be_asked_has_no_instant_and_says_why() -> None:
    message = gathered(due("1"), facts=replace(MIA, has_opted_out=True))

    assert message.send_at is None
    assert message.reason is Patience.OPTED_OUT
    assert keys(message.items) == ["1"]


def test_nothing_due_is_nothing_to_send() -> None:
    assert gathered() == Digest(items=(), send_at=None, reason=None, urgency=Urgency.WINDOW, at_risk={})


amounts = st.dictionaries(st.sampled_from(["USD", "EUR", None]), st.integers(0, 5).map(Decimal), max_size=2)
asks_of_one_creator = st.lists(
    st.builds(
        lambda hours, end, at_risk, urgency: due(
            "", hours, ends_at=NOW + timedelta(days=end), at_risk=at_risk, urgency=urgency
        ),
        st.floats(-50, 100),
        st.integers(5, 9),
        amounts,
        st.sampled_from(Urgency),
    ),
    max_size=8,
).map(lambda asks: [replace(ask, key=str(number)) for number, ask in enumerate(asks)])


@settings(max_examples=200)
@given(asks_of_one_creator, st.randoms())
def test_the_order_is_one_whatever_order_they_came_in(asks: list[DueAsk], chance: Any) -> None:
    shuffled = list(asks)
    chance.shuffle(shuffled)

    assert by_money(shuffled) == by_money(asks)


@settings(max_examples=200)
@given(asks_of_one_creator)
def test_within_one_currency_more_money_is_never_below_less(asks: list[DueAsk]) -> None:
    ordered = [ask for ask in by_money(asks) if set(ask.at_risk) == {"EUR"}]

    placed = [ask.at_risk["EUR"] for ask in ordered]
    assert placed == sorted(placed, reverse=True)


@settings(max_examples=200)
@given(asks_of_one_creator)
def test_a_digest_leaves_out_only_what_is_due_after_its_span_and_adds_up(asks: list[DueAsk]) -> None:
    message = gathered(*asks)
    if message.send_at is None:
        return

    left_out = [ask for ask in asks if ask not in message.items]

    assert message.items
    assert message.send_at >= NOW
    assert all(ask.due_at > message.send_at + SPAN for ask in left_out)
    assert all(ask.due_at <= message.send_at + SPAN for ask in message.items)
    for currency, total in message.at_risk.items():
        assert total == sum(ask.at_risk.get(currency, 0) for ask in message.items)
