"""What an alert says: how many, how much money, the worst few by name, and where the rest is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from domain import spans
from domain.alerting import Topic
from domain.digest import sums
from domain.money import Amounts
from infra.drafts import plain
from infra.escalated import Item

MOST_NAMED, MOST_DRAFTS, LONGEST_LINE = 5, 3, 300

TITLES = {
    Topic.RENEWALS: ("1 renewal needs you", "{} renewals need you"),
    Topic.LAPSES: ("1 authorization lapsed while it is needed", "{} authorizations lapsed while they are needed"),
    Topic.CONNECTIONS: ("TikTok refuses 1 advertiser", "TikTok refuses {} advertisers"),
    Topic.WEBHOOKS: ("1 webhook endpoint was stopped", "{} webhook endpoints were stopped"),
    Topic.SERVICE: ("1 thing is wrong with the service", "{} things are wrong with the service"),
}
OVER = {
    Topic.RENEWALS: "Resolved: no renewal needs you any longer",
    Topic.LAPSES: "Resolved: nothing that is needed is lapsed any longer",
    Topic.CONNECTIONS: "Resolved: TikTok answers for all advertisers again",
    Topic.WEBHOOKS: "Resolved: every webhook endpoint is served again",
    Topic.SERVICE: "Resolved: all is well with the service again",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Text:
    title: str
    body: str


def of_items(topic: Topic, items: Sequence[Item], *, now: datetime) -> Text:
    """Renewals or lapses; the most money first."""
    ranked = sorted(items, key=lambda item: (-item.most, item.period_ends_at, item.id))
    lines = [_money(topic, ranked), *(_line(item, now) for item in ranked[:MOST_NAMED])]
    lines += _more(len(ranked))
    if topic is Topic.RENEWALS:
        for item in ranked[:MOST_DRAFTS]:
            lines += ["", f"To send to @{plain(item.handle or '')} ({item.key}):", item.draft()]
    lines += ["", "All of them, with drafts: everspark escalations"]
    return Text(title=_title(topic, len(ranked)), body="\n".join(lines))


def of_troubles(topic: Topic, troubles: Sequence[str]) -> Text:
    """Advertisers or endpoints."""
    lines = [plain(line)[:LONGEST_LINE] for line in troubles[:MOST_NAMED]] + _more(len(troubles))
    return Text(title=_title(topic, len(troubles)), body="\n".join(lines))


def of_the_service(*, new: Sequence[str], still: Sequence[str], over: Sequence[str]) -> Text:
    """What began, what goes on and what is over, a sentence for each."""
    lines: list[str] = []
    for head, group in (("New:", new), ("Still:", still), ("Over:", over)):
        if group:
            lines += [head, *(f"- {plain(sentence)[:LONGEST_LINE]}" for sentence in group), ""]
    title = _title(Topic.SERVICE, len(new) + len(still)) if new or still else f"Everspark: {OVER[Topic.SERVICE]}"
    return Text(title=title, body="\n".join([*lines, "What to do: docs/operations.md, or everspark doctor"]))


def of_the_end(topic: Topic) -> Text:
    """It is over."""
    return Text(title=f"Everspark: {OVER[topic]}", body="Nothing is left to do.")


def amounts(by_currency: Amounts) -> str:
    """`12.50 EUR, 3.00 USD`, never added."""
    ordered = sorted(by_currency.items(), key=lambda each: each[0] or "")
    return ", ".join(f"{amount:,.2f} {currency or ''}".strip() for currency, amount in ordered)


def _title(topic: Topic, count: int) -> str:
    one, many = TITLES[topic]
    return f"Everspark: {one if count == 1 else many.format(count)}"


def _money(topic: Topic, items: Sequence[Item]) -> str:
    if topic is Topic.LAPSES:
        lost = amounts(sums(item.lapse.not_delivered for item in items if item.lapse))
        return f"Not delivered so far: {lost or 'nothing that is known'}"
    return f"At risk: {amounts(sums(item.at_risk for item in items)) or 'nothing that is known'}"


def _line(item: Item, now: datetime) -> str:
    parts = [item.key]
    parts += [f"({plain(item.reference)})"] if item.reference else []
    parts += [f"@{plain(item.handle)}"] if item.handle else []
    when = "it was to end" if item.is_cut_short else "ended" if item.period_ends_at <= now else "ends"
    costs = amounts(item.lapse.not_delivered if item.lapse else item.at_risk)
    down = f", down for {spans.told(timedelta(minutes=item.lapse.minutes_down))}" if item.lapse else ""
    text = f"- {' '.join(parts)}: {item.cause_in_words}; {when} {item.period_ends_at:%Y-%m-%d %H:%M} UTC{down}"
    return f"{text}, {costs}" if costs else text


def _more(count: int) -> list[str]:
    return [f"… and {count - MOST_NAMED} more"] if count > MOST_NAMED else []
