"""What a creator sends from the page, as letters to the inbox."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from domain import spark_code
from infra.contract import key_of_creator
from infra.envelopes import Envelope
from infra.inbox import Letter
from infra.incoming import Reader, cleaned
from infra.links import Expired, Visit
from infra.unreadable import Unreadable
from infra.vault import Vault
from web.creator.posts import Card
from web.creator.speech import local_day, start_of

SENDER = "creator"
LONGEST_CODE, LONGEST_MORE = 20_000, 500
SNOOZE_DAYS = 60
# What a form carries to be told from its repetition, and what the page is asked with for what became of it.
NONCE = re.compile(r"[0-9a-f]{16}", re.ASCII)
MARK = re.compile(r"[0-9a-f]{16}\.[0-9a-f]{16}", re.ASCII)
REASONS = {
    "payment": "a payment is still open",
    "content": "the creator no longer wants this post as an ad",
    "enough": "the creator thinks that it ran for long enough",
    "other": "another reason",
}
Form = Mapping[str, str]
encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, kw_only=True, slots=True)
class Complaint:
    """Why nothing was sent: a word of the page, and the field that it is about."""

    word: str
    field: str
    post: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Desk:
    """What answers are made with. The same form with the same content always makes the same letter."""

    reader: Reader
    vault: Vault
    visit: Visit
    zone: ZoneInfo
    now: datetime

    def code(self, form: Form, card: Card) -> Letter | Complaint:
        """A code, or a text that holds one: sealed here, and taken to TikTok by the worker."""
        text = form.get("code", "")
        if len(text) > LONGEST_CODE:
            return Complaint(word="bad_code_long", field="code", post=card.id)
        if spark_code.find(text) is None:
            return Complaint(word="bad_code", field="code", post=card.id)
        return self._about(card, "code.submitted", form, {"code": text})

    def extended(self, form: Form, card: Card) -> Letter | Complaint:
        """“I have extended it”: TikTok is looked at. The end that was known tells a new one from an old one later."""
        data = {"ends_at": card.ends_at} if card.ends_at else {}
        return self._about(card, "look.wanted", form, data)

    def declined(self, form: Form, card: Card) -> Letter | Complaint:
        """A no, with its reason."""
        reason = REASONS.get(form.get("reason", ""))
        if reason is None:
            return Complaint(word="bad_reason", field="reason", post=card.id)
        more = printable(form.get("more", ""))[:LONGEST_MORE]
        return self._about(card, "request.declined", form, {"reason": f"{reason}: {more}" if more else reason})

    def snoozed(self, form: Form) -> Letter | Complaint:
        """Not before a day of the creator's own calendar."""
        try:
            day = date.fromisoformat(form.get("until", ""))
        except ValueError:
            return Complaint(word="bad_day", field="until")
        first, last = snooze_days(self.now, self.zone)
        if not first <= day <= last:
            return Complaint(word="bad_day", field="until")
        return self._said("creator.snoozed", form, {"until": start_of(day, self.zone)})

    def resumed(self, form: Form, *, has_opted_out: bool) -> Letter:
        """“Write to me again”: messages that were ended begin again, and what was put off is put off until today."""
        if has_opted_out:
            return self._said("creator.opted_in", form, {})
        return self._said("creator.snoozed", form, {"until": start_of(local_day(self.now, self.zone), self.zone)})

    def _about(self, card: Card, type_: str, form: Form, data: dict[str, Any]) -> Letter | Complaint:
        raw = encode(subject_of(card) | data)
        event_id = self._event_id(type_, card.key, form, raw)
        if type_ == "look.wanted":
            return self._letter(type_, event_id, card.key, raw)
        envelope = Envelope(event_id=event_id, type=type_, occurred_at=self.now, data=raw, place="")
        try:
            return self.reader.letter(envelope, sender=SENDER)
        except Unreadable:
            return Complaint(word="bad_form", field="code", post=card.id)

    def _said(self, type_: str, form: Form, data: dict[str, Any]) -> Letter:
        key, raw = key_of_creator(self.visit.handle), encode(data)
        return self._letter(type_, self._event_id(type_, key, form, raw), key, raw)

    def _letter(self, type_: str, event_id: str, key: str, raw: bytes) -> Letter:
        data = cleaned(msgspec.json.decode(raw), raw)
        return Letter(sender=SENDER, event_id=event_id, type=type_, key=key, occurred_at=self.now, data=data)

    def _event_id(self, type_: str, key: str, form: Form, raw: bytes) -> str:
        """Keyed, since it is made of what was pasted too: the id must not tell one code from another."""
        content = f"{type_}\n{key}\n{raw.decode()}"
        return f"{self.visit.link_id}.{form['nonce']}.{self.vault.mac(content, context='answer')[:16]}"


def letter_of(
    desk: Desk, path: str, form: Form, shown: Sequence[Card], *, has_opted_out: bool = False
) -> Letter | Complaint:
    """The form as a letter. A post that is not on this creator's page is no post."""
    if not NONCE.fullmatch(form.get("nonce", "")):
        return Complaint(word="bad_form", field="page")
    if path == "later":
        return desk.snoozed(form)
    if path == "resume":
        return desk.resumed(form, has_opted_out=has_opted_out)
    card = next((each for each in shown if str(each.id) == form.get("post")), None)
    if card is None:
        return Complaint(word="bad_post", field="page")
    match path:
        case "code":
            return desk.code(form, card)
        case "extended":
            return desk.extended(form, card)
        case _:
            return desk.declined(form, card)


def opted_out(link: Visit | Expired, *, now: datetime) -> Letter:
    """The end of all messages. Who took that back a moment ago and stops them again means it: the id is of this second."""
    return Letter(
        sender=SENDER,
        event_id=f"{link.link_id}.stop.{now:%Y%m%d%H%M%S}",
        type="creator.opted_out",
        key=key_of_creator(link.handle),
        occurred_at=now,
        data=b"{}",
    )


def link_wanted(link: Expired, *, now: datetime) -> Letter:
    """A fresh link for whoever had this one, at most once a day."""
    return Letter(
        sender=SENDER,
        event_id=f"{link.link_id}.fresh.{now:%Y%m%d}",
        type="link.wanted",
        key=key_of_creator(link.handle),
        occurred_at=now,
        data=b"{}",
    )


def mark_of(letter: Letter) -> str:
    """What the page is asked with afterwards; of use to the same link alone."""
    return letter.event_id.partition(".")[2]


def snooze_days(now: datetime, zone: ZoneInfo) -> tuple[date, date]:
    """The first and the last day that a reminder can be put off to."""
    today = local_day(now, zone)
    return today + timedelta(days=1), today + timedelta(days=SNOOZE_DAYS)


def subject_of(card: Card) -> dict[str, Any]:
    """The authorization as events name it."""
    about = {"account": {"handle": card.account}} if card.account else {"post": {"item_id": card.item_id}}
    return {"advertiser_id": card.key.partition("/")[0], **about}


def printable(text: str) -> str:
    """Free text on one line, without control characters."""
    return " ".join("".join(each if each.isprintable() else " " for each in text).split())
