"""The hot statements repeat the table's columns by hand: what goes in must come out."""

from __future__ import annotations

from dataclasses import fields
from datetime import timedelta
from decimal import Decimal

from sqlalchemy import Engine

from domain.authorization import Action, Authorization, Flight, Plan, State, changed
from domain.events import Ad, Condition, Creator, Route
from domain.reasons import Reason
from infra import authorizations
from infra.clock import HandClock
from infra.database import hot


def full(clock: HandClock, key: str = "7200/7300") -> Authorization:
    """An authorization in which every field differs from its default and every instant from every other."""
    instants = (clock.now() + timedelta(hours=hours, microseconds=hours) for hours in range(1, 30))
    ad = Ad(
        ad_id="9001",
        flight_end=next(instants),
        daily_spend=Decimal("120.5000"),
        currency="EUR",
        objective="TRAFFIC",
        billing_event="CPC",
    )
    return Authorization(
        key=key,
        route=Route.OWN,
        state=State.REVOKED,
        state_reason=Reason.WITHDRAWN,
        state_since=next(instants),
        condition=Condition.PRIVATE,
        condition_at=next(instants),
        days=30,
        needed_until=next(instants),
        need_stated_at=next(instants),
        contract_ends_at=next(instants),
        reference='order "7" \\ ü 😀',
        item_url="https://www.tiktok.com/@ana/video/7300",
        requested_at=next(instants),
        starts_at=next(instants),
        expires_at=next(instants),
        ladder_from=next(instants),
        period_source="code.granted",
        corrected_at=next(instants),
        revoked_at=next(instants),
        declined_at=next(instants),
        rung=3,
        suggested_at=next(instants),
        suggestion="before the holidays",
        plan=Plan(action=Action.ASK, at=next(instants), why=Reason.RENEWAL_NEEDED),
        flights={"9001": Flight(ad=ad, started_at=next(instants), stopped_at=next(instants), lost_at=next(instants))},
        measured={"EUR": Decimal("40.25"), "": Decimal("7.00")},
    )


# Of another writer than what saves.
MEASURED = """UPDATE authorizations SET measured = '{"EUR": "40.25", "": "7.00"}' WHERE key = %s"""


def test_every_field_survives_the_database(engine: Engine, clock: HandClock) -> None:
    whole = full(clock)
    defaults = Authorization(key="", route=Route.CODE, state=State.ACTIVE, state_reason="", state_since=clock.now())
    assert all(getattr(whole, field.name) != getattr(defaults, field.name) for field in fields(Authorization))

    for saved in (whole, changed(whole, days=60, plan=Plan(why=Reason.IS_REVOKED), reference=None)):
        with hot(engine) as connection:
            authorizations.save(connection, [saved], {}, now=clock.now())
            authorizations.save_ads(connection, {(saved.key, "9001"): saved.flights["9001"]})
            connection.execute(MEASURED, [saved.key])
            loaded = authorizations.load(connection, [saved.key, "7200/unknown"])

        assert loaded == {saved.key: saved}


def test_keys_become_posts_and_accounts(engine: Engine, clock: HandClock) -> None:
    both = [full(clock, "7200/7300"), full(clock, "7200/@ana.dances")]

    with hot(engine) as connection:
        authorizations.save(connection, both, {}, now=clock.now())
        rows = connection.execute("SELECT advertiser_id, item_id, account_handle FROM authorizations ORDER BY id")

        assert rows.fetchall() == [("7200", "7300", None), ("7200", None, "ana.dances")]


def test_newer_contact_facts_win_and_gaps_keep_what_was_known(engine: Engine, clock: HandClock) -> None:
    at = clock.now()
    heard = [
        (Creator(handle="ana", name="Ana", email="old@creators.test"), at),
        (Creator(handle="ana", email="new@creators.test", timezone="Europe/Paris"), at + timedelta(hours=1)),
        (Creator(handle="ana", email="late@creators.test"), at),
    ]

    with hot(engine) as connection:
        for creator, heard_at in heard:
            authorizations.save_creators(connection, {"ana": (creator, heard_at)})
        authorizations.save(connection, [full(clock)], {"7200/7300": "ana"}, now=at)
        row = connection.execute(
            "SELECT name, email, timezone FROM authorizations JOIN creators ON creators.id = creator_id"
        ).fetchone()

    assert row == ("Ana", "new@creators.test", "Europe/Paris")
