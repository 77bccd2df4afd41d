"""The whole way: the ladder's own mails go unanswered, and silence climbs from them."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import Engine

from infra.channel_urls import Channels
from infra.channels import AppriseMessenger
from infra.chosen import policy_of
from infra.clock import HandClock
from infra.database import hot
from infra.vault import Vault
from tests.postbox import postbox
from tests.receiver import receiver
from tests.service import service
from worker.climbing import Rules, climb

DAY = timedelta(days=1)
CREATOR = {
    "handle": "mia.makes",
    "email": "mia@creators.test",
    "phone": "+33 6 12 34 56 78",
    "locale": "fr",
    "timezone": "Europe/Paris",
}


def test_mails_then_a_text_then_the_owner_and_peace_once_extended(
    engine: Engine, clock: HandClock, vault: Vault
) -> None:
    with (
        postbox() as box,
        receiver() as room,
        service(engine=engine, clock=clock, vault=vault, smtp_url=box.url) as everspark,
    ):
        channels = Channels.parse(alert_urls=room.url("room"), creator_url=room.url("phone/{phone}"))
        rules = Rules(policy=policy_of(everspark.settings))
        messenger = AppriseMessenger()

        def sleeps(span: timedelta) -> None:
            for _ in range(span // timedelta(hours=12)):
                everspark.sleeps(timedelta(hours=12))
                climb(engine, clock, channels=channels, messenger=messenger, rules=rules)

        begin = clock.now()
        everspark.hears("authorization.requested", route="code", days=30, creator=CREATOR)
        everspark.hears("code.granted", starts_at=begin.isoformat(), expires_at=(begin + 30 * DAY).isoformat())
        spend = {"amount": "100", "currency": "EUR"}
        ad = {"ad_id": "1", "flight_end": (begin + 90 * DAY).isoformat(), "daily_spend": spend}
        everspark.hears("ad.started", ad=ad)
        everspark.settles()

        # Day 25 and a half: the second mail has just left.
        sleeps(25.5 * DAY)
        assert (len(box.taken), len(room.taken)) == (2, 0)

        # Day 29.5: silence has climbed all the way, once.
        sleeps(4 * DAY)
        assert [path for path, *_ in room.taken].count("room") == 1
        assert [path for path, *_ in room.taken].count("phone/33612345678") == 1

        everspark.hears("authorization.extended", expires_at=(begin + 60 * DAY).isoformat())
        everspark.settles()
        mails = len(box.taken)
        sleeps(3 * DAY)
        assert [title for title, _ in room.at("room")] == [
            "Everspark: 1 renewal needs you",
            "Everspark: Resolved: no renewal needs you any longer",
        ]
        assert len(box.taken) == mails
    with hot(engine) as connection:
        connection.execute("DELETE FROM escalations")
