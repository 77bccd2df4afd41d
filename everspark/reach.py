"""What `everspark doctor` finds of the ways out: endpoints of webhooks, creators' links, and channels beside mail."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import psycopg

from everspark import address
from everspark.debts import RECENT, Finding, counted
from infra import alert_rows
from infra.channel_urls import Channels
from infra.endpoints import why_disabled
from infra.outbox import TELLABLE
from infra.settings import Settings

# Its first three tries are over by then: what failed once and was taken after minutes is no news.
FAILING_IS_TOLD_AFTER = timedelta(hours=1)
ENDPOINTS = "SELECT name, failing_since, disabled_at FROM endpoints ORDER BY name"
AWAY = "SELECT count(*) FROM outbox WHERE kind = ANY(%s) AND status = 'owed' AND attempts > 0"
MEND = "mend the receiver, then `everspark endpoint enable {0}` and `everspark endpoint replay {0} --since 5d`"
LOOK = "see `everspark endpoint test {0}`; after five days without success it is disabled"
TELL_ADDRESS = "set EVERSPARK_PUBLIC_URL to the address under which creators reach this service, best with https"
NO_ALERTS = "nobody is alerted (EVERSPARK_ALERT_URLS); `everspark escalations` lists what climbs"
UNREADABLE = "correct EVERSPARK_ALERT_URLS or EVERSPARK_CREATOR_CHANNEL_URL"
LOOK_AT_CHANNELS = "follow the reason in the log: channel_refused, channel_uncertain, channel_postponed"


def endpoints(connection: psycopg.Connection[Any], now: datetime) -> Finding:
    """Endpoints that were given up, or have been failing for a while. One that an operator disabled is as it should be."""
    rows = connection.execute(ENDPOINTS).fetchall()
    given_up = {name: why_disabled(failing, disabled) for name, failing, disabled in rows if disabled and failing}
    failing = [name for name, since, disabled in rows if since and not disabled and now - since > FAILING_IS_TOLD_AFTER]
    told = [f"{name} is disabled, since {why}" for name, why in given_up.items()]
    told += [f"{name} fails" for name in failing]
    remedies = [MEND.format(name) for name in given_up] + [LOOK.format(name) for name in failing]
    detail = "; ".join([f"{len(rows)} registered", *told]) if rows else "none registered"
    return Finding(name="endpoints", ok=not told, detail=detail, remedy="; ".join(remedies))


def links(settings: Settings) -> Finding:
    """Whether creators can open what messages lead to."""
    is_used = bool(settings.smtp_url or settings.creator_channel_url.get_secret_value())
    detail = f"creators' pages are under {address.of(settings)}"
    if address.is_demo(settings) or not is_used or settings.has_public_url:
        return Finding(name="links", ok=True, detail=detail)
    detail += ", an address that only this machine knows, and messages carry it"
    return Finding(name="links", ok=False, detail=detail, remedy=TELL_ADDRESS)


def channels(connection: psycopg.Connection[Any], settings: Settings, now: datetime) -> Finding:
    """Whether alerts have somewhere to go, and arrived. Nothing is sent: an alert that says nothing is one too many."""
    ways = Channels.parse(
        alert_urls=settings.alert_urls.get_secret_value(), creator_url=settings.creator_channel_url.get_secret_value()
    )
    urls = [url for theirs in ways.alerts.values() for url in theirs] + ([ways.creators] if ways.creators else [])
    failed, uncertain, _, _ = counted(connection, TELLABLE, now)
    ((away,),) = connection.execute(AWAY, [list(TELLABLE)]).fetchall()
    unread = _unreadable(urls)
    told = [f"{unread} cannot be read"] if unread else []
    told += [f"{failed} failed, {uncertain} uncertain in the last {RECENT.days} days"] if failed or uncertain else []
    told += [f"{away} wait for a channel that does not answer"] if away else []
    detail = "; ".join([f"{len(urls)} configured" if ways.alerts else NO_ALERTS, *told])
    remedies = [UNREADABLE] * bool(unread) + [LOOK_AT_CHANNELS] * bool(failed or uncertain or away)
    return Finding(name="channels", ok=not told, detail=detail, remedy="; ".join(remedies))


def alerts(connection: psycopg.Connection[Any]) -> Finding:
    """What the watch has opened and not yet seen to be well for long enough."""
    found = alert_rows.open_ones(connection)
    told = "; ".join(each.sentence for each in found)
    remedy = "what each asks for; it resolves by itself once all has been well for a while" if found else ""
    return Finding(name="alerts", ok=not found, detail=told or "none open", remedy=remedy)


def _unreadable(urls: list[str]) -> int:
    if not urls:
        return 0
    from infra.channels import unreadable  # its hundred plug-ins take a moment to load

    return unreadable(urls)
