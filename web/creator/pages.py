"""The creator's page as HTML: one answer, no scripts, its style within it, so that a slow phone asks once."""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from web.creator.answers import REASONS, Complaint, snooze_days
from web.creator.outcomes import Status, last_status
from web.creator.posts import Card
from web.creator.scene import Asked, Scene
from web.creator.speech import LANGUAGES, Speech, local_day

WEB = Path(__file__).parents[1]
# Posts with all their forms; of the others the page says how they stand, and shows the forms when asked to.
MOST_FULL, MOST_FULL_OF_MANY, MANY = 6, 3, 12


class Pages:
    """Fills the templates. In a simulation every page says so."""

    def __init__(self, *, is_simulation: bool) -> None:
        self._css = (WEB / "static" / "creator.css").read_text("utf-8")
        self._templates = Environment(
            loader=FileSystemLoader(WEB / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.globals |= {
            "css": self._css,
            "simulation": is_simulation,
            "languages": [(code, words.NAME) for code, words in LANGUAGES.items()],
        }

    @property
    def style_hash(self) -> str:
        """What the policy allows in place of every inline style."""
        return "sha256-" + base64.b64encode(hashlib.sha256(self._css.encode()).digest()).decode()

    def posts(self, scene: Scene, asked: Asked, t: Speech, complaint: Complaint | None = None) -> str:
        """The page itself; `complaint` is shown where it arose."""
        statuses = statuses_of(scene)
        first, last = snooze_days(scene.now, t.zone)
        limits = {"first": t.day(first), "last": t.day(last)}
        again = f"{asked.base}?a={asked.mark}&wait=1{asked.query.replace('?', '&')}" if asked.mark else asked.base
        return self._templates.get_template("creator/posts.html").render(
            t=t,
            title="title",
            base=asked.base,
            query=asked.query,
            again=again,
            handle=scene.visit.handle,
            cards=scene.cards,
            full=full_of(scene.cards, asked.post, complaint, scene.status),
            asking=sum(card.asks for card in scene.cards),
            single=asked.post is not None,
            status=scene.status,
            statuses=statuses,
            said=lambda status: said(status, t),
            complaint=complaint,
            opted_out=scene.has_opted_out,
            proposes_access=scene.proposes_access and not scene.has_opted_out,
            snoozed_until=local_day(scene.snoozed_until, t.zone) if scene.snoozed_until else None,
            reasons=tuple(REASONS),
            first=first,
            last=last,
            limits=limits,
            nonce=secrets.token_hex(8),
            now=scene.now,
        )

    def notice(
        self,
        t: Speech,
        title: str,
        *texts: str,
        button: str = "",
        action: str = "",
        query: str = "",
        back: str = "",
    ) -> str:
        """A page of a few sentences, with at most one button. `texts` are ready sentences."""
        page = self._templates.get_template("creator/notice.html")
        return page.render(t=t, title=title, texts=texts, button=button, action=action, query=query, back=back)


def full_of(
    cards: Sequence[Card], post: int | None, complaint: Complaint | None, status: Status | None
) -> frozenset[int]:
    """The posts that are shown with their forms: the one asked for, else those at the top and those that were answered."""
    if post is not None:
        return frozenset((post,))
    most = MOST_FULL if len(cards) <= MANY else MOST_FULL_OF_MANY
    spoken_of = {each.post for each in (complaint, status) if each is not None and each.post is not None}
    return frozenset(card.id for card in cards[:most]) | spoken_of


def statuses_of(scene: Scene) -> Mapping[int, Status]:
    """What is told at each post: of the answer just sent, else of the last code."""
    found = {card.id: last for card in scene.cards if (last := last_status(card)) is not None}
    if scene.status is not None and scene.status.post is not None:
        found[scene.status.post] = scene.status
    return found


def said(status: Status, t: Speech) -> str:
    """The sentence of a status; of a refusal only its headline."""
    values: dict[str, str] = {}
    if status.day is not None:
        values["day"] = t.day(status.day)
    if status.ends_at is not None:
        values["ends"] = t.instant(status.ends_at)
    if status.seen_at is not None:
        values["seen"] = t.instant(status.seen_at)
    return t(status.word, **values)
