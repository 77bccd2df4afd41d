"""A look that loses its power at any boundary: the next one finds what it had not told, and tells nothing twice."""

from __future__ import annotations

from itertools import count

import psycopg
from sqlalchemy import Engine

from infra.clock import HandClock
from infra.turns import LOOK_IS_LOST_AFTER
from infra.vault import Vault
from tests.journeys.looking import MINUTE, Lookout, key_of, lookout
from tests.power import Meter, PowerCut, metered_engine
from worker.looking import look

TABLES = (
    "escalations",
    "endings",
    "ads",
    "grants",
    "history",
    "pending",
    "kpis",
    "sightings",
    "inbox",
    "authorizations",
)
ENDING = """
SELECT key, state, condition, (SELECT array_agg(type ORDER BY seq) FROM inbox) AS told,
    (SELECT count(*) FROM sightings) AS sightings, (SELECT count(*) FROM pending) AS pending,
    (SELECT count(*) FROM advertisers WHERE looking_until IS NULL AND trouble IS NULL) AS free
FROM authorizations
"""


def test_the_power_goes_at_every_boundary_of_a_look(
    engine: Engine, database_url: str, clock: HandClock, vault: Vault
) -> None:
    with lookout(engine, clock, vault) as watch, psycopg.connect(database_url, autocommit=True) as admin:
        brand = watch.connects()
        post = watch.binds(brand, watch.creator(), days=365)
        watch.advertises(brand, post)
        meter = Meter(admin)
        metered = metered_engine(database_url, meter)

        for boundary in count():
            for table in TABLES:
                admin.execute(f"DELETE FROM {table}".encode())
            admin.execute(
                "UPDATE advertisers SET next_look_at = %s, next_kpis_at = %s, tried_at = NULL",
                [clock.now(), clock.now()],
            )
            was_cut = looks_until(watch, metered, meter, boundary)
            watch.looks(after=LOOK_IS_LOST_AFTER + MINUTE)

            (ending,) = watch.asks(ENDING)
            assert ending == {
                "key": key_of(brand, post),
                "state": "active",
                "condition": "public",
                "told": ["code.granted", "ad.started"],
                "sightings": 1,
                "pending": 0,
                "free": 1,
            }
            if not was_cut:
                break
        metered.dispose()

    assert boundary > len(TABLES)


def looks_until(watch: Lookout, metered: Engine, meter: Meter, boundary: int) -> bool:
    """A look whose power goes at `boundary`; whether it came so far. What it had written before is applied."""
    meter.begin(cut_at=boundary)
    try:
        look(metered, watch.clock, watch.tiktok, watch.vault)
    except PowerCut:
        return True
    finally:
        meter.begin()
        watch.settles()
    return False
