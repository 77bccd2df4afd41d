"""A caller of the simulated TikTok: an advertiser with a token, and verbs for calls."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import httpx
import msgspec

from simulator.accounts import App, Code, Creator, Post
from simulator.world import World

START = datetime(2026, 5, 4, 9, 0, tzinfo=UTC)


class Caller:
    """An advertiser of an app, with a token that may do everything, and verbs for calls."""

    def __init__(self, world: World, http: httpx.Client) -> None:
        self.world, self.http = world, http
        self.app: App = world.add_app("app-1", "secret-1")
        self.advertiser_id = world.add_advertiser("Acme").advertiser_id
        self.bc_id = world.add_center("Center", advertiser_ids={self.advertiser_id}).bc_id
        self.creator: Creator = world.add_creator("@lea", display_name="Léa")
        self.token = world.issue("app-1", [self.advertiser_id], bc_ids=[self.bc_id]).value

    def get(self, path: str, *, token: str | None = None, **params: Any) -> dict[str, Any]:
        """The envelope. Lists and objects become JSON text, as TikTok wants them."""
        query = {key: self._text(value) for key, value in params.items()}
        response = self.http.get(f"/open_api/v1.3/{path}/", params=query, headers=self._headers(token))
        return self._envelope(response)

    def post(self, path: str, *, token: str | None = None, **body: Any) -> dict[str, Any]:
        response = self.http.post(f"/open_api/v1.3/{path}/", json=body, headers=self._headers(token))
        return self._envelope(response)

    def minted(self, *, days: int = 30, **post: Any) -> tuple[Post, Code]:
        """A post of the creator's with a code."""
        made = self.world.add_post(self.creator.creator_id, **post)
        return made, self.world.mint(made.item_id, days=days)

    def authorize(self, code: Code | str, **more: Any) -> dict[str, Any]:
        auth_code = code if isinstance(code, str) else code.value
        return self.post("tt_video/authorize", advertiser_id=self.advertiser_id, auth_code=auth_code, **more)

    def rows(self, **more: Any) -> list[dict[str, Any]]:
        answer = self.get("tt_video/list", advertiser_id=self.advertiser_id, **more)
        assert answer["code"] == 0, answer
        rows: list[dict[str, Any]] = answer["data"]["list"]
        return rows

    def _headers(self, token: str | None) -> dict[str, str]:
        value = self.token if token is None else token
        return {"Access-Token": value} if value else {}

    @staticmethod
    def _text(value: Any) -> Any:
        return msgspec.json.encode(value).decode() if isinstance(value, (list, dict)) else value

    @staticmethod
    def _envelope(response: httpx.Response) -> dict[str, Any]:
        assert response.status_code == 200, response.text
        envelope: dict[str, Any] = response.json()
        assert envelope.keys() == {"code", "message", "request_id", "data"}
        return envelope
