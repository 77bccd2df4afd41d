"""What a forecast is made of: what the snapshot shows of a creator, and what will go out and lapse if nobody answers."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from domain.advisor import Code
from domain.authorization import Authorization
from domain.hours import place_of
from domain.money import Amounts
from domain.patience import SENTENCES, CreatorFacts, Manners, refusal_of
from domain.renewal import FOREVER, Policy, Urgency

NO_CREATOR = "no creator is known"
NO_EMAIL = "the creator has no e-mail address"
NOTHING_SAID, USUAL_POLICY, USUAL_MANNERS = CreatorFacts(), Policy(), Manners()


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """What the present period's asks came to: how many were sent, when last, and when one was last decided or sent."""

    times: int = 0
    sent_at: datetime | None = None
    at: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Holding:
    """An authorization as the snapshot shows it; `spent` is what its ads were measured to spend a day."""

    known: Authorization
    spent: Amounts = field(default_factory=dict)
    asked: Asked = Asked()


@dataclass(frozen=True, kw_only=True, slots=True)
class Owed:
    """An ask that waits in the message that is being gathered."""

    key: str
    period_ends_at: datetime
    rung: int
    days: int
    asked_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Creator:
    """Who is asked. `sent_at`: the messages of the last 90 days; `owed`: what is being gathered, to be looked at again at
    `due_at`; `codes`: all that have to be renewed at some time.
    """

    handle: str | None
    facts: CreatorFacts = NOTHING_SAID
    has_email: bool = True
    sent_at: tuple[datetime, ...] = ()
    codes: tuple[Code, ...] = ()
    owed: tuple[Owed, ...] = ()
    due_at: datetime | None = None

    @property
    def hindrance(self) -> str | None:
        """Why no message ever goes to the creator, as a sentence; None where messages do."""
        if self.handle is None:
            return NO_CREATOR
        if refusal := refusal_of(self.facts):
            return SENTENCES[refusal]
        return None if self.has_email else NO_EMAIL


NOBODY = Creator(handle=None)


@dataclass(frozen=True, kw_only=True, slots=True)
class Rules:
    """What operators may set; `sweep` is the time between two sweeps, `gathering` how long a message waits for more."""

    policy: Policy = USUAL_POLICY
    manners: Manners = USUAL_MANNERS
    sweep: timedelta = timedelta(seconds=10)
    gathering: timedelta = timedelta(seconds=60)


@dataclass(frozen=True, kw_only=True, slots=True)
class Item:
    """One ask of a message."""

    key: str
    rung: int
    days: int
    ends_at: datetime
    urgency: Urgency
    at_risk: Amounts


@dataclass(frozen=True, kw_only=True, slots=True)
class Message:
    """A message that will go to a creator whose clock is `zone`'s (None: not known); the most money first."""

    at: datetime
    handle: str
    zone: str | None
    urgency: Urgency
    items: tuple[Item, ...]
    at_risk: Amounts

    def local_time(self, fallback: ZoneInfo) -> datetime:
        """When it goes, by the creator's clock; `fallback` is the zone of those whose own is not known."""
        return self.at.astimezone(place_of(self.zone, fallback))


@dataclass(frozen=True, kw_only=True, slots=True)
class Lapse:
    """A period that ends at `at` although something needs it until `until`; `asked` counts the messages before that.

    `hindrance` says why the creator is not asked, None where the creator is. `at_risk` as `money.money_at_risk`.
    """

    key: str
    handle: str | None
    at: datetime
    until: datetime
    spend_a_day: Amounts
    at_risk: Amounts
    asked: int
    hindrance: str | None

    @property
    def is_endless(self) -> bool:
        """Whether something needs it for ever."""
        return self.until == FOREVER


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """A first request that lapses at `at`, as nobody answers it."""

    key: str
    handle: str | None
    at: datetime
