"""`everspark forecast`: what the days ahead bring if nobody answers. Looks only: nothing is written, nobody is asked."""

from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer

from domain.forecast import Day, Forecast, only_of
from domain.foreseen import Item, Lapse, Message
from everspark.money import plain, told
from everspark.opened import AsJson, Data, Opened, opened
from everspark.outcomes import NOT_FOUND, Stop, say
from everspark.printing import as_facts, as_json, as_table
from infra.database import hot
from infra.forecasting import foresee

LARGEST, NEXT = 10, 20
IS_KNOWN = """
SELECT EXISTS (SELECT FROM advertisers WHERE advertiser_id = %(advertiser)s)
    OR EXISTS (SELECT FROM authorizations WHERE advertiser_id = %(advertiser)s)
"""
DAYS = ("day (UTC)", "messages", "asks", "lapses", "stops a day", "not delivered")
LAPSES = ("key", "creator", "ends", "stops a day", "at risk", "asked before", "not asked, because")
MESSAGES = ("goes at", "by the creator's clock", "creator", "asks", "urgency", "first about", "at risk")


def forecast(
    days: Annotated[int, typer.Option(min=1, max=366, help="How far ahead to look.")] = 30,
    advertiser: Annotated[str | None, typer.Option(help="What concerns this advertiser only, by its id.")] = None,
    data: Data = None,
    json: AsJson = False,
) -> None:
    """What goes out and what lapses in the days ahead, if nobody answers. Writes nothing, asks nobody.

    Example: everspark forecast --days 14
    """
    with opened(data) as tools:
        if advertiser is not None:
            need_advertiser(tools, advertiser)
        whole = foresee(tools.engine, tools.settings, now=tools.clock.now(), days=days)
        fallback = ZoneInfo(tools.settings.quiet_zone)
    shown = only_of(whole, advertiser) if advertiser else whole
    if json:
        as_json(plain_forecast(shown, fallback))
        return
    say(f"If nobody answers and nothing else happens in the next {days} days:\n")
    as_facts(totals(shown))
    as_table(DAYS, map(day_cells, shown.days), title="\nDay by day")
    if shown.lapses:
        as_table(LAPSES, map(lapse_cells, shown.largest[:LARGEST]), title="\nThe largest lapses")
        say_rest(len(shown.lapses), LARGEST)
    if shown.messages:
        rows = (message_cells(message, fallback) for message in shown.messages[:NEXT])
        as_table(MESSAGES, rows, title="\nThe next messages")
        say_rest(len(shown.messages), NEXT)


def need_advertiser(tools: Opened, advertiser: str) -> None:
    """Raises Stop where nothing is known of it: zeros would read as all being well."""
    with hot(tools.engine) as connection:
        ((is_known,),) = connection.execute(IS_KNOWN, {"advertiser": advertiser}).fetchall()
    if not is_known:
        raise Stop(
            f"There is no advertiser {advertiser}; `everspark advertiser list` names those there are.", NOT_FOUND
        )


def say_rest(count: int, shown: int) -> None:
    if count > shown:
        say(f"... and {count - shown} more, all of them with --json")


def totals(whole: Forecast) -> dict[str, object]:
    """What a person wants to know first."""
    return {
        "messages": f"{len(whole.messages)} to {counted(whole.creators, 'creator')}, with {counted(whole.asks, 'ask')}",
        "lapses": _lapses(len(whole.lapses)),
        "stops a day": told(whole.stops),
        "not delivered": told(whole.lost),
        "requests": f"{len(whole.requests)} lapse unanswered",
        "until": whole.until,
    }


def _lapses(count: int) -> str:
    return "1 code ends while it is still needed" if count == 1 else f"{count} codes end while they are still needed"


def counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def day_cells(day: Day) -> list[object]:
    counts = [count or None for count in (day.messages, day.asks, day.lapses)]
    return [f"{day.day:%a %Y-%m-%d}", *counts, told(day.stops), told(day.lost)]


def lapse_cells(lapse: Lapse) -> list[object]:
    creator = lapse.handle and f"@{lapse.handle}"
    asked = counted(lapse.asked, "time") if lapse.asked else None
    return [lapse.key, creator, lapse.at, told(lapse.spend_a_day), told(lapse.at_risk), asked, lapse.hindrance]


def message_cells(message: Message, fallback: ZoneInfo) -> list[object]:
    local = message.local_time(fallback)
    asks, urgency = len(message.items), message.urgency.replace("_", " ")
    about = message.items[0].key
    return [
        message.at,
        f"{local:%a %H:%M} {local.tzinfo}",
        f"@{message.handle}",
        asks,
        urgency,
        about,
        told(message.at_risk),
    ]


def plain_forecast(whole: Forecast, fallback: ZoneInfo) -> dict[str, Any]:
    """For machines: everything, the largest lapses first."""
    return {
        "now": whole.now,
        "until": whole.until,
        "messages_count": len(whole.messages),
        "creators_count": whole.creators,
        "asks_count": whole.asks,
        "lapses_count": len(whole.lapses),
        "stops_a_day": plain(whole.stops),
        "not_delivered": plain(whole.lost),
        "days": [plain_day(day) for day in whole.days],
        "messages": [plain_message(message, fallback) for message in whole.messages],
        "lapses": [plain_lapse(lapse) for lapse in whole.largest],
        "requests": [{"key": each.key, "creator": each.handle, "lapses_at": each.at} for each in whole.requests],
    }


def plain_day(day: Day) -> dict[str, Any]:
    counts = {"messages": day.messages, "asks": day.asks, "lapses": day.lapses}
    return {"day": day.day.isoformat()} | counts | {"stops_a_day": plain(day.stops), "not_delivered": plain(day.lost)}


def plain_message(message: Message, fallback: ZoneInfo) -> dict[str, Any]:
    local = message.local_time(fallback)
    return {
        "at": message.at,
        "local_time": local.isoformat(),
        "zone": str(local.tzinfo),
        "creator": message.handle,
        "urgency": message.urgency,
        "at_risk": plain(message.at_risk),
        "asks": [plain_item(item) for item in message.items],
    }


def plain_item(item: Item) -> dict[str, Any]:
    ends = {"period_ends_at": item.ends_at, "urgency": item.urgency}
    return {"key": item.key, "rung": item.rung, "days": item.days} | ends | {"at_risk": plain(item.at_risk)}


def plain_lapse(lapse: Lapse) -> dict[str, Any]:
    return {
        "key": lapse.key,
        "creator": lapse.handle,
        "ends_at": lapse.at,
        # An ad without an end needs it for ever.
        "needed_until": None if lapse.is_endless else lapse.until,
        "stops_a_day": plain(lapse.spend_a_day),
        "at_risk": plain(lapse.at_risk),
        "messages_before": lapse.asked,
        "not_asked_because": lapse.hindrance,
    }
