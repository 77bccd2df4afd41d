"""A creator as the API tells them: facts, record, period advice, what is held of them, and links to their page."""

from __future__ import annotations

from datetime import datetime

from infra.advice import Reckoning
from infra.reports.creators import Record
from web.api.shapes import Money, Shape, moneys, seconds


class RecordShown(Shape):
    """How one has answered. `answered` of `asked` periods that were needed; `written`: messages in a year."""

    held: int
    running: int
    at_risk: list[Money]
    asked: int
    answered: int
    answer_rate: float | None
    answered_in_seconds: int | None
    written: int


class Creator(Shape):
    """One creator, and what was said of asking them."""

    id: int
    handle: str
    name: str | None
    email: str | None
    phone: str | None
    locale: str | None
    timezone: str | None
    opted_out_at: datetime | None
    snoozed_until: datetime | None
    away_from: datetime | None
    away_until: datetime | None
    payment_due_since: datetime | None
    record: RecordShown


class Theirs(Shape):
    """An authorization of theirs."""

    id: int
    key: str
    advertiser_id: str
    advertiser: str | None
    state: str
    expires_at: datetime | None
    next_action: str | None
    next_action_at: datetime | None
    why: str
    at_risk: Money | None


class Link(Shape):
    """A link to their page, without what opens it. `standing`: `works`, `expired` or `revoked`."""

    id: int
    created_at: datetime
    expires_at: datetime
    opened_at: datetime | None
    revoked_at: datetime | None
    standing: str


class Estimate(Shape):
    """Requests within a year at periods of `days` (null: access to the account)."""

    days: int | None
    renewals: int
    fewest: int
    most: int


class Advice(Shape):
    """Which period to propose, with the arithmetic."""

    advice: str
    sentence: str
    present: Estimate
    proposed: Estimate | None
    estimates: list[Estimate]
    needed: int


class CreatorShown(Creator):
    """One creator with what is held of them."""

    authorizations: list[Theirs]
    links: list[Link]
    advice: Advice


def record_of(record: Record) -> RecordShown:
    return RecordShown(
        held=record.held,
        running=record.running,
        at_risk=moneys(record.at_risk),
        asked=record.asked,
        answered=record.answered,
        answer_rate=record.rate,
        answered_in_seconds=seconds(record.answered_in),
        written=record.written,
    )


def advice_of(reckoned: Reckoning) -> Advice:
    told = reckoned.recommendation
    return Advice(
        advice=told.advice,
        sentence=told.sentence,
        present=Estimate.model_validate(told.present),
        proposed=Estimate.model_validate(told.proposed) if told.proposed else None,
        estimates=[Estimate.model_validate(each) for each in reckoned.estimates],
        needed=reckoned.needed,
    )
