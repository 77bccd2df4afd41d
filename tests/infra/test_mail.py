from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from html import unescape
from typing import Any

import pytest

from infra.ask_mail import LOCALES, AskItem, BadMailFrom, DigestMail, UnusableAddress, compose_digest, sender_of
from infra.mail import BadSmtpUrl, Refused, Sent, SmtpMailer, SmtpServer, TryLater, Unknown
from infra.mail_words import language_of, span_of
from tests.postbox import HANG_UP, Postbox, postbox

NOW = datetime(2026, 12, 12, 9, 58, tzinfo=UTC)
NBSP = "\u00a0"
ENDS_AT = datetime(2026, 12, 22, 9, 58, tzinfo=UTC)
ITEM = AskItem(
    key="7200000000000000001/7300000000000000001",
    advertiser_id="7200000000000000001",
    brand=None,
    reference="Winter boots",
    route="code",
    item_id="7300000000000000001",
    item_url=None,
    title=None,
    days=30,
    period_ends_at=ENDS_AT,
    urgency="window",
)
ASK = DigestMail(
    idempotency_key="ask:7",
    email="lina@creators.test",
    name="Lina",
    locale="en-GB",
    zone="Europe/Paris",
    handle="lina.dances",
    urgency="window",
    items=(ITEM,),
)


def changed(**given: Any) -> DigestMail:
    """ASK with some facts of the message or of its one item changed."""
    of_item = {name: value for name, value in given.items() if name in AskItem.__slots__}
    of_mail = {name: value for name, value in given.items() if name in DigestMail.__slots__}
    return replace(ASK, **of_mail, items=(replace(ITEM, **of_item),))


def written(
    ask: DigestMail = ASK, *, now: datetime = NOW, mail_from: str = "Everspark <everspark@brand.test>"
) -> EmailMessage:
    return compose_digest(ask, sender=sender_of(mail_from), now=now)


def text_of(message: EmailMessage, kind: str = "plain") -> str:
    part = message.get_body((kind,))
    assert part is not None
    return str(part.get_content()).replace("\r\n", "\n").replace(NBSP, " ")


@pytest.fixture
def box() -> Iterator[Postbox]:
    with postbox() as box:
        yield box


def mailer_of(box: Postbox) -> SmtpMailer:
    return SmtpMailer(SmtpServer.parse(box.url), timeout=5)


@contextmanager
def scripted(*steps: bytes) -> Iterator[int]:
    """A server that says one step after each line it hears, and hangs up after the last."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection, connection.makefile("rwb", buffering=0) as lines:
                for step in steps:
                    lines.write(step)
                    lines.readline()

        thread = threading.Thread(target=serve)
        thread.start()
        yield listener.getsockname()[1]
        thread.join()


@contextmanager
def mute_after(*steps: bytes) -> Iterator[int]:
    """As above, but after the last step it stays on the line and says nothing more, until the block ends."""
    done = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection, connection.makefile("rwb", buffering=0) as lines:
                for step in steps:
                    lines.write(step)
                    lines.readline()
                done.wait(5)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            done.set()
            thread.join()


class TestTheSetting:
    def test_reads_host_port_and_encryption(self) -> None:
        assert SmtpServer.parse("smtp://mail.test") == SmtpServer(host="mail.test", port=25)
        assert SmtpServer.parse("smtps://mail.test") == SmtpServer(host="mail.test", port=465, tls=True)
        assert SmtpServer.parse("smtp://mail.test:587/?starttls=1") == SmtpServer(
            host="mail.test", port=587, starttls=True
        )

    def test_decodes_user_and_password_and_never_shows_the_password(self) -> None:
        server = SmtpServer.parse("smtp://me%40brand.test:p%40ss%2Fword@[::1]:2525")

        assert (server.host, server.user, server.password) == ("::1", "me@brand.test", "p@ss/word")
        assert "p@ss" not in repr(server)

    @pytest.mark.parametrize(
        "url",
        [
            "http://u:s3cret@mail.test",
            "smtp://",
            "smtp://u:s3cret@mail.test:99999",
            "smtp://u:s3cret/x@mail.test",
            "smtp://u:s3cret#x@mail.test",
            "smtp://s3cret@mail.test",
            "smtp://u:s3cret@mail.test?tls=1",
            "smtp://u:s3cret@mail.test?starttls=perhaps",
            "smtps://u:s3cret@mail.test?starttls=1",
            "smtp://u:s3cret@mail.test/inbox",
        ],
    )
    def test_a_bad_one_is_named_without_its_secret(self, url: str) -> None:
        with pytest.raises(BadSmtpUrl) as caught:
            SmtpServer.parse(url)

        assert str(caught.value).startswith("EVERSPARK_SMTP_URL ")
        assert "s3cret" not in str(caught.value)
        assert caught.value.__cause__ is None


class TestTheMessage:
    def test_in_english(self) -> None:
        message = written()

        assert message["To"] == "Lina <lina@creators.test>"
        assert message["From"] == "Everspark <everspark@brand.test>"
        assert message["Subject"] == "Please extend your TikTok ad authorization by 30 days"
        assert message["Message-ID"] == "<ask%3A7@brand.test>"
        assert message["Date"].datetime == NOW
        assert (message["Auto-Submitted"], message["Content-Language"]) == ("auto-generated", "en")
        for kind in ("plain", "html"):
            body = unescape(text_of(message, kind))
            assert "Tuesday 22 December 2026, 10:58 (Europe/Paris)" in body
            assert "https://www.tiktok.com/@lina.dances/video/7300000000000000001" in body
            assert "7200000000000000001" in body
            assert "Winter boots" in body
            taps = [body.index(tap) for tap in ("•••", "Ad settings", "Ad authorization", "Extend", "Generate code")]
            assert taps == sorted(taps)

    def test_in_french(self) -> None:
        message = written(changed(locale="fr_FR", period_ends_at=datetime(2027, 1, 1, 8, tzinfo=UTC)))

        assert message["Content-Language"] == "fr"
        assert message["Subject"] == "Merci de prolonger votre autorisation TikTok de 30 jours"
        for kind in ("plain", "html"):
            body = unescape(text_of(message, kind))
            assert "vendredi 1er janvier 2027 à 09 h 00 (Europe/Paris)" in body
            assert "Générer un code" in body
        assert '<html lang="fr">' in text_of(message, "html")

    def test_the_day_is_the_creators(self) -> None:
        body = text_of(written(changed(zone="Pacific/Auckland", period_ends_at=ENDS_AT.replace(hour=20))))

        assert "Wednesday 23 December 2026, 09:58 (Pacific/Auckland)." in body

    @pytest.mark.parametrize("zone", [None, "Mars/Olympus", "../etc/passwd", "Europe", "\0"])
    def test_an_unknown_zone_leaves_utc(self, zone: str | None) -> None:
        assert "Tuesday 22 December 2026, 09:58 UTC." in text_of(written(changed(zone=zone)))

    def test_urgency_is_heard(self) -> None:
        emergency = written(changed(urgency="emergency"), now=ENDS_AT - timedelta(hours=30))
        last_resort = written(changed(urgency="last_resort", locale="fr"), now=ENDS_AT - timedelta(minutes=30))
        over = written(changed(urgency="after_end"), now=ENDS_AT + timedelta(days=1))

        assert emergency["Subject"].startswith("30 hours left: please extend your")
        assert last_resort["Subject"].startswith("Dernier rappel, moins d’une heure : prolongez votre")
        assert over["Subject"] == "Your TikTok ad authorization has ended: please extend it by 30 days"
        assert "Extending it now brings it back to life." in text_of(over)

    @pytest.mark.parametrize("urgency", ["window", "emergency", "last_resort", "after_end"])
    @pytest.mark.parametrize("route", ["code", "account"])
    @pytest.mark.parametrize("left", [timedelta(days=10), timedelta(minutes=5), timedelta(days=-1)])
    @pytest.mark.parametrize("locale", LOCALES)
    def test_the_subject_begins_on_its_own_line(self, urgency: str, route: str, left: timedelta, locale: str) -> None:
        ask = changed(urgency=urgency, route=route, locale=locale, days=365)

        message = written(ask, now=ENDS_AT - left)

        assert b"Subject:\r\n" not in message.as_bytes()
        assert message["Subject"][0].isupper() or message["Subject"][0].isdigit()
        assert "\n\n\n" not in text_of(message)

    def test_account_access_has_its_own_words(self) -> None:
        for locale in LOCALES:
            ask = changed(route="account", item_id=None, period_ends_at=None, locale=locale)
            body = text_of(written(ask))

            assert "Business Center" in body
            assert "Generate code" not in body
            assert "None" not in body

    def test_the_link_of_the_producer_is_used_only_if_it_is_one(self) -> None:
        good = "https://www.tiktok.com/@lina.dances/photo/7300000000000000001"

        assert good in text_of(written(changed(item_url=good)))
        assert "/video/73" in text_of(written(changed(item_url="javascript:alert(1)")), "html")

    def test_names_can_neither_break_headers_nor_pages(self) -> None:
        message = written(changed(name="Li\r\nBcc: all@x.test\u202e <b>na</b>", reference="a\r\n\r\nb"))

        assert message["Bcc"] is None
        assert message["To"].addresses[0].addr_spec == "lina@creators.test"
        assert "<b>na</b>" not in text_of(message, "html")

    def test_names_beyond_ascii_survive(self) -> None:
        message = written(changed(name="Zoë Šťastná 🎈", email="zoe@bücher.test"))

        assert message["To"].addresses[0].display_name == "Zoë Šťastná 🎈"
        assert message["To"].addresses[0].addr_spec == "zoe@xn--bcher-kva.test"
        assert message.as_bytes().isascii()

    @pytest.mark.parametrize(
        "email", ["", "lina", "@creators.test", "a b@creators.test", "lina@x\r\nBcc: y@z.test", "zoë@x.test"]
    )
    def test_an_address_that_is_none_is_said(self, email: str) -> None:
        with pytest.raises(UnusableAddress):
            written(changed(email=email))

    @pytest.mark.parametrize("mail_from", ["", "Everspark", "zoë@brand.test", "a@b@c"])
    def test_a_sender_that_is_none_names_its_setting(self, mail_from: str) -> None:
        with pytest.raises(BadMailFrom, match="EVERSPARK_MAIL_FROM"):
            sender_of(mail_from)

    def test_different_keys_never_share_a_message_id(self) -> None:
        keys = ["ask/1", "ask:1", "ask 1", "ask%201", "ask@1", "x" * 150]

        ids = {written(changed(idempotency_key=key))["Message-ID"] for key in keys}

        assert len(ids) == len(keys)

    def test_languages(self) -> None:
        assert [language_of(x) for x in ("fr", "fr-CA", "FR_fr.UTF-8", "es-MX", "de_AT", "en-US", "it", "", None)] == [
            *["fr"] * 3,
            *["es", "de"],
            *["en"] * 4,
        ]

    def test_spans_are_rounded_down(self) -> None:
        assert span_of(timedelta(days=9, hours=23), "en") == f"9{NBSP}days"
        assert span_of(timedelta(hours=47, minutes=59), "fr") == f"47{NBSP}heures"
        assert span_of(timedelta(hours=1, minutes=59), "en") == f"1{NBSP}hour"


class TestSending:
    def test_what_is_sent_is_what_arrives(self, box: Postbox) -> None:
        message = written(changed(locale="fr", reference=".\r\n.dotted"))

        assert mailer_of(box).send(message) == Sent()

        (received,) = box.taken
        assert received["Message-ID"] == "<ask%3A7@brand.test>"
        assert received["Subject"] == message["Subject"]
        assert text_of(received) == text_of(message)
        assert text_of(received, "html") == text_of(message, "html")

    def test_lines_that_begin_with_a_dot_arrive_whole(self, box: Postbox) -> None:
        message = written()
        message.clear_content()
        message.set_content("one\n.\n..\n.two\n", cte="7bit")

        mailer_of(box).send(message)

        assert text_of(box.taken[0]) == "one\n.\n..\n.two\n"

    @pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")
    def test_the_user_logs_in(self) -> None:
        with postbox(auth_require_tls=False, auth_required=True) as box:
            good = SmtpServer.parse(f"smtp://me:p%40ss%2Fword@127.0.0.1:{box.port}")
            bad = SmtpServer.parse(f"smtp://me:wr0ng@127.0.0.1:{box.port}")

            assert SmtpMailer(good).send(written()) == Sent()
            assert SmtpMailer(good).check() is None
            refused = SmtpMailer(bad).send(written())
            anonymous = mailer_of(box).send(written())

        assert isinstance(refused, TryLater)
        assert refused.server_is_away
        assert "mend EVERSPARK_SMTP_URL" in refused.reason
        assert "wr0ng" not in refused.reason
        assert isinstance(anonymous, TryLater)
        assert anonymous.server_is_away

    def test_starttls_is_never_given_up_in_silence(self, box: Postbox) -> None:
        outcome = SmtpMailer(SmtpServer.parse(f"{box.url}?starttls=1")).send(written())

        assert isinstance(outcome, TryLater)
        assert outcome.server_is_away
        assert box.taken == []

    def test_nobody_listens(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]

        outcome = SmtpMailer(SmtpServer(host="127.0.0.1", port=port)).send(written())

        assert isinstance(outcome, TryLater)
        assert outcome.server_is_away

    @pytest.mark.parametrize("where", ["at_sender", "at_recipient", "at_end"])
    def test_later_is_later_and_never_is_never(self, box: Postbox, where: str) -> None:
        setattr(box, where, "451 4.3.0 greylisted")
        later = mailer_of(box).send(written())
        setattr(box, where, "550 5.1.1 <lina@creators.test>: no such user")
        never = mailer_of(box).send(written())

        assert later == TryLater(reason="the mail server answered 451 4.3.0 greylisted")
        assert never == Refused(reason="the mail server answered 550 5.1.1 <…>: no such user")
        assert box.taken == []

    @pytest.mark.parametrize("where", ["at_sender", "at_recipient"])
    def test_a_line_lost_before_the_message_is_a_try_later(self, box: Postbox, where: str) -> None:
        setattr(box, where, HANG_UP)

        assert isinstance(mailer_of(box).send(written()), TryLater)

    def test_a_line_lost_after_the_final_dot_leaves_it_unknown(self, box: Postbox) -> None:
        box.at_end = HANG_UP

        outcome = mailer_of(box).send(written())

        assert isinstance(outcome, Unknown)
        assert len(box.dropped) == 1

    @pytest.mark.parametrize(("answers", "kind"), [(2, TryLater), (3, TryLater), (4, TryLater), (5, Unknown)])
    def test_no_answer_in_time_is_a_server_that_is_away(self, answers: int, kind: type[TryLater | Unknown]) -> None:
        said = (b"220 hi\r\n", b"250 hi\r\n", b"250 ok\r\n", b"250 ok\r\n", b"354 go\r\n")
        with mute_after(*said[:answers]) as port:
            outcome = SmtpMailer(SmtpServer(host="127.0.0.1", port=port), timeout=0.3).send(written())

        assert isinstance(outcome, kind)
        assert outcome.server_is_away

    @pytest.mark.parametrize("where", ["at_sender", "at_end"])
    def test_a_line_that_is_lost_says_nothing_about_the_next_message(self, box: Postbox, where: str) -> None:
        setattr(box, where, HANG_UP)

        outcome = mailer_of(box).send(written())

        assert isinstance(outcome, TryLater | Unknown)
        assert not outcome.server_is_away

    def test_an_answer_that_is_no_smtp_leaves_it_unknown(self, box: Postbox) -> None:
        box.at_end = "what?"

        assert isinstance(mailer_of(box).send(written()), Unknown)

    @pytest.mark.parametrize("greeting", [b"", b"554 no service here\r\n", b"SSH-2.0-x\r\n"])
    def test_a_stranger_on_the_port_is_a_server_that_is_away(self, greeting: bytes) -> None:
        with scripted(greeting) as port:
            outcome = SmtpMailer(SmtpServer(host="127.0.0.1", port=port), timeout=0.5).send(written())

        assert isinstance(outcome, TryLater)
        assert outcome.server_is_away
