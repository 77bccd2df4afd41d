"""An account owner's desk: authorizations with the asks they had, a chat room, a text gateway, and a climb by hand."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import Engine

from domain.patience import ANY_HOUR, Manners
from domain.renewal import law_of
from infra.channel_urls import Channels
from infra.channels import AppriseMessenger, Messenger
from infra.clock import HandClock
from infra.database import hot
from tests.receiver import Receiver
from worker.climbing import Rules, Tally, climb

DAY = timedelta(days=1)
POLITE = Manners(hours=ANY_HOUR, weekly_cap=100, emergency_cap=100)


class Office:
    """`room`: where alerts arrive; `phones`: what creators got, under their numbers."""

    def __init__(self, engine: Engine, clock: HandClock, room: Receiver, **rules: Any) -> None:
        self.engine, self.clock, self.room = engine, clock, room
        self.channels = Channels.parse(alert_urls=room.url("room"), creator_url=room.url("phone/{phone}"))
        self.messenger: Messenger = AppriseMessenger(read_timeout=5)
        self.rules = Rules(**{"manners": POLITE, **rules})

    def climbs(self) -> Tally:
        return climb(self.engine, self.clock, channels=self.channels, messenger=self.messenger, rules=self.rules)

    def sleeps(self, span: timedelta) -> Tally:
        self.clock.advance(span)
        return self.climbs()

    @property
    def alerts(self) -> list[str]:
        return [title for title, _ in self.room.at("room")]

    @property
    def texts(self) -> list[str]:
        return [text for path, _, text in self.room.taken if path.startswith("phone/")]

    def run(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        with hot(self.engine) as connection:
            cursor = connection.execute(sql, values)
            return cursor.fetchall() if cursor.description else []

    def creator(self, handle: str = "mia", **facts: Any) -> int:
        known = {"email": f"{handle}@creators.test", "phone": "+33612345678", "locale": "en", "timezone": "UTC"}
        facts = known | {"name": "Mia", "handle": handle, "updated_at": self.clock.now()} | facts
        query = f"INSERT INTO creators ({', '.join(facts)}) VALUES ({', '.join(['%s'] * len(facts))}) RETURNING id"
        return int(self.run(query, *facts.values())[0][0])

    def authorization(
        self,
        item: int = 1,
        *,
        creator: int | None = None,
        left: timedelta = 5 * DAY,
        days: int = 30,
        advertiser: str = "72",
        spend: tuple[str, str] | None = ("100", "EUR"),
        **facts: Any,
    ) -> int:
        """Active, with an ad that runs for 300 days more."""
        now, ends_at = self.clock.now(), self.clock.now() + left
        facts = {
            "key": f"{advertiser}/{item}",
            "advertiser_id": advertiser,
            "item_id": str(item),
            "route": "code",
            "state": "active",
            "state_reason": "ad_started",
            "state_since": ends_at - days * DAY,
            "days": days,
            "creator_id": creator,
            "starts_at": ends_at - days * DAY,
            "expires_at": ends_at,
            "why": "renewal_needed",
            "created_at": now,
            "updated_at": now,
        } | facts
        query = (
            f"INSERT INTO authorizations ({', '.join(facts)}) VALUES ({', '.join(['%s'] * len(facts))}) RETURNING id"
        )
        number = int(self.run(query, *facts.values())[0][0])
        amount, currency = spend or (None, None)
        self.run(
            "INSERT INTO ads (authorization_id, ad_id, started_at, flight_end, daily_spend, currency)"
            " VALUES (%s, %s, %s, %s, %s, %s)",
            number, f"ad-{number}", ends_at - days * DAY, now + 300 * DAY, amount and Decimal(amount), currency,
        )  # fmt: skip
        return number

    def was_asked(self, number: int, *, rungs: int | None = None) -> None:
        """The asks that the ladder made until now (or the first `rungs` of them), each sent on its instant."""
        ((begins_at, ends_at),) = self.run("SELECT starts_at, expires_at FROM authorizations WHERE id = %s", number)
        for rung, before in enumerate(law_of(begins_at, ends_at).rungs[:rungs]):
            if ends_at - before <= self.clock.now():
                self.asked_at(number, rung, ends_at, ends_at - before)

    def asked_at(self, number: int, rung: int, ends_at: datetime, at: datetime) -> None:
        self.run(
            "INSERT INTO asks (authorization_id, period_ends_at, rung, urgency, days, asked_at, sent_at)"
            " VALUES (%s, %s, %s, 'window', 30, %s, %s) ON CONFLICT DO NOTHING",
            number, ends_at, rung, at, at,
        )  # fmt: skip

    def renewed(self, number: int, *, days: int = 30) -> None:
        """The creator extends from now."""
        now = self.clock.now()
        self.run(
            "UPDATE authorizations SET starts_at = %s, expires_at = %s, state = 'active' WHERE id = %s",
            now, now + days * DAY, number,
        )  # fmt: skip

    def ended(self, number: int) -> None:
        """The clock ends the period."""
        self.run("UPDATE authorizations SET state = 'expired', state_since = expires_at WHERE id = %s", number)

    def steps(self) -> list[tuple[str, bool]]:
        """(step, whether it is open) of every escalation."""
        return [
            (step, is_open)
            for step, is_open in self.run("SELECT step, resolved_at IS NULL FROM escalations ORDER BY id")
        ]

    def statuses(self, kind: str) -> list[str]:
        return [status for (status,) in self.run("SELECT status FROM outbox WHERE kind = %s ORDER BY id", kind)]

    def is_closed(self) -> None:
        """Nothing is left that would hold on to authorizations."""
        self.run("DELETE FROM escalations")
