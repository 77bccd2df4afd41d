"""One creator's asks and ends on a moved clock: what sweeps, worker and payer would do, decided by the same functions.

Nobody answers and nothing else happens. It goes from one instant at which something is due to the next, never minute by
minute, so that it costs what happens and not how long it is.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from domain.absence import LEAD, forward_at
from domain.advisor import OFTEN, Recommendation, advise_on
from domain.authorization import Action, Authorization, changed
from domain.digest import DueAsk, assembled, going
from domain.events import PeriodEnded
from domain.foreseen import Asked, Creator, Holding, Item, Lapse, Message, Owed, Rules
from domain.lifecycle import decide
from domain.money import Amounts
from domain.outcome import Outcome, Period, outcome_of
from domain.reasons import Reason, sentence
from domain.renewal import FOREVER, ask_due, may_come_early, need_of, objection_to_asking, plan
from domain.sending import days_for, due_ask, was_just_asked, why_not
from domain.worth import at_risk, spending

NO_MONEY: Amounts = {}


class Rehearsal:
    """Plays one creator's authorizations; `messages` and `lapses` are what came of it."""

    def __init__(self, creator: Creator, holdings: Iterable[Holding], rules: Rules) -> None:
        self._creator, self._rules, self._hindrance = creator, rules, creator.hindrance
        # What was asked for before nobody minded its end is still owed a message, until the payer calls it off.
        owed = {ask.key for ask in creator.owed}
        holdings = [each for each in holdings if each.known.key in owed or not ends_unmissed(each.known)]
        self._known = {each.known.key: each.known for each in holdings}
        self._spent = {each.known.key: each.spent for each in holdings}
        self._asked = {each.known.key: each.asked for each in holdings}
        self._spending: dict[str, tuple[datetime, datetime, Amounts]] = {}
        self._next: dict[str, datetime] = {}
        self._sent_at, self._owed, self._due_at = list(creator.sent_at), list(creator.owed), creator.due_at
        self.messages: list[Message] = []
        self.lapses: list[Lapse] = []

    def plays(self, begin: datetime, until: datetime) -> None:
        """Everything from `begin`, the instant of the snapshot and of the first sweep, to `until`."""
        now, sweep = begin, self._rules.sweep
        self._next = {key: self._next_at(known, begin) for key, known in self._known.items()}
        while True:
            next_at = min(self._next.values(), default=FOREVER)
            due_at = min(next_at, self._due_at or FOREVER)
            if due_at > until:
                return
            now = max(now, begin + -((begin - due_at) // sweep) * sweep)
            if now > until:
                return
            if next_at <= now:
                self._sweeps(now)
            if self._due_at is not None and self._due_at <= now:
                self._tries(now)
            now += sweep

    def _sweeps(self, now: datetime) -> None:
        """As the scheduler announces and the worker applies: ends first, then what is due, and then what may come early, or
        comes forward since the creator will be away.
        """
        reached = [self._known[key] for key, at in self._next.items() if at <= now]
        asks = [known.key for known in reached if is_ask_due(known, now)]
        leaving = [known.key for known in reached if self._leaves_at(known, now) <= now]
        is_written_to = asks or leaving
        early = [key for key, known in self._known.items() if is_written_to and self._may_come_early(known, now)]
        for known in reached:
            if ends_at := over(known, now):
                self._ends(known, ends_at, now)
        for key in asks:
            self._asks(self._known[key], now)
        for key in early:
            self._asks(self._known[key], now, is_early=True)
        for key in leaving:
            if key not in early:
                self._asks(self._known[key], now, comes_forward=True)
        for key in dict.fromkeys((*(known.key for known in reached), *early)):
            self._next[key] = self._next_at(self._known[key], now)

    def _may_come_early(self, known: Authorization, now: datetime) -> bool:
        upcoming, span = known.plan, self._rules.policy.digest_span
        if upcoming.action is not Action.ASK or upcoming.at is None or not now < upcoming.at <= now + span:
            return False
        last, ends_at = self._asked[known.key].at, known.expires_at
        # Who was asked within the span is not asked again so soon.
        if ends_at is None or (last is not None and last > now - span):
            return False
        return may_come_early(upcoming.at, ends_at, now=now, policy=self._rules.policy)

    def _keeps(self, known: Authorization, now: datetime) -> None:
        self._known[known.key] = changed(known, plan=plan(known, now=now, policy=self._rules.policy))

    def _next_at(self, known: Authorization, now: datetime) -> datetime:
        """When the clock does something next: the end of a running period, or an ask of who can be asked if that comes first."""
        ends_at = known.expires_at if known.is_running and known.expires_at else FOREVER
        if known.plan.action is not Action.ASK or known.plan.at is None or self._hindrance is not None:
            return ends_at
        return min(ends_at, known.plan.at, self._leaves_at(known, now))

    def _leaves_at(self, known: Authorization, now: datetime) -> datetime:
        """From when the next ask is brought forward, before a holiday that would swallow it; FOREVER if it is not."""
        holiday = self._creator.facts.holiday
        if holiday is None or known.plan.action is not Action.ASK:
            return FOREVER
        ask_at, begins_at, ends_at = known.plan.at, known.ladder_begins_at, known.expires_at
        asked_at = self._asked[known.key].at
        if ask_at is None or begins_at is None or ends_at is None:
            return FOREVER
        at = forward_at(ask_at, begins_at=begins_at, ends_at=ends_at, holiday=holiday)
        if at is None or max(at, now) >= min(ask_at, ends_at, holiday.begins_at):
            return FOREVER
        return at if asked_at is None else max(at, asked_at + LEAD)

    def _ends(self, known: Authorization, ends_at: datetime, now: datetime) -> None:
        if has_lapsed(known, ends_at):
            self.lapses.append(self._lapse(known, ends_at))
        after = decide(known, PeriodEnded(at=ends_at, ends_at=ends_at), key=known.key).authorization
        self._keeps(after or known, now)

    def _lapse(self, known: Authorization, ends_at: datetime) -> Lapse:
        spend = self._spends(known, ends_at)
        objection = objection_to_asking(known, ends_at)
        return Lapse(
            key=known.key,
            handle=self._creator.handle,
            at=ends_at,
            until=wanted_until(known),
            spend_a_day=spend,
            at_risk=at_risk(known, spend, now=ends_at),
            asked=self._asked[known.key].times,
            hindrance=sentence(objection) if objection else self._hindrance,
        )

    def _asks(
        self, known: Authorization, now: datetime, *, is_early: bool = False, comes_forward: bool = False
    ) -> None:
        """The rung is used up, and its ask waits with what else the creator is asked."""
        policy = self._rules.policy
        due = ask_due(known, now=now, policy=policy, is_early=is_early, comes_forward=comes_forward)
        if due is None or known.expires_at is None:
            self._keeps(known, now)
            return
        suggested_at = None if due.why == Reason.RENEWAL_SUGGESTED else known.suggested_at
        self._keeps(changed(known, rung=due.rung + 1, suggested_at=suggested_at), now)
        asked = self._asked[known.key]
        self._asked[known.key] = Asked(times=asked.times, sent_at=asked.sent_at, at=now)
        if self._hindrance is None:
            ask = Owed(key=known.key, period_ends_at=known.expires_at, rung=due.rung, days=due.days, asked_at=now)
            self._owes(ask, now + self._rules.gathering)

    def _owes(self, ask: Owed, due_at: datetime) -> None:
        """Of several asks for one authorization only the latest is ever sent."""
        self._owed = [*(each for each in self._owed if each.key != ask.key), ask]
        self._due_at = min(self._due_at or due_at, due_at)

    def _tries(self, now: datetime) -> None:
        """As the payer: what is still needed, and whether it may go now."""
        self._due_at = None
        self._owed = [ask for ask in self._owed if self._is_needed(ask, now)]
        if not self._owed or self._hindrance is not None:
            return
        send_at = self._goes_at(now)
        if send_at is not None and send_at > now:
            self._due_at = send_at
        elif send_at is not None:
            self._sends(now)

    def _is_needed(self, ask: Owed, now: datetime) -> bool:
        known, asked = self._known[ask.key], self._asked[ask.key]
        if why_not(known, ask.period_ends_at, now):
            return False
        return not was_just_asked(ask.asked_at, ask.period_ends_at, last_sent_at=asked.sent_at)

    def _spends(self, known: Authorization, now: datetime) -> Amounts:
        """A day's spend, reckoned anew only where a flight has ended meanwhile."""
        before = self._spending.get(known.key)
        if before is None or not before[0] <= now < before[1]:
            ends = (flight.ad.flight_end for flight in known.flights.values())
            valid_until = min((end for end in ends if end is not None and end > now), default=FOREVER)
            before = self._spending[known.key] = now, valid_until, spending(known, self._spent[known.key], now=now)
        return before[2]

    def _goes_at(self, now: datetime) -> datetime | None:
        """When what is owed may go. Most messages are put off at first, so the money is reckoned only as one goes."""
        asks = [self._due(ask, ask.days, now) for ask in self._owed]
        facts, manners = self._creator.facts, self._rules.manners
        return going(asks, now=now, facts=facts, sent_at=self._sent_at, manners=manners)[0]

    def _due(self, ask: Owed, days: int, now: datetime, money: Amounts = NO_MONEY) -> DueAsk:
        known = self._known[ask.key]
        return due_ask(known, rung=ask.rung, days=days, ends_at=ask.period_ends_at, at_risk=money, now=now)

    def _valued(self, ask: Owed, advised: Recommendation, now: datetime) -> DueAsk:
        known = self._known[ask.key]
        money = at_risk(known, self._spends(known, now), now=now)
        return self._due(ask, days_for(ask.days, known, advised, now), now, money)

    def _advised(self, now: datetime) -> Recommendation:
        """As `infra.advice`: what the creator has to renew matters to those who are asked often."""
        codes = self._creator.codes if len(self._sent_at) >= OFTEN else ()
        return advise_on(codes, asked_at=self._sent_at, now=now, policy=self._rules.policy)

    def _sends(self, now: datetime) -> None:
        advised = self._advised(now)
        said = assembled([self._valued(ask, advised, now) for ask in self._owed], send_at=now, reason=None)
        self._owed = []
        self._sent_at.append(now)
        for ask in said.items:
            self._asked[ask.key] = Asked(times=self._asked[ask.key].times + 1, sent_at=now, at=now)
        message = Message(
            at=now,
            handle=self._creator.handle or "",
            zone=self._creator.facts.zone,
            urgency=said.urgency,
            items=tuple(map(item_of, said.items)),
            at_risk=said.at_risk,
        )
        self.messages.append(message)


def item_of(ask: DueAsk) -> Item:
    return Item(
        key=ask.key, rung=ask.rung, days=ask.days, ends_at=ask.ends_at, urgency=ask.urgency, at_risk=ask.at_risk
    )


def is_ask_due(known: Authorization, now: datetime) -> bool:
    return known.plan.action is Action.ASK and known.plan.at is not None and known.plan.at <= now


def over(known: Authorization, now: datetime) -> datetime | None:
    """The end of a running period that is past it, and about to be told so."""
    ends_at = known.expires_at
    return ends_at if known.is_running and ends_at is not None and ends_at <= now else None


def has_lapsed(known: Authorization, ends_at: datetime) -> bool:
    """Whether the end of the period, which nobody renewed, is a lapse: something needs it on, and may have it."""
    period = Period(
        begins_at=known.ladder_begins_at or ends_at,
        ends_at=ends_at,
        needed_until=need_of(known),
        contract_ends_at=known.contract_ends_at,
    )
    return outcome_of(period, now=ends_at) is Outcome.LAPSED


def ends_unmissed(known: Authorization) -> bool:
    """Whether nothing is left of it but an end that nobody minds."""
    if not known.is_running or known.plan.action is not Action.EXPIRE or known.expires_at is None:
        return False
    return not has_lapsed(known, known.expires_at)


def wanted_until(known: Authorization) -> datetime:
    return min(need_of(known) or FOREVER, known.contract_ends_at or FOREVER)
