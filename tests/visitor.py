"""A creator with a link in hand: opens the page, reads it, fills in its forms, as a browser without scripts would."""

from __future__ import annotations

import html
import re
from datetime import datetime
from typing import Any

from httpx2 import Response
from sqlalchemy import Engine

from infra import links
from infra.database import hot
from infra.vault import Vault

TAG = re.compile(r"<style>.*?</style>|<[^>]+>", re.DOTALL)
NONCE = re.compile(r'name="nonce" value="([0-9a-f]+)"')
POST = re.compile(r'name="post" value="([0-9]+)"')


class Visitor:
    """`page` is the answer that was last seen."""

    def __init__(self, http: Any, token: str, *, language: str = "en") -> None:
        self._http, self.token, self.language = http, token, language
        self.page: Response

    def opens(self, path: str = "", *, method: str = "GET", **headers: str) -> Response:
        self.page = self._http.request(
            method, f"/c/{self.token}{path}", headers=self._said(headers), follow_redirects=False
        )
        return self.page

    def sends(self, what: str, *, headers: dict[str, str] | None = None, **fields: str) -> Response:
        """Fills in the form of the page that is open; where it leads to is in the answer."""
        nonce, post = NONCE.search(self.page.text), POST.search(self.page.text)
        filled = {"nonce": nonce[1] if nonce else "", "post": post[1] if post else ""} | fields
        return self.posts(f"/{what}", filled, headers or {})

    def posts(self, path: str, fields: dict[str, str], headers: dict[str, str] | None = None) -> Response:
        answer: Response = self._http.post(
            f"/c/{self.token}{path}", data=fields, headers=self._said(headers or {}), follow_redirects=False
        )
        return answer

    def follows(self, answer: Response) -> str:
        """What the page says where `answer` leads to, without waiting there."""
        assert answer.status_code == 303, answer.status_code
        address = answer.headers["location"].partition("#")[0].replace("&wait=1", "")
        assert address.startswith(f"/c/{self.token}")
        self.opens(address.removeprefix(f"/c/{self.token}"))
        return self.text

    @property
    def text(self) -> str:
        return text_of(self.page)

    def _said(self, more: dict[str, str]) -> dict[str, str]:
        return {"accept-language": self.language} | more


def text_of(answer: Response) -> str:
    """What a person reads of a page."""
    return " ".join(html.unescape(TAG.sub(" ", answer.text)).replace("\u00a0", " ").split())


def link_to(engine: Engine, vault: Vault, handle: str, *, now: datetime, days: int = links.DAYS) -> str:
    """A fresh token of the creator's."""
    with hot(engine) as connection:
        ((creator_id,),) = connection.execute("SELECT id FROM creators WHERE handle = %s", [handle]).fetchall()
        return links.issue(connection, vault, creator_id=creator_id, now=now, days=days)
