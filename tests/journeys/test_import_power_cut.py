"""An import loses its power at any boundary, of its check and of its application: each row is told once, none is left out."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

import psycopg
import pytest
from sqlalchemy import Engine

from infra.clock import HandClock
from infra.database import hot
from infra.settings import load
from infra.vault import Vault
from tests.emptying import empty
from tests.importing import OFFERED, Desk, sheet, with_code, with_end
from tests.power import Machine, Meter, PowerCut, RecordingMailer, metered_engine
from worker.importing import Importing

ROWS = (with_end(1), with_code(2), with_end(1), [1, "soon", "x", "", "2026-12-31"], with_code(3, ends="2026-12-31"))
ENDING = """
SELECT status, stage, good, bad, again, applied, (SELECT count(*) FROM inbox WHERE sender = 'import') AS letters,
    (SELECT count(*) FROM sheet_rows WHERE sealed IS NOT NULL) AS sealed,
    (SELECT count(*) FROM authorizations WHERE state = 'authorized') AS authorized
FROM imports
"""
WHOLE = ("done", "apply", 3, 1, 1, 3, 6, 0, 2)


@pytest.fixture
def desk(engine: Engine, clock: HandClock, vault: Vault) -> Desk:
    return Desk(engine, clock, vault, size=2)


@pytest.fixture
def meter(database_url: str) -> Iterator[Meter]:
    with psycopg.connect(database_url, autocommit=True) as admin:
        yield Meter(admin)


@pytest.fixture
def metered(database_url: str, meter: Meter) -> Iterator[Engine]:
    engine = metered_engine(database_url, meter)
    yield engine
    engine.dispose()


def is_cut(meter: Meter, boundary: int, metered: Engine, desk: Desk) -> bool:
    """The work until its power goes; whether it came so far."""
    work = Importing(desk.vault, offered_days=OFFERED, size=2)
    meter.begin(cut_at=boundary)
    try:
        while work.advance(metered, desk.clock):
            pass
    except PowerCut:
        return True
    finally:
        meter.begin()
    return False


def ending(desk: Desk) -> tuple[object, ...]:
    return tuple(desk.one(ENDING).values())


def test_the_power_goes_at_every_boundary(desk: Desk, meter: Meter, metered: Engine) -> None:
    for boundary in count():
        with hot(desk.engine) as connection:
            empty(connection)
        desk.receives(sheet(*ROWS), is_dry_run=False)
        was_cut = is_cut(meter, boundary, metered, desk)
        desk.works()

        assert ending(desk) == WHOLE, boundary
        if not was_cut:
            break

    assert boundary > 20


def test_one_that_nobody_was_nudged_for_is_found_by_the_sweep(desk: Desk, meter: Meter) -> None:
    desk.receives(sheet(*ROWS), is_dry_run=False)
    mailer = RecordingMailer(meter)

    Machine(engine=desk.engine, clock=desk.clock, mailer=mailer, meter=meter, settings=load()).sweeps("rescue")

    assert ending(desk) == WHOLE
