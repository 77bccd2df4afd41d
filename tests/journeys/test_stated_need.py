"""Somebody says until when an authorization is needed, and the plan moves; the newest word counts, however late it comes."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import Engine

from infra.clock import HandClock
from infra.vault import Vault
from tests.service import Service, service

DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)


def plan_of(everspark: Service) -> tuple[str | None, str]:
    return everspark.authorization.next_action, everspark.authorization.why


def test_a_need_is_stated_prolonged_and_taken_back(engine: Engine, clock: HandClock, vault: Vault) -> None:
    begin = clock.now()
    with service(engine=engine, clock=clock, vault=vault) as everspark:
        everspark.hears("code.granted", starts_at=begin.isoformat(), expires_at=(begin + 30 * DAY).isoformat())
        everspark.settles()
        assert plan_of(everspark) == ("expire", "no_ad_needs_it")

        clock.advance(10 * MINUTE)
        everspark.hears("need.stated", needed_until=(begin + 60 * DAY).isoformat(), reason="prolonged")
        everspark.settles()
        assert plan_of(everspark) == ("ask", "renewal_needed")

        # An older word arrives: it was outdated before it was heard.
        everspark.hears("need.stated", at=begin + 5 * MINUTE, needed_until=(begin + 20 * DAY).isoformat())
        everspark.settles()
        assert everspark.authorization.needed_until == begin + 60 * DAY

        clock.advance(10 * MINUTE)
        everspark.hears("need.stated", needed_until=None)
        everspark.settles()
        assert plan_of(everspark) == ("expire", "no_ad_needs_it")
        assert [told for told in everspark.story if told[0] == "need.stated"] == [
            ("need.stated", "stayed", "authorized"),
            ("need.stated", "late", "authorized"),
            ("need.stated", "stayed", "authorized"),
        ]


def test_a_need_stated_before_anything_else_is_known_waits(engine: Engine, clock: HandClock, vault: Vault) -> None:
    begin = clock.now()
    with service(engine=engine, clock=clock, vault=vault) as everspark:
        everspark.hears("need.stated", needed_until=(begin + 60 * DAY).isoformat())
        everspark.settles()
        everspark.hears("code.granted", starts_at=begin.isoformat(), expires_at=(begin + 30 * DAY).isoformat())
        everspark.settles()

        assert plan_of(everspark) == ("ask", "renewal_needed")
