"""A producer that never gives up: it signs events, posts them over HTTP, and delivers again until it hears 202."""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import httpx
from standardwebhooks import Webhook

from tests.deliveries import ADVERTISER, CREATOR
from tests.real.fleet import PATIENCE, Fleet, now

THREADS = 3
# Enough to keep every process busy at the moment of a fault, and little enough for a machine with two cores.
PAUSE_SECONDS = 0.01
AGAIN_SECONDS = 0.1
DOUBLED = 5


@dataclass(slots=True)
class Load:
    """What was delivered: ids that were answered 202, and how often a delivery had to be made again."""

    accepted: list[str] = field(default_factory=list)
    again: int = 0
    failures: list[str] = field(default_factory=list)


@contextmanager
def load(fleet: Fleet) -> Iterator[Load]:
    """Events without a break until the block ends; each thread tells the stories of authorizations of its own."""
    carried, stopping = Load(), threading.Event()
    threads = [threading.Thread(target=_deliver, args=(fleet, carried, stopping)) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    try:
        yield carried
    finally:
        stopping.set()
        for thread in threads:
            thread.join()


def _deliver(fleet: Fleet, carried: Load, stopping: threading.Event) -> None:
    with httpx.Client(base_url=fleet.address, trust_env=False, timeout=10) as client:
        for number, (event_id, body) in enumerate(_stories()):
            for _ in range(2 if number % DOUBLED == 0 else 1):
                if not _delivered(client, fleet.secret, event_id, body, carried):
                    carried.failures.append(event_id)
                    return
            carried.accepted.append(event_id)
            if stopping.wait(PAUSE_SECONDS):
                return


def _delivered(client: httpx.Client, secret: str, event_id: str, body: str, carried: Load) -> bool:
    """Until 202: whatever happened to the answer, the same id makes it the same event. False after a long time."""
    end, pause = now() + timedelta(seconds=PATIENCE), threading.Event()
    while now() < end:
        try:
            answer = client.post("/webhooks/crm", content=body, headers=_signed(secret, event_id, body))
        except httpx.TransportError:
            carried.again += 1
        else:
            if answer.status_code == httpx.codes.ACCEPTED:
                return True
            if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE:
                carried.failures.append(f"{event_id}: {answer.status_code} {answer.text}")
                return False
            carried.again += 1
        pause.wait(AGAIN_SECONDS)
    return False


def _signed(secret: str, event_id: str, body: str) -> dict[str, str]:
    at = now()
    return {
        "content-type": "application/json",
        "webhook-id": event_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": Webhook(secret).sign(event_id, at, body),
    }


def _stories() -> Iterator[tuple[str, str]]:
    """Each authorization is asked for, granted, used, changed and used no more: five events, in this order."""
    while True:
        story = uuid.uuid4()
        post = {"item_id": str(story.int % 10**18)}
        for place, (type_, data) in enumerate(_story(now())):
            body = {
                "type": type_,
                "timestamp": now().isoformat(),
                "data": {"advertiser_id": ADVERTISER, "post": post} | data,
            }
            yield f"{story}-{place}", json.dumps(body)


def _story(at: datetime) -> list[tuple[str, dict[str, Any]]]:
    ends_at = at + timedelta(days=30)
    return [
        ("authorization.requested", {"route": "code", "days": 30, "creator": CREATOR}),
        ("code.granted", {"starts_at": at.isoformat(), "expires_at": ends_at.isoformat()}),
        ("ad.started", {"ad": {"ad_id": "9001"}}),
        ("post.changed", {"condition": "under_review"}),
        ("ad.stopped", {"ad": {"ad_id": "9001"}}),
    ]
