"""What a row of a sheet says, as letters to the inbox. Their ids are made of import and line: told twice, it is kept once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from domain.sheet_rows import Held
from infra.envelopes import Envelope
from infra.inbox import Letter
from infra.incoming import Reader
from infra.vault import Vault

SENDER = "import"
REQUESTED, SUBMITTED, GRANTED = "authorization.requested", "code.submitted", "code.granted"
encode = msgspec.json.Encoder().encode


class Writing:
    """Letters as a producer's would be: checked against the contract, codes sealed."""

    def __init__(self, vault: Vault, *, offered_days: Sequence[int]) -> None:
        self.offered_days = tuple(offered_days)
        self._vault = vault
        self._reader = Reader(vault, offered_days=offered_days)

    def letters(
        self, number: int, line: int, held: Held, *, now: datetime, known_days: int | None = None
    ) -> list[Letter]:
        """Somebody wants the post; then the code, for TikTok to be asked about, or the period, which counts as it was told.

        `known_days`: what was asked for before, which a sheet that says nothing of it leaves as it is. Raises Unreadable where
        the contract refuses what the sheet lets through.
        """
        told = [
            (REQUESTED, self._request(held, now, known_days)),
            self._grant(held, now) if held.ends_at else _submission(held),
        ]
        return [self._letter(number, line, type_, held, data, now) for type_, data in told]

    def fingerprint(self, held: Held) -> str:
        """The same for two rows that say the same; it cannot be read back."""
        code = held.code.code if held.code else None
        facts = [held.key, held.handle, code, held.ends_at, held.days, held.reference, held.needed_until]
        return self._vault.fingerprint(encode(facts).decode())

    def fingerprint_of_code(self, held: Held) -> str | None:
        return self._vault.fingerprint(held.code.code) if held.code else None

    def _request(self, held: Held, now: datetime, known_days: int | None) -> dict[str, Any]:
        is_kept = held.days is None and known_days in self.offered_days
        facts = {
            "days": known_days if is_kept else held.period(now=now, offered_days=self.offered_days),
            "needed_until": held.needed_until,
            "reference": held.reference,
        }
        return {"route": "code", "creator": {"handle": held.handle}} | facts

    def _grant(self, held: Held, now: datetime) -> tuple[str, dict[str, Any]]:
        starts_at = held.starts_at(now=now, offered_days=self.offered_days)
        code = {"code": held.code.code} if held.code else {}
        return GRANTED, {"starts_at": starts_at, "expires_at": held.ends_at} | code

    def _letter(self, number: int, line: int, type_: str, held: Held, data: dict[str, Any], now: datetime) -> Letter:
        post = {"item_id": held.item_id} | ({"url": held.item_url} if held.item_url else {})
        envelope = Envelope(
            event_id=event_id(number, line, type_),
            type=type_,
            occurred_at=now,
            data=encode({"advertiser_id": held.advertiser_id, "post": post} | data),
            place="$",
        )
        return self._reader.letter(envelope, sender=SENDER)


def event_id(number: int, line: int, type_: str) -> str:
    """Of one letter; an import's number is never used again."""
    return f"{number}:{line}:{type_}"


def _submission(held: Held) -> tuple[str, dict[str, Any]]:
    return SUBMITTED, {"code": held.code.code if held.code else ""}
