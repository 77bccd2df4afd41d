"""What a text to a creator, or an alert, says by now, and whether it still goes: looked at just before it is sent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import psycopg
from sqlalchemy import Engine

from domain.alerting import Say, Topic
from domain.digest import Digest, DueAsk, digest
from domain.escalation import HARD, Cause, Step, begins_at, cause_of, is_over
from domain.patience import SENTENCES, Manners, deadline_of
from domain.renewal import Policy, smallest_period, urgency_of
from infra import alert_rows, alert_text, alerts, creators, escalations
from infra.alert_text import Text
from infra.alerts import STEP_OF, Thread
from infra.channel_urls import Channels
from infra.channels import Messenger
from infra.clock import Clock
from infra.drafts import short
from infra.escalated import has_channel, listed, subject_of
from infra.escalations import Loaded
from infra.outbox import ALERT, Debt
from worker.looking_first import look_first

NO_CHANNEL = "no second way to creators is configured: set EVERSPARK_CREATOR_CHANNEL_URL"


@dataclass(frozen=True, kw_only=True, slots=True)
class Message:
    """What is sent, and to which addresses."""

    text: Text
    urls: tuple[str, ...]
    is_bad: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class NotNeeded:
    """The world has moved on."""

    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Waits:
    """Owed still, and looked at again at `until`, or soon. `is_looking`: TikTok is read before."""

    reason: str
    until: datetime | None = None
    is_looking: bool = False


Seen = Message | NotNeeded | Waits


@dataclass(frozen=True, kw_only=True, slots=True)
class Teller:
    """What one run works with."""

    engine: Engine
    clock: Clock
    channels: Channels
    messenger: Messenger
    policy: Policy
    manners: Manners
    link_to: Callable[[psycopg.Connection[Any], int, datetime], str] | None


def look_again(connection: psycopg.Connection[Any], teller: Teller, debt: Debt, now: datetime) -> Seen:
    """Called with the row claimed, in the same transaction."""
    if debt.kind == ALERT:
        return _alert(connection, teller, debt, now)
    return _channel_ask(connection, teller, debt, now)


def _channel_ask(connection: psycopg.Connection[Any], teller: Teller, debt: Debt, now: datetime) -> Seen:
    """The same verdict as for mail: the creator's word, quiet hours and caps count here too."""
    loaded = _still_silent(connection, teller, debt, now)
    if not loaded:
        return NotNeeded(reason="nobody needs to be asked by the other channel any longer")
    contact = loaded[0].contact
    url = teller.channels.to_creator(contact.phone)
    if url is None or contact.creator_id is None:
        return Waits(reason=NO_CHANNEL)
    creators.hold(connection, contact.creator_id)
    verdict = _verdict(connection, teller, loaded, now, but=debt.id)
    if verdict.send_at is None or verdict.reason is None:
        return NotNeeded(reason=SENTENCES[verdict.reason] if verdict.reason else "there is nothing to ask")
    if verdict.send_at > now:
        return Waits(reason=SENTENCES[verdict.reason], until=verdict.send_at)
    if looking := look_first(connection, debt, {each.key: _end_of(each, now) for each in loaded}, now):
        return Waits(reason=looking.reason, until=looking.at, is_looking=True)
    days = {each.key: smallest_period(each.case.authorization, now, teller.policy) for each in loaded}
    link = teller.link_to(connection, contact.creator_id, now) if teller.link_to else None
    body = short([subject_of(each, days[each.key]) for each in loaded], link=link)
    return Message(text=Text(title="", body=body), urls=(url,))


def _still_silent(connection: psycopg.Connection[Any], teller: Teller, debt: Debt, now: datetime) -> list[Loaded]:
    """What of the message still is to be asked."""
    pages = escalations.open_ones(connection, ids=debt.payload["escalations"])
    opened = {each.key: each for page in pages for each in page}
    loaded = escalations.load(connection, sorted(opened), has_channel=has_channel(teller.channels))
    return [
        each
        for each in loaded
        if not is_over(each.case, Step.OTHER_CHANNEL, opened[each.key].period_ends_at, now=now)
        and (cause_of(each.case, now) not in HARD or cause_of(each.case, now) is Cause.NO_ADDRESS)
    ]


def _verdict(
    connection: psycopg.Connection[Any], teller: Teller, loaded: list[Loaded], now: datetime, *, but: int
) -> Digest:
    contact = loaded[0].contact
    sent_at = creators.written_to_at(connection, contact.creator_id or 0, now=now, but=but)
    asks = [_due_ask(each, now) for each in loaded]
    return digest(asks, now=now, span=timedelta(), facts=contact.facts, sent_at=sent_at, manners=teller.manners)


def _due_ask(each: Loaded, now: datetime) -> DueAsk:
    ends_at = _end_of(each, now)
    return DueAsk(
        key=each.key,
        rung=0,
        days=0,
        due_at=now,
        ends_at=ends_at,
        urgency=urgency_of(each.case.authorization, now),
        deadline=deadline_of(begins_at(each.case, ends_at), ends_at),
    )


def _end_of(each: Loaded, now: datetime) -> datetime:
    return each.case.authorization.expires_at or now


def _alert(connection: psycopg.Connection[Any], teller: Teller, debt: Debt, now: datetime) -> Seen:
    """The numbers of now, not of when the alert was owed; what is over by now is not told as open, nor the reverse."""
    thread = Thread(owner=debt.payload["owner"], topic=Topic(debt.payload["topic"]))
    urls = teller.channels.alerts.get(thread.owner, ())
    if not urls:
        return NotNeeded(reason="there is no address for these alerts any longer")
    if thread.topic is Topic.SERVICE:
        return _service_alert(connection, debt, urls)
    text = _text(connection, teller, thread, now)
    if (text is None) is not (debt.payload["word"]["say"] == Say.RESOLVED):
        return NotNeeded(reason="it has changed since")
    return Message(text=text or alert_text.of_the_end(thread.topic), urls=urls, is_bad=text is not None)


def _service_alert(connection: psycopg.Connection[Any], debt: Debt, urls: tuple[str, ...]) -> Seen:
    """Just what the memory will hold as told: where that is not how it stands any longer, the next round has another word."""
    word, last = debt.payload["word"], debt.payload["last"]
    is_open = word["say"] == Say.OPEN
    now_open = {each.name for each in alert_rows.open_ones(connection)}
    if now_open != (set(word["names"]) if is_open else set()):
        return NotNeeded(reason="it has changed since")
    before = set(last["names"]) if last and last["say"] == Say.OPEN and last["was_heard"] else set()
    known = alert_rows.sentences(connection)
    groups = (now_open - before, now_open & before, before - now_open)
    new, still, over = ([known.get(name, name) for name in sorted(group)] for group in groups)
    text = alert_text.of_the_service(new=new, still=still, over=over)
    return Message(text=text, urls=urls, is_bad=is_open)


def _text(connection: psycopg.Connection[Any], teller: Teller, thread: Thread, now: datetime) -> Text | None:
    """What is open of a thread; None where nothing is."""
    owner_of = teller.channels.owner_of
    if thread.topic not in STEP_OF:
        troubles = alerts.troubles(connection, thread, owner_of)
        return alert_text.of_troubles(thread.topic, troubles) if troubles else None
    items = [
        item
        for item in listed(connection, now=now, policy=teller.policy, channels=teller.channels)
        if item.step is STEP_OF[thread.topic] and owner_of(item.advertiser_id) == thread.owner
    ]
    return alert_text.of_items(thread.topic, items, now=now) if items else None
