"""How events leave: they wait, come twice or in another order, are signed at the last moment, and are tried again."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any

import httpx

from infra.clock import Clock
from simulator.switches import Switches
from simulator.tcm import Tcm

Post = Callable[[str, bytes, Mapping[str, str]], int]
Sign = Callable[[datetime, bytes], dict[str, str]]
FIRST_GAP = timedelta(minutes=1)
LONGEST_GAP = timedelta(hours=8)
STALE = timedelta(hours=1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Listener:
    """Where an app of TikTok for Developers hears, and the secret that its events are signed with."""

    client_key: str
    client_secret: str
    callback_url: str


@dataclass(kw_only=True, slots=True)
class Parcel:
    """An event on its way: `sign` makes the headers of the moment, `failures` counts those that were not taken."""

    url: str
    body: bytes
    due_at: datetime
    born_at: datetime
    token: str | None = None
    sign: Sign | None = None
    failures: int = 0


class Sending(Tcm):
    """Events wait in `outgoing` until `deliver_due` is called."""

    def __init__(self, clock: Clock, switches: Switches | None = None, seed: int = 0) -> None:
        super().__init__(clock, switches, seed)
        self.outgoing: list[Parcel] = []
        self._chance = Random(f"{seed}:webhooks")  # noqa: S311 - the same seed gives the same disorder

    def deliver_due(self, post: Post) -> int:
        """Sends what is due, in the order of falling due; what was not taken comes again, with growing gaps, for days.

        `post` gives the status that was answered, 0 when nothing was. Gives the number of those taken.
        """
        with self.lock:
            now = self.now()
            due = sorted((each for each in self.outgoing if each.due_at <= now), key=lambda each: each.due_at)
            self.outgoing = [each for each in self.outgoing if each.due_at > now]
            due = [each for each in due if each.token is None or self._is_token_live(each.token)]
        return sum(self._is_taken(each, post) for each in due)

    def _is_taken(self, parcel: Parcel, post: Post) -> bool:
        headers = {"content-type": "application/json"}
        if parcel.sign is not None:
            headers |= parcel.sign(self.now(), parcel.body)
        if 200 <= post(parcel.url, parcel.body, headers) < 300:  # noqa: PLR2004 - what HTTP calls a success
            return True
        parcel.failures += 1
        parcel.due_at = self.now() + min(LONGEST_GAP, FIRST_GAP * 2 ** (parcel.failures - 1))
        if parcel.due_at <= parcel.born_at + timedelta(hours=self.switches.webhook_retry_hours):
            with self.lock:
                self.outgoing.append(parcel)
        return False

    def _send_loosely(self, url: str, event: Mapping[str, Any], *, token: str) -> None:
        """Once, and sometimes twice, each time after a while of its own: so events overtake each other."""
        copies = 2 if self._chance.random() < self.switches.webhook_duplicates else 1
        for _ in range(copies):
            wait = timedelta(seconds=self.switches.webhook_delay_seconds * self._chance.random())
            self._send(url, event, token=token, wait=wait)

    def _send(
        self,
        url: str,
        event: Mapping[str, Any],
        *,
        token: str | None = None,
        sign: Sign | None = None,
        wait: timedelta = timedelta(0),
    ) -> None:
        now, body = self.now(), json.dumps(event).encode()
        with self.lock:
            self.outgoing.append(Parcel(url=url, body=body, due_at=now + wait, born_at=now, token=token, sign=sign))

    def _is_token_live(self, value: str) -> bool:
        token = self.tokens.get(value)
        return token is not None and not token.is_revoked


def posting(client: httpx.Client) -> Post:
    """Sends over HTTP; 0 when nobody answers."""

    def post(url: str, body: bytes, headers: Mapping[str, str]) -> int:
        try:
            return client.post(url, content=body, headers=dict(headers)).status_code
        except httpx.HTTPError:
            return 0

    return post


def signature(listener: Listener, now: datetime, body: bytes, *, flaw: str | None = None) -> dict[str, str]:
    """`Tiktok-Signature: t=<seconds>,s=<hex>`, the HMAC-SHA256 of "t.body" by the client's secret; made wrong on request."""
    seconds = int((now - STALE if flaw == "time" else now).timestamp())
    key = listener.client_secret + ("?" if flaw == "signature" else "")
    mark = hmac.new(key.encode(), f"{seconds}.".encode() + body, hashlib.sha256).hexdigest()
    return {"tiktok-signature": f"t={seconds},s={mark}", "webhook-schema-version": "1.0"}
