from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from email.headerregistry import Address
from email.message import EmailMessage
from typing import Any

import pytest
from sqlalchemy import Engine
from structlog.testing import capture_logs

from domain.patience import ANY_HOUR, Manners
from domain.reasons import Reason, sentence
from infra.clock import HandClock
from infra.database import hot
from infra.mail import Mailer, Outcome, SmtpMailer, SmtpServer, TryLater, Unknown
from infra.outbox import POWER_CUT
from infra.vault import Vault
from tests.postbox import HANG_UP, Postbox, postbox
from tests.sweeping import World
from worker.asking import BAD_EMAIL, NO_CREATOR, NO_EMAIL, Writing
from worker.pay import NO_SMTP, Paid, pay

FROM = "Everspark <everspark@brand.test>"
MINUTE = timedelta(minutes=1)


def text_of(message: EmailMessage) -> str:
    part = message.get_body(("plain",))
    assert part is not None
    return str(part.get_content())


@pytest.fixture
def box() -> Iterator[Postbox]:
    with postbox() as box:
        yield box


class PowerCut(BaseException):
    """The machine stops here."""


class CutAfterSending:
    def __init__(self, mailer: Mailer) -> None:
        self._mailer = mailer

    def send(self, message: EmailMessage) -> Outcome:
        self._mailer.send(message)
        raise PowerCut


def at_any_hour(sender: Address) -> Writing:
    """Quiet hours and caps have their own stories (test_asking.py)."""
    return Writing(sender=sender, manners=Manners(hours=ANY_HOUR, weekly_cap=100, emergency_cap=100))


class Desk:
    """Authorizations with asks that are owed, and a payer that writes to the postbox."""

    def __init__(self, engine: Engine, clock: HandClock, box: Postbox) -> None:
        self.engine = engine
        self.clock = clock
        self.mailer: Mailer | None = SmtpMailer(SmtpServer.parse(box.url), timeout=5)
        self.ends_at = clock.now() + timedelta(days=10)

    def pays(self, **more: Any) -> Paid:
        return pay(self.engine, self.clock, self.mailer, mail_from=FROM, **({"writing": at_any_hour} | more))

    def run(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        with hot(self.engine) as connection:
            cursor = connection.execute(sql, values)
            return cursor.fetchall() if cursor.description else []

    def authorization(self, item: int = 1, *, email: str | None = "lina@creators.test", locale: str = "en") -> int:
        handle = f"creator{item}"
        ((creator,),) = self.run(
            "INSERT INTO creators (handle, name, email, locale, timezone, updated_at)"
            " VALUES (%s, 'Lina', %s, %s, 'Europe/Paris', %s) RETURNING id",
            handle, email, locale, self.clock.now(),
        )  # fmt: skip
        ((number,),) = self.run(
            "INSERT INTO authorizations (key, advertiser_id, item_id, route, state, state_reason, state_since, days,"
            " creator_id, starts_at, expires_at, needed_until, why, created_at, updated_at)"
            " VALUES (%s, '72', %s, 'code', 'active', 'x', %s, 30, %s, %s, %s, %s, 'x', %s, %s) RETURNING id",
            f"72/{item}", str(item), self.clock.now(), creator, self.ends_at - timedelta(days=30), self.ends_at,
            self.ends_at + timedelta(days=300), self.clock.now(), self.clock.now(),
        )  # fmt: skip
        return int(number)

    def asks(self, authorization: int, *, rung: int = 1, urgency: str = "window") -> None:
        """A message of its own, due now; those that were gathered before have been tried."""
        self.run(
            "UPDATE outbox SET attempts = 1 WHERE status = 'owed'"
            " AND creator_id = (SELECT creator_id FROM authorizations WHERE id = %s)",
            authorization,
        )
        self.run(
            "WITH message AS ("
            " INSERT INTO outbox (kind, key, creator_id, idempotency_key, payload, due_at, created_at)"
            " SELECT 'ask.mail', key, creator_id, 'ask.' || key || '.' || %s, '{}', %s, %s FROM authorizations"
            " WHERE id = %s RETURNING id)"
            " INSERT INTO asks (authorization_id, period_ends_at, rung, urgency, days, asked_at, outbox_id)"
            " SELECT %s, %s, %s, %s, 30, %s, id FROM message",
            rung, self.clock.now(), self.clock.now(), authorization,
            authorization, self.ends_at, rung, urgency, self.clock.now(),
        )  # fmt: skip

    @property
    def rows(self) -> list[tuple[str, str | None]]:
        return [(status, error) for status, error in self.run("SELECT status, last_error FROM outbox ORDER BY id")]

    @property
    def due(self) -> list[datetime]:
        return [due_at for (due_at,) in self.run("SELECT due_at FROM outbox ORDER BY id")]


@pytest.fixture
def desk(engine: Engine, clock: HandClock, box: Postbox) -> Desk:
    return Desk(engine, clock, box)


def test_an_ask_leaves_as_mail_in_the_creators_language(desk: Desk, box: Postbox) -> None:
    desk.asks(desk.authorization(1))
    desk.asks(desk.authorization(2, locale="fr-FR", email="zoe@creators.test"))

    with capture_logs() as logs:
        paid = desk.pays()

    assert paid == Paid(done=2)
    assert desk.rows == [("done", None), ("done", None)]
    english, french = box.taken
    assert english["To"].addresses[0].addr_spec == "lina@creators.test"
    assert english["Message-ID"] == "<ask.72%2F1.1@brand.test>"
    assert "2 December 2026, 11:00 (Europe/Paris)" in text_of(english)
    assert french["Content-Language"] == "fr"
    assert [line["event"] for line in logs] == ["ask_sent", "ask_sent"]
    assert "creators.test" not in str(logs)


def test_paid_once_is_paid(desk: Desk, box: Postbox) -> None:
    desk.asks(desk.authorization())

    desk.pays()
    desk.clock.advance(timedelta(days=1))

    assert desk.pays() == Paid()
    assert len(box.taken) == 1


def test_without_a_mail_server_messages_wait_and_say_so_once(desk: Desk, box: Postbox) -> None:
    desk.asks(desk.authorization())
    mailer, desk.mailer = desk.mailer, None

    with capture_logs() as logs:
        assert desk.pays() == Paid(waiting=1)
        desk.clock.advance(MINUTE)
        assert desk.pays() == Paid()
    assert desk.rows == [("owed", NO_SMTP)]
    assert [line["event"] for line in logs] == ["asks_waiting"]

    desk.mailer = mailer
    desk.clock.advance(MINUTE)
    assert desk.pays() == Paid(done=1)
    assert len(box.taken) == 1


def test_a_creator_without_an_address_waits_until_one_is_known(desk: Desk, box: Postbox) -> None:
    desk.asks(desk.authorization(email=None))

    with capture_logs() as logs:
        for _ in range(12):
            assert desk.pays() == Paid(waiting=1)
            desk.clock.advance(MINUTE)
    assert desk.rows == [("owed", NO_EMAIL)]
    assert [line["event"] for line in logs] == ["ask_waiting"]

    desk.run("UPDATE creators SET email = 'not an address'")
    assert desk.pays() == Paid(waiting=1)
    assert desk.rows == [("owed", BAD_EMAIL)]

    desk.run("UPDATE creators SET email = 'lina@creators.test'")
    desk.clock.advance(MINUTE)
    assert desk.pays() == Paid(done=1)
    assert desk.run("SELECT attempts FROM outbox") == [(1,)]


def test_an_unknown_creator_waits(desk: Desk) -> None:
    number = desk.authorization()
    desk.run("UPDATE authorizations SET creator_id = NULL")
    desk.asks(number)

    assert desk.pays() == Paid(waiting=1)
    assert desk.rows == [("owed", NO_CREATOR)]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ("state = 'revoked', revoked_at = now()", sentence(Reason.IS_REVOKED)),
        ("expires_at = expires_at + interval '30 days'", "the period was extended"),
        ("expires_at = expires_at - interval '5 days'", "another period, which ends earlier, took its place"),
        ("declined_at = now()", sentence(Reason.CREATOR_DECLINED)),
        ("condition = 'removed', condition_at = now()", sentence(Reason.POST_REMOVED)),
        ("needed_until = NULL", sentence(Reason.NO_AD_NEEDS_IT)),
        ("needed_until = expires_at", sentence(Reason.COVERED)),
        ("contract_ends_at = expires_at", sentence(Reason.CONTRACT_ENDS_FIRST)),
    ],
)
def test_what_is_no_longer_needed_is_cancelled(desk: Desk, box: Postbox, change: str, reason: str) -> None:
    number = desk.authorization()
    desk.asks(number)
    desk.run(f"UPDATE authorizations SET {change}")

    assert desk.pays() == Paid(cancelled=1)
    assert desk.rows == [("cancelled", reason)]
    assert box.taken == []


@pytest.mark.parametrize(
    ("late", "paid"),
    [(timedelta(days=12), Paid(done=1)), (timedelta(days=12, seconds=1), Paid(cancelled=1))],
)
def test_an_ask_that_waited_until_long_after_the_end_is_cancelled(desk: Desk, late: timedelta, paid: Paid) -> None:
    desk.asks(desk.authorization())
    mailer, desk.mailer = desk.mailer, None
    desk.pays()

    desk.clock.set(desk.ends_at + late)
    desk.mailer = mailer

    assert desk.pays() == paid
    if paid.cancelled:
        assert desk.rows == [("cancelled", sentence(Reason.TOO_LATE_TO_ASK))]


def test_an_ask_that_waited_until_its_last_ad_stopped_is_cancelled(desk: Desk, box: Postbox) -> None:
    number = desk.authorization()
    desk.run("UPDATE authorizations SET needed_until = NULL")
    desk.run("INSERT INTO ads (authorization_id, ad_id, started_at) VALUES (%s, '1', %s)", number, desk.clock.now())
    desk.asks(number, rung=1)
    assert desk.pays() == Paid(done=1)

    desk.asks(number, rung=2)
    desk.run("UPDATE ads SET stopped_at = %s", desk.clock.now() + MINUTE)

    assert desk.pays() == Paid(cancelled=1)
    assert desk.rows[1] == ("cancelled", sentence(Reason.NO_AD_NEEDS_IT))
    assert len(box.taken) == 1


def test_of_several_waiting_asks_only_the_latest_is_sent(desk: Desk, box: Postbox) -> None:
    number = desk.authorization()
    desk.asks(number, rung=1)
    desk.asks(number, rung=2)

    assert desk.pays() == Paid(done=1, cancelled=1)
    assert [status for status, _ in desk.rows] == ["cancelled", "done"]
    assert len(box.taken) == 1


def test_a_server_that_is_away_is_met_once_a_call_and_all_is_sent_when_it_is_back(desk: Desk, box: Postbox) -> None:
    for item in (1, 2, 3):
        desk.asks(desk.authorization(item))
    mailer, desk.mailer = desk.mailer, SmtpMailer(SmtpServer(host="127.0.0.1", port=1), timeout=1)

    assert desk.pays() == Paid(postponed=1)
    assert desk.due[0] == desk.clock.now() + MINUTE
    assert [status for status, _ in desk.rows] == ["owed"] * 3

    desk.mailer = mailer
    desk.clock.advance(MINUTE)
    assert desk.pays() == Paid(done=3)
    assert len(box.taken) == 3


def test_later_is_tried_again_by_the_schedule(desk: Desk, box: Postbox) -> None:
    desk.asks(desk.authorization())
    box.at_recipient = "451 greylisted"

    assert desk.pays() == Paid(postponed=1)
    assert desk.pays() == Paid()
    desk.clock.advance(MINUTE)
    assert desk.pays() == Paid(postponed=1)
    assert desk.due == [desk.clock.now() + 5 * MINUTE]

    box.at_recipient = "250 OK"
    desk.clock.advance(5 * MINUTE)
    assert desk.pays() == Paid(done=1)
    assert len(box.taken) == 1


def test_never_is_final_and_keeps_no_address(desk: Desk, box: Postbox) -> None:
    desk.asks(desk.authorization())
    box.at_recipient = "550 <lina@creators.test> unknown"

    with capture_logs() as logs:
        assert desk.pays() == Paid(failed=1)

    desk.clock.advance(timedelta(days=9))
    assert desk.pays() == Paid()
    assert desk.rows == [("failed", "the mail server answered 550 <…> unknown")]
    assert logs[0]["event"] == "ask_refused"
    assert "creators.test" not in str(logs)


def test_an_answer_lost_after_the_message_is_uncertain_and_never_sent_again(desk: Desk, box: Postbox) -> None:
    desk.asks(desk.authorization())
    box.at_end = HANG_UP

    assert desk.pays() == Paid(uncertain=1)

    box.at_end = "250 OK"
    desk.clock.advance(timedelta(days=9))
    assert desk.pays() == Paid()
    assert desk.rows[0][0] == "uncertain"
    assert (len(box.dropped), box.taken) == (1, [])


def test_a_power_cut_between_the_message_and_its_mark_is_uncertain_and_never_sent_again(
    desk: Desk, box: Postbox
) -> None:
    desk.asks(desk.authorization(1))
    desk.asks(desk.authorization(2))
    mailer = desk.mailer
    assert mailer is not None
    desk.mailer = CutAfterSending(mailer)
    with pytest.raises(PowerCut):
        desk.pays()
    assert desk.rows == [("paying", None), ("owed", None)]

    desk.mailer = mailer
    assert desk.pays() == Paid(done=1)
    desk.clock.advance(6 * MINUTE)
    assert desk.pays() == Paid(uncertain=1)

    desk.clock.advance(timedelta(days=9))
    assert desk.pays() == Paid()
    assert desk.rows == [("uncertain", POWER_CUT), ("done", None)]
    assert len(box.taken) == 2


def test_two_payers_at_once_send_each_message_once(desk: Desk, box: Postbox) -> None:
    for item in range(30):
        desk.asks(desk.authorization(item))
    results: list[Paid] = []
    payers = [threading.Thread(target=lambda: results.append(desk.pays())) for _ in range(2)]

    for payer in payers:
        payer.start()
    for payer in payers:
        payer.join()

    # The second one found the first at work, or came after it; either way it had nothing to do.
    assert sorted(paid.done for paid in results) == [0, 30]
    assert len({message["Message-ID"] for message in box.taken}) == len(box.taken) == 30


def test_a_payer_that_meets_another_at_work_leaves_at_once(desk: Desk, box: Postbox) -> None:
    desk.asks(desk.authorization(1))
    desk.asks(desk.authorization(2))
    mailer, met = SmtpMailer(SmtpServer.parse(box.url)), list[Paid]()

    class MeetsAnother:
        def send(self, message: EmailMessage) -> Outcome:
            met.append(pay(desk.engine, desk.clock, mailer, mail_from=FROM, writing=at_any_hour))
            return mailer.send(message)

    desk.mailer = MeetsAnother()

    assert desk.pays() == Paid(done=2)
    assert met == [Paid(), Paid()]
    assert len(box.taken) == 2


@pytest.mark.parametrize(
    ("outcome", "paid"),
    [
        (TryLater(reason="no answer in time", server_is_away=True), Paid(postponed=1)),
        (Unknown(reason="no answer in time", server_is_away=True), Paid(uncertain=1)),
    ],
)
def test_a_slow_server_is_met_once_a_call(desk: Desk, outcome: Outcome, paid: Paid) -> None:
    class Slow:
        def send(self, _message: EmailMessage) -> Outcome:
            return outcome

    for item in (1, 2, 3):
        desk.asks(desk.authorization(item))
    desk.mailer = Slow()

    assert desk.pays() == paid
    assert [status for status, _ in desk.rows][1:] == ["owed", "owed"]


def test_a_call_is_bounded_and_says_that_there_is_more(desk: Desk, box: Postbox) -> None:
    for item in range(3):
        desk.asks(desk.authorization(item))

    assert desk.pays(batch=2) == Paid(done=2, more=True)
    assert desk.pays(batch=2) == Paid(done=1)
    assert len(box.taken) == 3


def test_a_message_that_cannot_be_written_does_not_stand_before_the_others(desk: Desk, box: Postbox) -> None:
    desk.asks(desk.authorization(1))
    desk.asks(desk.authorization(2))

    class Broken(Vault):
        def mac(self, text: str, *, context: str) -> str:
            if text.startswith("1."):
                raise ArithmeticError
            return super().mac(text, context=context)

    def with_links(sender: Address) -> Writing:
        return replace(at_any_hour(sender), public_url="https://everspark.test", vault=Broken(bytes(32)))

    with capture_logs() as logs:
        assert desk.pays(writing=with_links) == Paid(failed=1, done=1)

    assert [status for status, _ in desk.rows] == ["failed", "done"]
    assert logs[0]["event"] == "ask_broken"
    assert len(box.taken) == 1


def test_a_code_check_is_left_as_it_was_written(desk: Desk) -> None:
    desk.asks(desk.authorization())
    desk.run("UPDATE outbox SET kind = 'code.check', last_error = 'waiting for TikTok'")
    before = desk.run("SELECT xmin, * FROM outbox")

    assert desk.pays() == Paid()
    desk.mailer = None
    assert desk.pays() == Paid()
    assert desk.run("SELECT xmin, * FROM outbox") == before


def test_the_rescue_sweep_nudges_for_asks_and_not_for_code_checks(engine: Engine, clock: HandClock, desk: Desk) -> None:
    world = World(engine, clock)
    desk.asks(desk.authorization())
    assert (world.sweeps("rescue"), world.nudges.payers) == (1, 1)

    desk.run("UPDATE outbox SET kind = 'code.check'")

    assert (world.sweeps("rescue"), world.nudges.payers) == (0, 1)
