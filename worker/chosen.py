"""What the settings come to: the values that decisions, messages and calls are made with."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from email.headerregistry import Address
from typing import Any

import psycopg

from domain.watching import limits_of
from infra import links
from infra.channel_urls import Channels
from infra.channels import unreadable
from infra.chosen import manners_of, policy_of
from infra.mail import Mailer, SmtpMailer, SmtpServer
from infra.settings import PREFIX, BadSettings, Settings
from infra.vault import Vault
from infra.watched import Limits
from worker.asking import Writing
from worker.climbing import Rules


def writing_of(settings: Settings, vault: Vault) -> Callable[[Address], Writing]:
    """How creators are written to, once it is known in whose name."""
    from infra.mail_check import overrides_in  # only who writes mail waits for its libraries

    manners, policy = manners_of(settings), policy_of(settings)
    overrides = overrides_in(settings.templates_dir)

    def writing(sender: Address) -> Writing:
        return Writing(
            sender=sender,
            manners=manners,
            policy=policy,
            public_url=settings.public_url,
            vault=vault,
            reply_to=settings.reply_to or None,
            overrides=overrides,
            attach_calendar=settings.attach_calendar,
        )

    return writing


def mailer_of(settings: Settings) -> Mailer | None:
    """The way to the mail server; None where none is configured, and messages wait."""
    return SmtpMailer(SmtpServer.parse(settings.smtp_url)) if settings.smtp_url else None


def channels_of(settings: Settings) -> Channels:
    """The ways to operators, and to creators beside mail. Raises BadSettings for an address that no service knows."""
    parsed = Channels.parse(
        alert_urls=settings.alert_urls.get_secret_value(), creator_url=settings.creator_channel_url.get_secret_value()
    )
    alerts = [url for theirs in parsed.alerts.values() for url in theirs]
    for name, urls in (("ALERT_URLS", alerts), ("CREATOR_CHANNEL_URL", [parsed.creators])):
        if strange := unreadable(url for url in urls if url):
            told = f"no service of Apprise knows {strange} of its {len(urls)} addresses"
            raise BadSettings(f"{PREFIX}{name} cannot be used: {told}.")
    return parsed


def watch_limits_of(settings: Settings) -> Limits:
    """Beyond which people are told."""
    return Limits(inbox=timedelta(minutes=settings.alert_inbox_minutes), money=limits_of(settings.alert_money_at_risk))


def rules_of(settings: Settings, vault: Vault) -> Rules:
    """How silence climbs."""

    def link_to(connection: psycopg.Connection[Any], creator_id: int, now: datetime) -> str:
        return f"{settings.public_url}/c/{links.issue(connection, vault, creator_id=creator_id, now=now)}"

    return Rules(
        policy=policy_of(settings),
        manners=manners_of(settings),
        span=timedelta(hours=settings.alert_span_hours),
        link_to=link_to,
    )
