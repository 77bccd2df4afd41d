"""When a creator is written to, and what of: several posts of one creator, over weeks, against a mail server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from typing import Any

import pytest
from sqlalchemy import Engine

from domain.patience import SENTENCES, Patience
from infra.clock import HandClock
from infra.database import hot
from infra.inbox import Letter, accept
from infra.vault import Vault
from tests.postbox import Postbox, postbox
from tests.service import ADVERTISER, Service, service
from tests.visitor import Visitor, link_to, text_of

ANA = {
    "handle": "ana.dances",
    "name": "Ana",
    "email": "ana@creators.test",
    "locale": "en",
    "timezone": "Europe/Paris",
}
HER = {"handle": "ana.dances"}
ONE, TWO, THREE = ("7300000000000000001", "7300000000000000002", "7300000000000000003")


def day(month: int, number: int, hour: int = 10) -> datetime:
    return datetime(2026 if month > 10 else 2027, month, number, hour, tzinfo=UTC)


class Desk:
    """A service with posts of one creator."""

    def __init__(self, running: Service, box: Postbox) -> None:
        self.service, self.box, self.number = running, box, 0

    def grants(self, post: str, *, ends_at: datetime, days: int = 30, spend: str = "100.00", **more: Any) -> None:
        """A post that is granted until `ends_at`, and that an ad needs until March."""
        about: dict[str, Any] = {"post": {"item_id": post}}
        begins_at = (ends_at - timedelta(days=days)).isoformat()
        self.service.hears("authorization.requested", route="code", days=days, creator=ANA, **about, **more)
        self.service.hears("code.granted", starts_at=begins_at, expires_at=ends_at.isoformat(), **about)
        ad = {"ad_id": post[-4:], "daily_spend": {"amount": spend, "currency": "EUR"}}
        self.service.hears("ad.started", ad=ad | {"flight_end": day(3, 30).isoformat()}, **about)
        self.service.settles()

    def tells(self, type_: str, **data: Any) -> None:
        """A fact of the creator, as a producer says it."""
        assert self.service.hears(type_, creator=HER, **data).status_code == 202
        self.service.settles()

    def says(self, type_: str, data: dict[str, Any]) -> None:
        """Word of a person about the first post, as the commands and the creator's page write it."""
        now = self.service.clock.now()
        self.number += 1
        letter = Letter(
            sender="operator",
            event_id=f"{type_}:{self.number}",
            type=type_,
            key=f"{ADVERTISER}/{ONE}",
            occurred_at=now,
            data=json.dumps(data).encode(),
        )
        with hot(self.service.engine) as connection:
            accept(connection, [letter], now=now)
        self.service.settles()

    def sleeps_until(self, at: datetime, *, step: timedelta = timedelta(hours=2)) -> None:
        self.service.sleeps(at - self.service.clock.now(), step=step)

    def was_asked_often(self, number: int) -> None:
        """Four messages about one authorization within the last weeks."""
        with hot(self.service.engine) as connection:
            for place in range(4):
                at = self.service.clock.now() - timedelta(days=10 + 10 * place)
                connection.execute(
                    "INSERT INTO asks (authorization_id, period_ends_at, rung, urgency, days, asked_at, sent_at)"
                    " VALUES (%s, %s, 0, 'window', 7, %s, %s)",
                    [number, at, at, at],
                )

    def fetches(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        with hot(self.service.engine) as connection:
            return connection.execute(query.encode(), values).fetchall()

    @property
    def sent(self) -> list[str]:
        """The days on which messages went; never in quiet hours: Paris is an hour ahead of UTC."""
        rows = self.fetches("SELECT DISTINCT outbox_id, sent_at FROM asks WHERE sent_at IS NOT NULL ORDER BY sent_at")
        assert len(rows) == len(self.box.taken)
        assert all(8 <= at.hour < 19 for _, at in rows)
        return [f"{at:%a %d %b}" for _, at in rows]

    @property
    def posts(self) -> list[list[str]]:
        """The posts of each message, in its order."""
        return [_posts(message) for message in self.box.taken]

    @property
    def whys(self) -> list[tuple[str, str | None, str | None]]:
        return [
            (str(item), decided, withheld)
            for item, decided, withheld in self.fetches(
                "SELECT item_id, decided_why, withheld_why FROM authorizations ORDER BY item_id"
            )
        ]

    @property
    def waiting(self) -> list[tuple[Any, ...]]:
        return self.fetches("SELECT status, last_error FROM outbox WHERE kind = 'ask.mail' ORDER BY id")


def _posts(message: EmailMessage) -> list[str]:
    part = message.get_body(("plain",))
    assert part is not None
    text = str(part.get_content())
    places = {post: text.find(post) for post in (ONE, TWO, THREE) if post in text}
    return sorted(places, key=lambda post: places[post])


@pytest.fixture
def desk(engine: Engine, clock: HandClock, vault: Vault) -> Iterator[Desk]:
    with postbox() as box, service(engine=engine, clock=clock, vault=vault, smtp_url=box.url) as running:
        yield Desk(running, box)


def test_what_falls_due_within_three_days_is_one_message_with_the_most_money_first(desk: Desk) -> None:
    # The windows open on Wednesday 9 December, the day after, and a week later
    desk.grants(ONE, ends_at=day(12, 19), spend="20.00")
    desk.grants(TWO, ends_at=day(12, 20), spend="500.00")
    desk.grants(THREE, ends_at=day(12, 26))

    desk.sleeps_until(day(12, 10, 18))

    assert desk.posts == [[TWO, ONE]]
    assert desk.sent == ["Wed 09 Dec"]
    assert desk.whys == [(ONE, "renewal_needed", None), (TWO, "renewal_needed", None), (THREE, None, None)]
    assert desk.fetches("SELECT count(*), count(DISTINCT outbox_id) FROM asks") == [(2, 1)]
    # With a link to the creator's page, signed, and a way to stop it
    assert "/c/1." in str(desk.box.taken[0])
    assert str(desk.box.taken[0]["List-Unsubscribe"]).endswith("/stop>")


def test_what_was_renewed_while_the_message_waited_for_monday_is_not_in_it(desk: Desk) -> None:
    # Both windows open on Saturday 12 December
    desk.grants(ONE, ends_at=day(12, 22))
    desk.grants(TWO, ends_at=day(12, 22))
    desk.sleeps_until(day(12, 13))

    assert desk.sent == []
    assert desk.waiting == [("owed", SENTENCES[Patience.QUIET_HOURS])]
    assert desk.whys == [(post, "renewal_needed", "quiet_hours") for post in (ONE, TWO)]

    desk.service.hears("authorization.extended", post={"item_id": ONE}, expires_at=day(2, 20).isoformat())
    desk.sleeps_until(day(12, 14))

    assert (desk.sent, desk.posts) == (["Mon 14 Dec"], [[TWO]])
    assert desk.whys[0] == (ONE, "renewal_needed", "renewed_meanwhile")


def test_all_that_the_message_was_about_is_renewed_and_nobody_is_written_to(desk: Desk) -> None:
    desk.grants(ONE, ends_at=day(12, 22))
    desk.sleeps_until(day(12, 13))
    desk.service.hears("authorization.extended", post={"item_id": ONE}, expires_at=day(2, 20).isoformat())

    desk.sleeps_until(day(12, 16))

    assert (desk.sent, desk.waiting) == ([], [("cancelled", "the period was extended")])


def test_an_end_on_monday_night_is_asked_for_on_the_weekend(desk: Desk) -> None:
    # A week's code that ends on Monday 30 November at 04:00 in Paris: after Friday nothing but the weekend is left
    desk.sleeps_until(day(11, 23, 3), step=timedelta(hours=17))
    desk.grants(ONE, ends_at=day(11, 30, 3), days=7)

    desk.sleeps_until(day(11, 30, 3))

    # Saturday's rung waits until the emergency, a day before the end, in which the hours of a Sunday are used; the last one,
    # which is due two hours later, is not sent as well
    assert desk.sent == ["Wed 25 Nov", "Fri 27 Nov", "Sun 29 Nov"]


def test_the_weekly_cap_holds_and_an_emergency_goes_beyond_it_up_to_its_own(desk: Desk) -> None:
    for place, post in enumerate((ONE, TWO, THREE)):
        desk.grants(post, ends_at=day(12, 7 + 4 * place, 12), days=30)
    desk.sleeps_until(day(12, 24))

    sent = [at for (at,) in desk.fetches("SELECT DISTINCT sent_at FROM asks WHERE sent_at IS NOT NULL ORDER BY 1")]
    within = [sum(timedelta() <= at - other < timedelta(days=7) for other in sent) for at in sent]

    assert max(within) <= 4
    assert len(sent) < 12
    assert desk.fetches("SELECT count(*) FROM outbox WHERE kind = 'ask.mail' AND status = 'uncertain'") == [(0,)]


def test_who_has_opted_out_gets_nothing_until_the_next_ask_after_opting_in(desk: Desk) -> None:
    desk.grants(ONE, ends_at=day(12, 19))
    desk.tells("creator.opted_out")
    desk.sleeps_until(day(12, 10))

    assert (desk.sent, desk.waiting) == ([], [("cancelled", SENTENCES[Patience.OPTED_OUT])])
    assert desk.whys == [(ONE, "renewal_needed", "opted_out")]

    desk.tells("creator.opted_in")
    desk.sleeps_until(day(12, 14, 12))

    assert desk.sent == ["Mon 14 Dec"]


def test_while_a_payment_is_due_nobody_asks_and_when_it_is_made_the_ask_goes_at_once(desk: Desk) -> None:
    desk.grants(ONE, ends_at=day(12, 19))
    desk.tells("creator.payment_due", is_due=True)
    desk.sleeps_until(day(12, 10, 9))

    assert (desk.sent, desk.waiting) == ([], [("owed", SENTENCES[Patience.PAYMENT_DUE])])

    desk.tells("creator.payment_due", is_due=False)
    desk.sleeps_until(day(12, 10, 10))

    assert desk.sent == ["Thu 10 Dec"]


def test_a_snooze_and_a_holiday_are_waited_for(desk: Desk) -> None:
    desk.grants(ONE, ends_at=day(12, 19))
    desk.tells("creator.snoozed", until=day(12, 10, 14).isoformat())
    desk.tells("creator.away", **{"from": day(12, 10, 12).isoformat(), "until": day(12, 11, 12).isoformat()})
    desk.sleeps_until(day(12, 11, 11))

    assert desk.sent == []
    assert desk.whys == [(ONE, "renewal_needed", "snoozed")]

    desk.sleeps_until(day(12, 11, 14))

    assert desk.sent == ["Fri 11 Dec"]


def test_what_the_creator_said_before_the_first_request_counts_too(desk: Desk) -> None:
    desk.tells("creator.opted_out")
    desk.grants(ONE, ends_at=day(12, 19))
    desk.sleeps_until(day(12, 24), step=timedelta(hours=6))

    assert desk.sent == []
    assert desk.fetches("SELECT email, opted_out_at IS NOT NULL FROM creators") == [("ana@creators.test", True)]


def test_an_old_word_does_not_undo_a_newer_one(desk: Desk) -> None:
    now = desk.service.clock.now()
    desk.tells("creator.opted_out")
    desk.service.hears("creator.opted_in", creator=HER, at=now - timedelta(hours=1))
    desk.service.settles()

    assert desk.fetches("SELECT opted_out_at IS NOT NULL FROM creators") == [(True,)]


def test_a_suggestion_moves_one_ask_and_says_why(desk: Desk) -> None:
    desk.grants(ONE, ends_at=day(12, 22))
    desk.says("renewal.suggested", {"at": day(12, 2, 9).isoformat(), "reason": "she is at an event from Thursday on"})

    assert desk.fetches("SELECT next_action_at, why, suggestion FROM authorizations") == [
        (day(12, 2, 9), "renewal_suggested", "she is at an event from Thursday on")
    ]

    desk.sleeps_until(day(12, 3))

    assert desk.sent == ["Wed 02 Dec"]
    assert desk.whys == [(ONE, "renewal_suggested", None)]
    [(why, at, text)] = desk.fetches("SELECT why, suggested_at, suggestion FROM authorizations")
    assert (why, at, text) == ("renewal_needed", None, "she is at an event from Thursday on")

    # The next period knows nothing of it
    desk.service.hears("authorization.extended", post={"item_id": ONE}, expires_at=day(2, 20).isoformat())
    desk.service.settles()
    assert desk.fetches("SELECT suggestion FROM authorizations") == [(None,)]


def test_a_suggestion_does_not_delay_an_emergency_nor_speak_of_what_is_over(desk: Desk) -> None:
    desk.grants(ONE, ends_at=day(12, 22))
    for at in (day(12, 21), day(12, 23)):
        desk.says("renewal.suggested", {"at": at.isoformat()})

    [(why,)] = desk.fetches("SELECT why FROM authorizations")
    assert why == "renewal_needed"
    rows = desk.fetches("SELECT outcome, reason FROM history WHERE event = 'renewal.suggested' ORDER BY id")
    assert rows == [("stayed", "suggested"), ("late", "suggested_too_late")]


def test_a_look_that_somebody_wants_is_owed_once_while_it_is_open(desk: Desk) -> None:
    desk.grants(ONE, ends_at=day(12, 22))
    desk.says("look.wanted", {})
    desk.says("look.wanted", {})

    assert desk.fetches("SELECT kind, status, key FROM outbox") == [("look.one", "owed", f"{ADVERTISER}/{ONE}")]


def test_a_creator_who_was_asked_often_is_asked_for_the_longer_period(desk: Desk) -> None:
    desk.grants(ONE, ends_at=day(12, 22), days=30)
    number = desk.fetches("SELECT id FROM authorizations")[0][0]
    desk.was_asked_often(number)
    with hot(desk.service.engine) as connection:
        # Needed for 25 days more, which one week does not cover, and the creator gave weeks so far
        connection.execute("UPDATE ads SET flight_end = %s", [day(12, 22) + timedelta(days=25)])
        connection.execute("UPDATE authorizations SET days = 7")
    desk.sleeps_until(day(12, 14, 9))

    assert desk.fetches("SELECT days FROM asks WHERE sent_at IS NOT NULL ORDER BY id DESC LIMIT 1") == [(30,)]
    assert "30 days" in str(desk.box.taken[0]["Subject"])


def test_a_creator_who_was_asked_often_for_several_posts_is_offered_to_give_access_once(desk: Desk) -> None:
    for post in (ONE, TWO, THREE):
        desk.grants(post, ends_at=day(12, 22), days=30)
    token = link_to(desk.service.engine, desk.service.vault, "ana.dances", now=desk.service.clock.now())
    offer = "you can give a brand access to your account in TikTok once"
    page = Visitor(desk.service.http, token)
    assert offer not in text_of(page.opens())

    desk.was_asked_often(desk.fetches("SELECT min(id) FROM authorizations")[0][0])
    desk.sleeps_until(day(12, 14, 9))

    (message,) = desk.box.taken
    for kind in ("plain", "html"):
        part = message.get_body((kind,))
        assert part is not None
        assert str(part.get_content()).count(offer) == 1
    assert offer in text_of(page.opens())
    desk.tells("creator.opted_out")
    assert offer not in text_of(page.opens())
