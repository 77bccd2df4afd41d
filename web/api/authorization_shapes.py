"""One authorization as the API tells it: the facts of its row, and what stands around it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from pydantic import computed_field

from domain.acts import Act
from domain.authorization import Action, Flight, State
from domain.events import Condition, Route
from domain.explaining import told_why
from domain.renewal import FOREVER, need_of
from infra.reports.lapses import Ended
from infra.reports.standing import Details, Row
from infra.reports.standing import Standing as Known
from web.api.shapes import Money, Shape, money, moneys, with_money


class Facts(Shape):
    """What the row says. `why` is the code of the reason for what comes next, or for nothing coming."""

    id: int
    key: str
    advertiser_id: str
    advertiser: str | None
    item_id: str | None
    item_url: str | None
    route: Route
    state: State
    state_reason: str
    state_since: datetime
    condition: Condition
    reference: str | None
    creator_id: int | None
    handle: str | None
    starts_at: datetime | None
    expires_at: datetime | None
    needed_until: datetime | None
    next_action: Action | None
    next_action_at: datetime | None
    why: str

    @computed_field  # type: ignore[prop-decorator]
    @property
    def why_in_words(self) -> str:
        return told_why(self.why)


class MessageOwed(Shape):
    """A message that asks for the present period and has not gone: its turn comes at `due`, and why it waits."""

    status: str
    since: datetime
    due: datetime
    reason: str


class Authorization(Facts):
    """A row of the list. `message`: what comes next, before what is planned, where one waits."""

    account_handle: str | None
    spend_a_day: Money | None
    at_risk: Money | None
    confirmed_at: datetime | None
    created_at: datetime
    message: MessageOwed | None


class Grant(Shape):
    """A period that the creator gave. `code`: its last characters."""

    starts_at: datetime | None
    ends_at: datetime | None
    source: str | None
    code: str | None


class AdShown(Shape):
    """An ad that depends on it."""

    ad_id: str
    is_live: bool
    is_wanted: bool
    started_at: datetime | None
    stopped_at: datetime | None
    lost_at: datetime | None
    flight_end: datetime | None
    daily_spend: Money | None


class Ask(Shape):
    """One request to the creator; `status` is of its message."""

    rung: int
    days: int | None
    asked_at: datetime
    sent_at: datetime | None
    period_ends_at: datetime
    urgency: str | None
    status: str | None
    reason: str | None


class Ending(Shape):
    """How a period ended; of a lapse, what it cost by now."""

    outcome: str
    step: str | None
    sentence: str
    period_ends_at: datetime
    decided_at: datetime
    asked_at: datetime | None
    answered_at: datetime | None
    minutes_down: int | None
    lost: list[Money] | None


class Owed(Shape):
    """What is owed to the outside, and why it waits."""

    kind: str
    what: str
    status: str
    since: datetime
    due: datetime | None
    reason: str | None


class Effect(Shape):
    """What was done for it outside."""

    kind: str
    status: str
    created_at: datetime
    settled_at: datetime | None
    reason: str | None


class Escalation(Shape):
    """Silence that climbed."""

    step: str
    period_ends_at: datetime
    opened_at: datetime
    resolved_at: datetime | None


class Figures(Shape):
    """One day of its ads together."""

    day: date
    spend: Money | None
    impressions: int | None
    clicks: int | None
    conversions: str | None


class Offer(Shape):
    """An act that one may begin; `objection` says why it would change nothing now."""

    act: Act
    objection: str | None


class Standing(Facts):
    """All that is known of one. `needed_at_most`: until when something needs it; null where nothing does, or for ever."""

    account: str | None
    creator_name: str | None
    days: int | None
    contract_ends_at: datetime | None
    requested_at: datetime | None
    period_source: str | None
    revoked_at: datetime | None
    suggested_at: datetime | None
    suggestion: str | None
    decided_at: datetime | None
    decided_why: str | None
    withheld_at: datetime | None
    withheld_why: str | None
    confirmed_at: datetime | None
    needed_at_most: datetime | None
    is_needed_for_ever: bool
    next_step: str | None
    spend_a_day: list[Money]
    at_risk: list[Money]
    grants: list[Grant]
    ads: list[AdShown]
    asks: list[Ask]
    endings: list[Ending]
    owed: list[Owed]
    message: MessageOwed | None
    escalations: list[Escalation]
    effects: list[Effect]
    figures: list[Figures]
    post: dict[str, Any] | None
    acts: list[Offer]


class HistoryLine(Shape):
    """One line of a history. `seq` is the event's number."""

    id: int
    seq: int | None
    at: datetime
    recorded_at: datetime
    event: str
    outcome: str
    from_state: State | None
    to_state: State | None
    reason: str | None
    reason_in_words: str
    note: str | None


class Event(Shape):
    """An event as it came, without what is sealed."""

    seq: int
    type: str
    sender: str
    event_id: str
    occurred_at: datetime | None
    received_at: datetime
    outcome: str
    reason: str | None
    has_raised: bool
    data: Any


def standing_of(found: Known, around: Details, acts: Sequence[Offer]) -> Standing:
    need = need_of(found.known)
    return Standing.model_validate(
        found.row
        | {
            "confirmed_at": found.row["confirmed"],
            "needed_at_most": None if need == FOREVER else need,
            "is_needed_for_ever": need == FOREVER,
            "next_step": found.next_step,
            "spend_a_day": moneys(found.worth.spend_a_day),
            "at_risk": moneys(found.worth.at_risk),
            "grants": around.grants,
            "ads": [ad_of(each) for _, each in sorted(found.known.flights.items())],
            "asks": found.asks,
            "endings": [ending_of(each) for each in found.endings],
            "owed": found.owed,
            "message": found.message,
            "escalations": around.escalations,
            "effects": around.effects,
            "figures": [figures_of(each) for each in around.figures],
            "post": found.post,
            "acts": list(acts),
        }
    )


def ad_of(flight: Flight) -> AdShown:
    return AdShown(
        ad_id=flight.ad.ad_id,
        is_live=flight.is_live,
        is_wanted=flight.is_wanted,
        started_at=flight.started_at,
        stopped_at=flight.stopped_at,
        lost_at=flight.lost_at,
        flight_end=flight.ad.flight_end,
        daily_spend=money(flight.ad.daily_spend, flight.ad.currency),
    )


def ending_of(each: Ended) -> Ending:
    return Ending(
        outcome=each.ending.outcome,
        step=each.ending.step,
        sentence=each.sentence,
        period_ends_at=each.ending.period_ends_at,
        decided_at=each.ending.decided_at,
        asked_at=each.ending.asked_at,
        answered_at=each.ending.answered_at,
        minutes_down=each.minutes_down,
        lost=None if each.lost is None else moneys(each.lost),
    )


def figures_of(row: Row) -> Figures:
    conversions = row["conversions"]
    told = with_money(row, "spend") | {"conversions": None if conversions is None else f"{conversions:f}"}
    return Figures.model_validate(told)


def line_of(row: Row) -> HistoryLine:
    told = {"from_state": row["from"], "to_state": row["to"], "reason_in_words": told_why(row["reason"])}
    return HistoryLine.model_validate(row | told)
