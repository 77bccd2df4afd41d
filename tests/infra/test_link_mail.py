"""The message with a fresh link to the creator's page, as a mail program reads it."""

from __future__ import annotations

import re
from dataclasses import replace
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default

import pytest

from infra.ask_mail import LOCALES
from infra.link_mail import FreshLink, compose_link
from infra.mail import POLICY
from infra.mail_examples import NOW
from infra.writing import UnusableAddress
from tests.infra.test_ask_mail import HOSTILE, LINK, SENDER, links_of, read_in, text_of

FRESH = FreshLink(
    idempotency_key="link-7-20261122T10",
    email="lina@example.com",
    name="Lina",
    locale="en",
    handle="lina.dances",
    link=LINK,
)
LASTS = {"en": "30 days", "fr": "30 jours", "es": "30 días", "de": "30 Tage"}


def received(fresh: FreshLink) -> EmailMessage:
    """As it comes out of a mailbox: written to bytes and parsed again."""
    return message_from_bytes(compose_link(fresh, sender=SENDER, now=NOW).as_bytes(policy=POLICY), policy=default)


@pytest.mark.parametrize("locale", LOCALES)
def test_it_reads_whole_in_every_language(locale: str) -> None:
    message = received(replace(FRESH, locale=f"{locale}-XX"))

    assert (message["Content-Language"], message["Auto-Submitted"]) == (locale, "auto-generated")
    assert message["Message-ID"] == "<link-7-20261122T10@brand.test>"
    assert message["To"].addresses[0].addr_spec == "lina@example.com"
    assert message["List-Unsubscribe"] is None
    assert f'<html lang="{locale}">' in text_of(message, "html")
    assert links_of(message) == [LINK]
    assert f"\n   {LINK}\n" in text_of(message)
    assert "TikTok" in message["Subject"]
    for body in (text_of(message), read_in(message)):
        assert all(said in body for said in (LINK, "Lina", "@lina.dances", LASTS[locale]))
        assert not re.search(r"\bNone\b|[{}]", body)


@pytest.mark.parametrize("locale", LOCALES)
def test_without_a_name_nobody_is_greeted_by_it(locale: str) -> None:
    message = received(replace(FRESH, locale=locale, name=None))

    assert re.search(r"^(Hello,|Bonjour,|Hola:|Hallo,)$", text_of(message), re.MULTILINE)


def test_what_strangers_wrote_breaks_nothing() -> None:
    message = received(replace(FRESH, name=HOSTILE))

    assert message["Bcc"] is None
    assert "<img" not in text_of(message, "html")
    with pytest.raises(UnusableAddress):
        compose_link(replace(FRESH, email="nobody at all"), sender=SENDER, now=NOW)
