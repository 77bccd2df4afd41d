"""Invented asks: what a preview shows, and what an operator's pages are tried with before they meet a creator."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from infra.ask_mail import AskItem, DigestMail

NOW = datetime(2026, 12, 12, 9, 58, tzinfo=UTC)
LINK = "https://everspark.example/c/example"
ADVERTISER = "7200000000000000001"
URGENCIES = {
    "window": timedelta(days=10, minutes=5),
    "emergency": timedelta(hours=30),
    "last_resort": timedelta(hours=8),
    "after_end": timedelta(days=-1),
}
_ZONES = {"en": "Europe/London", "fr": "Europe/Paris", "es": "Europe/Madrid", "de": "Europe/Berlin"}
_POSTS = (
    ("Three ways to wear winter boots", "Spring collection", 30),
    ("Get ready with me: first snow", None, 60),
    (None, "Gift guide", 30),
)


def example(
    *,
    locale: str = "en",
    count: int = 1,
    urgency: str = "window",
    advertiser_id: str | None = None,
    has_account: bool = False,
    is_bare: bool = False,
) -> DigestMail:
    """`count` asks for one advertiser; the first one as urgent as given. `has_account`: the last one is for account access.

    `is_bare`: nothing is known that need not be. Of several posts, the last sentence proposes access to the account.
    """
    items = [
        _item(number, urgency if number == 0 else "window", advertiser_id or ADVERTISER) for number in range(count)
    ]
    if has_account:
        items[-1] = _access(items[-1])
    if is_bare:
        items = [_bared(item) for item in items]
    return DigestMail(
        idempotency_key="example",
        email="lina@example.com",
        name=None if is_bare else "Lina",
        locale=locale,
        zone=None if is_bare else _ZONES.get(locale, "UTC"),
        handle=None if is_bare else "lina.dances",
        urgency=urgency,
        items=tuple(items),
        proposes_access=count > 1 and not has_account,
    )


def _item(number: int, urgency: str, advertiser_id: str) -> AskItem:
    title, reference, days = _POSTS[number % len(_POSTS)]
    item_id = str(7300000000000000001 + number)
    return AskItem(
        key=f"{advertiser_id}/{item_id}",
        advertiser_id=advertiser_id,
        brand="Northwind Shoes",
        reference=reference,
        route="code",
        item_id=item_id,
        item_url=None,
        title=title,
        days=days,
        period_ends_at=NOW + URGENCIES[urgency] + timedelta(days=number),
        urgency=urgency,
    )


def _access(item: AskItem) -> AskItem:
    return AskItem(
        key=f"{item.advertiser_id}/@lina.dances",
        advertiser_id=item.advertiser_id,
        brand=item.brand,
        reference=item.reference,
        route="account",
        item_id=None,
        item_url=None,
        title=None,
        days=None,
        period_ends_at=item.period_ends_at,
        urgency=item.urgency,
    )


def _bared(item: AskItem) -> AskItem:
    return AskItem(
        key=item.key,
        advertiser_id=item.advertiser_id,
        brand=None,
        reference=None,
        route=item.route,
        item_id=item.item_id,
        item_url=None,
        title=None,
        days=None,
        period_ends_at=None,
        urgency=item.urgency,
    )
