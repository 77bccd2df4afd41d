"""Puts the work on a contender's queue, at full speed or at a steady rate.

Run as `python -m bench.enqueue CONTENDER AUTHORIZATIONS RATE` (events a second; 0 = as fast as it goes).
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import islice

from bench.cue import report, wait_for_cue
from bench.work import Happening, happenings, letter, message, warm_up
from infra import memory

# As many events as the grouped commit of the web process takes at most.
GROUP = 500
Send = Callable[[list[Happening]], None]


def ours() -> Send:
    from infra.broker import make_broker, make_nudges
    from infra.clock import SystemClock
    from infra.database import hot, make_engine
    from infra.inbox import accept, mailbox_of
    from infra.settings import load

    settings, clock = load(), SystemClock()
    engine = make_engine(settings.database_url)
    nudges = make_nudges(make_broker(settings.redis_url))

    def send(events: list[Happening]) -> None:
        with hot(engine) as connection:
            accept(connection, [letter(event) for event in events], now=clock.now())
        nudges.mailboxes({mailbox_of(event.key) for event in events})

    return send


def dramatiq() -> Send:
    from bench.plain_dramatiq import take

    def send(events: list[Happening]) -> None:
        for event in events:
            take.send(message(event) | {"received_at": datetime.now(UTC).isoformat()})

    return send


def celery() -> Send:
    from bench.plain_celery import take

    def send(events: list[Happening]) -> None:
        for event in events:
            take.delay(message(event) | {"received_at": datetime.now(UTC).isoformat()})

    return send


CONTENDERS: dict[str, Callable[[], Send]] = {"ours": ours, "dramatiq": dramatiq, "celery": celery}


def groups(events: list[Happening], rate: float) -> Iterator[list[Happening]]:
    """Full groups, or one event at each beat."""
    rest = iter(events)
    began = time.monotonic()
    for beat in range(len(events)):
        group = list(islice(rest, 1 if rate else GROUP))
        if not group:
            return
        time.sleep(max(0.0, began + beat / rate - time.monotonic()) if rate else 0)
        yield group


def main() -> None:
    contender, authorizations, rate = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
    send, events = CONTENDERS[contender](), happenings(authorizations)
    send(warm_up())
    memory.settle()
    wait_for_cue()
    began = datetime.now(UTC).timestamp()
    for group in groups(events, rate):
        send(group)
    report({"began": began})


if __name__ == "__main__":
    main()
