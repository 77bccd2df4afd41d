"""The creators of a simulated TikTok as people: they receive messages, plan what they will do, and do it when it is time."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from itertools import count
from random import Random
from threading import Lock
from zoneinfo import ZoneInfo

from simulator.accounts import Creator
from simulator.catalogue import Refused
from simulator.characters import Act, Character, Deed, Person, Received, Wish, acts_of
from simulator.mailbox import chat, read
from simulator.world import World

DEFAULT_DAYS = 30
WHOLE_ACCOUNT = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What a creator tells the brand: a text that holds a code, or (`text` None) that they decline."""

    creator_id: str
    item_id: str
    text: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Known:
    """A creator as a person, with the address that mail reaches and the language it is read in."""

    creator: Creator
    person: Person
    email: str
    locale: str


class People:
    """Everybody, by creator id. `answers` is told what they say to the brand; what they do in the app, nobody is told."""

    def __init__(self, world: World, seed: int, *, answers: Callable[[Answer], None]) -> None:
        self._world, self._seed, self._answers = world, seed, answers
        self._known: dict[str, Known] = {}
        self._by_address: dict[str, str] = {}
        self._links: dict[str, str] = {}
        self._asked: Counter[tuple[str, str, Wish]] = Counter()
        self._planned: list[tuple[datetime, int, Act, str]] = []
        self._numbers = count()
        self._lock = Lock()
        self.deeds: Counter[Deed] = Counter()

    def __len__(self) -> int:
        return len(self._known)

    def add(self, creator: Creator, character: Character, *, zone: str, email: str, locale: str = "en") -> Known:
        """Gives a creator a character."""
        person = Person(character=character, zone=ZoneInfo(zone), seed=self._seed + len(self._known))
        known = Known(creator=creator, person=person, email=email, locale=locale)
        self._known[creator.creator_id] = known
        self._by_address[email.lower()] = creator.creator_id
        return known

    def of(self, creator_id: str) -> Known:
        return self._known[creator_id]

    def all(self) -> list[Known]:
        return list(self._known.values())

    def receives(self, message: EmailMessage) -> bool:
        """A mail comes; whether it was for somebody here, about something they can do."""
        mail = read(message)
        creator_id = self._by_address.get(mail.address)
        if creator_id is None:
            return False
        if mail.link is not None:
            self._links[creator_id] = mail.link
            self.hears(creator_id, Wish.ACCESS, WHOLE_ACCOUNT, DEFAULT_DAYS)
            return True
        known = {item_id: days for item_id, days in mail.posts.items() if item_id in self._world.posts}
        for item_id, days in known.items():
            self.hears(creator_id, Wish.EXTEND, item_id, days or DEFAULT_DAYS)
        return bool(known)

    def hears(self, creator_id: str, wish: Wish, item_id: str, days: int) -> None:
        """The brand or Everspark asks for something; the person plans what to do about it."""
        with self._lock:
            self._asked[creator_id, item_id, wish] += 1
            message = Received(
                wish=wish,
                item_id=item_id,
                days=days,
                at=self._world.now(),
                count=self._asked[creator_id, item_id, wish],
            )
            for act in acts_of(self.of(creator_id).person, message):
                heapq.heappush(self._planned, (act.at, next(self._numbers), act, creator_id))

    def act_due(self) -> list[Act]:
        """Does what is due, in its order; what TikTok refuses (a post that an ad uses) is given up, as people do."""
        done = []
        while (due := self._next_due()) is not None:
            act, creator_id = due
            try:
                with self._world.lock:
                    answer = self._do(creator_id, act)
            except Refused:
                continue
            self.deeds[act.deed] += 1
            done.append(act)
            if answer is not None:
                self._answers(answer)
        return done

    def _next_due(self) -> tuple[Act, str] | None:
        with self._lock:
            if not self._planned or self._planned[0][0] > self._world.now():
                return None
            _, _, act, creator_id = heapq.heappop(self._planned)
            return act, creator_id

    def _do(self, creator_id: str, act: Act) -> Answer | None:
        match act.deed:
            case Deed.EXTEND:
                self._world.extend(act.item_id, days=act.days)
                self._forget(creator_id, act.item_id)
            case Deed.PASTE:
                return self._paste(creator_id, act.item_id, self._minted(act))
            case Deed.PASTE_WRONG:
                code = self._minted(act)
                return self._paste(creator_id, act.item_id, f"#{code[2:-1]}A=")
            case Deed.DECLINE:
                return Answer(creator_id=creator_id, item_id=act.item_id, text=None)
            case Deed.REVOKE:
                self._world.revoke(act.item_id)
            case Deed.DELETE:
                self._world.delete_post(act.item_id, is_forced=True)
            case Deed.GRANT:
                self._world.scan(self._links[creator_id], creator_id)
        return None

    def _minted(self, act: Act) -> str:
        return self._world.mint(act.item_id, days=act.days).value

    def _paste(self, creator_id: str, item_id: str, code: str) -> Answer:
        name, source = self.of(creator_id).creator.display_name, f"{self._seed}:{item_id}"
        text = chat(code, name, Random(source).randrange(100))  # noqa: S311 - the same seed gives the same chat
        return Answer(creator_id=creator_id, item_id=item_id, text=text)

    def _forget(self, creator_id: str, item_id: str) -> None:
        """After an extension the next request is a first one again, and what was planned besides is no longer needed."""
        with self._lock:
            del self._asked[creator_id, item_id, Wish.EXTEND]
            kept = [each for each in self._planned if (each[2].item_id, each[2].deed) != (item_id, Deed.EXTEND)]
            heapq.heapify(kept)
            self._planned = kept
