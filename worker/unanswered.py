"""What a look could not read: what it means, what is told to people, and how long TikTok is left alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

import structlog
from sqlalchemy import Engine

from domain.refusals import sentence_of
from infra import advertisers, turns
from infra.clock import Clock
from infra.database import hot
from infra.tiktok.answers import Later, Lost, Refused
from infra.turns import Turn
from worker.cases import CONNECTION_SYMBOLS
from worker.comparing import Comparison
from worker.spending import EVERY

# A refused token stays refused until a person connects the advertiser again, and that looks at once.
AFTER_REFUSAL = timedelta(hours=6)
# After trouble that passes, by how many looks in a row it met: an outage is not asked about each minute.
AFTER_TROUBLE = tuple(timedelta(minutes=minutes) for minutes in (1, 2, 5, 10, 20, 40, 60))
# Figures are late by hours anyway.
FIGURES_AFTER_TROUBLE = timedelta(minutes=30)

log = structlog.get_logger()
# What a look to its end settles.
PARTS = frozenset(
    (
        advertisers.LOOK,
        advertisers.ACCOUNTS,
        advertisers.ADS,
        advertisers.FLIGHTS,
        advertisers.ROWS,
        advertisers.WORDS,
        advertisers.ABSENCES,
    )
)
# A permission may lack for one kind of call.
ONE_CALLS_OWN = frozenset(("permission_missing", "not_offered"))
FAILED = {
    advertisers.LOOK: "TikTok could not be looked at.",
    advertisers.ACCOUNTS: "Access to whole accounts could not be read.",
    advertisers.ADS: "The ads could not be read.",
    advertisers.FLIGHTS: "The ends of flights could not be read; ads that have started wait for them.",
    advertisers.FIGURES: "The figures could not be read.",
}


def is_general(answer: Refused | Later | Lost) -> bool:
    """Whether every further call would be answered so: a limit, or a token that is not accepted."""
    if isinstance(answer, Refused):
        return answer.refusal.symbol in CONNECTION_SYMBOLS - ONE_CALLS_OWN
    return isinstance(answer, Later) and not answer.is_trouble


def is_told(answer: Refused | Later | Lost, turn: Turn) -> bool:
    """Whether people should hear of it: a refusal at once, trouble that may be a hiccup the second time in a row."""
    return isinstance(answer, Refused) or turn.failed_looks > 0


def is_late(turn: Turn, now: datetime) -> bool:
    """Whether figures have been missed for longer than a try or two."""
    return turn.spent_at is None or now - turn.spent_at > 2 * EVERY


def sentence_for(part: str, answer: Refused | Later | Lost) -> str:
    """What failed, why, and what helps."""
    if isinstance(answer, Refused):
        return f"{FAILED[part]} {sentence_of(answer.refusal, answer.message)}"
    return f"{FAILED[part]} TikTok does not answer as it should ({answer.reason}); it is tried again by itself."


def unread_of(comparison: Comparison) -> dict[str, str]:
    """What came and nobody here can read."""
    noted = {}
    if comparison.unread:
        rows = "1 row" if comparison.unread == 1 else f"{comparison.unread} rows"
        noted[advertisers.ROWS] = f"{rows} of TikTok's lists could not be read; what they are about stays as it was."
    if comparison.doubts:
        shown = ", ".join(sorted(set(comparison.doubts.values())))
        noted[advertisers.WORDS] = (
            f"TikTok shows {shown} for {min(comparison.doubts)} ({len(comparison.doubts)} in all), which is not known here; "
            "nothing was changed. If it means that the authorization was taken back, add the word to "
            "EVERSPARK_TIKTOK_WITHDRAWN_WORDS."
        )
    return noted


# So many posts gone at once, and more than are left, look like TikTok's mistake, or like a token for something else.
MANY_AT_ONCE = 5
# 1, 2, 5 and 10 minutes after the first look that saw it: whoever really took everything back has done so still.
BELIEVED_AFTER = 4


def is_sudden(gone: int, left: int, turn: Turn) -> bool:
    """Whether so much is gone at once that it is not believed yet."""
    return gone >= MANY_AT_ONCE and gone > left and turn.failed_looks < BELIEVED_AFTER


def sudden_absence(gone: int, left: int) -> dict[str, str]:
    """What people are told of it."""
    if not gone:
        return {}
    sentence = (
        f"TikTok's list lacks {gone} of {gone + left} posts that it had shown. Nothing is concluded from that before "
        "some more looks say so too, about twenty minutes in all."
    )
    return {advertisers.ABSENCES: sentence}


def rest_of(turn: Turn) -> timedelta:
    """Longer with each look in a row that met trouble."""
    return AFTER_TROUBLE[min(turn.failed_looks, len(AFTER_TROUBLE) - 1)]


def interrupted(engine: Engine, clock: Clock, turn: Turn, answer: Refused | Later | Lost) -> None:
    """TikTok did not answer to the end: when to try again, and what to tell people."""
    part = advertisers.LOOK if turn.wants_look else advertisers.FIGURES
    match answer:
        case Refused() if answer.refusal.symbol in CONNECTION_SYMBOLS:
            put_off(engine, clock, turn, AFTER_REFUSAL, trouble=sentence_for(part, answer))
        case Later(is_trouble=False):
            put_off(engine, clock, turn, max(answer.after, turns.MINIMUM_GAP), is_failure=False)
            log.info("look_postponed", advertiser_id=turn.advertiser_id, reason=answer.reason)
        case _:
            rest = rest_of(turn) if turn.wants_look else FIGURES_AFTER_TROUBLE
            is_due = (
                is_told(answer, turn) if turn.wants_look else is_late(turn, clock.now()) or isinstance(answer, Refused)
            )
            trouble = sentence_for(part, answer) if is_due else None
            put_off(engine, clock, turn, rest, trouble=trouble)
            reason = answer.message if isinstance(answer, Refused) else answer.reason
            log.info("look_postponed", advertiser_id=turn.advertiser_id, reason=reason)


def put_off(
    engine: Engine, clock: Clock, turn: Turn, span: timedelta, *, trouble: str | None = None, is_failure: bool = True
) -> None:
    """Tries again after `span`. A trouble is told once, however often it is met."""
    again_at = clock.now() + span
    with hot(engine) as connection:
        if turn.wants_look:
            failed = turn.failed_looks + is_failure
            turns.looked(connection, turn, looked_at=None, next_at=again_at, failed_looks=failed, is_rest=True)
        if turn.wants_kpis:
            turns.spent(connection, turn, spent_at=None, next_at=again_at)
    if trouble is not None:
        note(engine, turn, {advertisers.LOOK if turn.wants_look else advertisers.FIGURES: trouble})


def note(engine: Engine, turn: Turn, noted: Mapping[str, str], *, cleared: Iterable[str] = ()) -> None:
    """Keeps what failed on the advertiser, and forgets what succeeded. What is not news is neither written nor told."""
    with hot(engine) as connection:
        is_news = advertisers.note_troubles(connection, turn.advertiser_id, noted, cleared=cleared)
    if is_news and noted:
        log.warning("advertiser_in_trouble", advertiser_id=turn.advertiser_id, reason=" ".join(noted.values()))
