"""What operators read in the morning: money at risk, what lapses within a week, what waits for a person or for its turn."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from domain.money import Amounts
from infra.escalated import Item
from infra.reports import today
from web.api.authorization_shapes import MessageOwed
from web.api.calls import Asks, Operation
from web.api.shapes import Money, Shape, money, moneys, with_money


class MoneyAtRisk(Shape):
    """One currency. `coverage`: the share of a day's spend whose authorization lasts as long as it is needed."""

    currency: str | None
    spend_a_day: Money
    at_risk: Money
    at_risk_soon: Money
    coverage: float | None


class Lapsing(Shape):
    """What ends within 7 days; `times_asked` in this period. `message`: one that asks, and waits."""

    id: int
    key: str
    handle: str | None
    advertiser: str | None
    reference: str | None
    state: str
    condition: str
    expires_at: datetime
    at_risk: Money | None
    spend_a_day: Money | None
    next_action: str | None
    next_action_at: datetime | None
    why: str
    times_asked: int
    last_asked_at: datetime | None
    message: MessageOwed | None


class Chore(Shape):
    """What waits for a person: what it is, why, the page where it is mended, and the command that does the same."""

    kind: str
    what: str
    why: str
    page: str
    command: str
    is_grave: bool
    count: int


class Climbed(Shape):
    """Silence that climbed to a person. `id` and `key` are of the authorization."""

    id: int
    key: str
    step: str
    cause: str
    handle: str | None
    reference: str | None
    opened_at: datetime
    period_ends_at: datetime
    at_risk: list[Money]
    lost: list[Money]


class Waiting(Shape):
    """A requested authorization, and what it waits for."""

    key: str
    what: str
    reason: str
    since: datetime
    handle: str | None
    advertiser: str | None


class Wait(Shape):
    """How many of one kind are owed and wait for one reason; `remedy` is empty where only their turn is to come."""

    what: str
    reason: str
    count: int
    remedy: str


class NextAsk(Shape):
    """An ask that is to come."""

    id: int
    key: str
    next_action_at: datetime
    expires_at: datetime | None
    handle: str | None


class Today(Shape):
    """As the page at `/`. Sums as of `summed_at`, made each minute; `climbed_in_all`: counting stops at a thousand."""

    now: datetime
    summed_at: datetime
    states: Mapping[str, int]
    money: list[MoneyAtRisk]
    ending_soon: int
    lapsing_soon: int
    lapsing: list[Lapsing]
    chores: list[Chore]
    climbed: list[Climbed]
    climbed_in_all: int
    requested: list[Waiting]
    waits: list[Wait]
    asks: list[NextAsk]


def shown(call: Asks) -> Today:
    """What is at risk, and what to do."""
    found = today.read(call.desk.engine, call.desk.settings, now=call.now)
    return Today(
        now=found.now,
        summed_at=found.sums.at,
        states=found.sums.states,
        money=[_sum(each) for each in found.sums.money],
        ending_soon=found.sums.ending_soon,
        lapsing_soon=found.sums.lapsing_soon,
        lapsing=[_lapsing(row) for row in found.lapsing],
        chores=[Chore.model_validate(each) for each in found.chores],
        climbed=[climbed_of(each) for each in found.escalated],
        climbed_in_all=found.open,
        requested=[Waiting.model_validate(row) for row in found.requested],
        waits=[Wait.model_validate(each) for each in found.waits],
        asks=[NextAsk.model_validate(row) for row in found.asks],
    )


def _sum(each: Any) -> MoneyAtRisk:
    named = {name: money(getattr(each, name), each.currency) for name in ("spend_a_day", "at_risk", "at_risk_soon")}
    return MoneyAtRisk(currency=each.currency, coverage=each.coverage, **named)


def _lapsing(row: dict[str, Any]) -> Lapsing:
    asked = {"times_asked": row["times"], "last_asked_at": row["last_at"]}
    return Lapsing.model_validate(with_money(row, "at_risk", "spend_a_day") | asked)


def climbed_of(item: Item) -> Climbed:
    lost: Amounts = item.lapse.not_delivered if item.lapse else {}
    return Climbed(
        id=item.authorization_id,
        key=item.key,
        step=item.step,
        cause=item.cause_in_words,
        handle=item.handle,
        reference=item.reference,
        opened_at=item.opened_at,
        period_ends_at=item.period_ends_at,
        at_risk=moneys(item.at_risk),
        lost=moneys(lost),
    )


OPERATIONS = (Operation(path="/today", handler=shown),)
