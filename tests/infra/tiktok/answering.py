"""A client whose TikTok is a function: what it was asked is kept, what it answers is given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

import httpx
import msgspec

from infra.clock import HandClock
from infra.tiktok.api import Api
from infra.tiktok.client import Advertiser, Tiktok
from infra.tiktok.limits import Limits, MemoryLimits

NOON = datetime(2026, 5, 24, 12, tzinfo=UTC)
APP_ID, SECRET = "7500000000000000001", "app-secret-0a1b2c3d4e5f"
ADVERTISER, TOKEN = "7100000000000000001", "token-9f8e7d6c5b4a39281706"
CODE = "#Ab+/9" + "xY7z" * 14 + "qW="
ITEM = "7123456789012345678"

Answering = Callable[[httpx.Request], httpx.Response]


def envelope(data: Any = None, *, code: int = 0, message: str = "OK", request_id: str = "R1") -> httpx.Response:
    """An answer as TikTok gives it: HTTP 200, whatever it says."""
    return httpx.Response(200, json={"code": code, "message": message, "request_id": request_id, "data": data or {}})


@dataclass
class Line:
    """A client of which the other end is in the hand of the test."""

    answers: list[httpx.Response | Exception | Answering] = field(default_factory=list)
    asked: list[httpx.Request] = field(default_factory=list)
    paused: list[float] = field(default_factory=list)
    clock: HandClock = field(default_factory=lambda: HandClock(NOON))
    limits: Limits = field(default_factory=MemoryLimits)
    base_url: str = "https://tiktok.test"
    authorize_per_second: int = 2

    def api(self) -> Api:
        return Api(
            base_url=self.base_url,
            app_id=APP_ID,
            secret=SECRET,
            limits=self.limits,
            clock=self.clock,
            authorize_per_second=self.authorize_per_second,
            timeout=timedelta(seconds=10),
            pause=self._pause,
            transport=httpx.MockTransport(self._answer),
        )

    def tiktok(self) -> Tiktok:
        return Tiktok(self.api())

    def advertiser(self) -> Advertiser:
        return self.tiktok().advertiser(ADVERTISER, TOKEN)

    @property
    def query(self) -> dict[str, str]:
        """The last query, decoded as a server does; no key may occur twice."""
        found = parse_qs(self.asked[-1].url.query.decode(), keep_blank_values=True, strict_parsing=True)
        assert all(len(values) == 1 for values in found.values())
        return {name: values[0] for name, values in found.items()}

    @property
    def body(self) -> dict[str, Any]:
        return msgspec.json.decode(self.asked[-1].content, type=dict[str, Any])

    def _pause(self, seconds: float) -> None:
        self.paused.append(seconds)
        self.clock.advance(timedelta(seconds=seconds))

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        answer = self.answers.pop(0) if self.answers else envelope()
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, httpx.Response) else answer(request)


def line(*answers: httpx.Response | Exception | Answering, **given: Any) -> Line:
    return Line(answers=list(answers), **given)


def blocks(**given: Any) -> dict[str, Any]:
    """A video post in four blocks, with fields of an item replaced."""
    return {
        "auth_info": {
            "ad_auth_status": "AUTHORIZED",
            "auth_start_time": "2026-05-01 10:00:00",
            "auth_end_time": "2026-05-31 10:00:00",
            "invite_start_time": "2026-05-01 09:00:00",
        },
        "item_info": {
            "item_id": ITEM,
            "item_type": "VIDEO",
            "status": "HESITATE_RECOMMEND",
            "text": "a caption",
            "auth_code": CODE,
            "anchor_list": None,
            "carousel_info": None,
            **given,
        },
        "user_info": {"tiktok_name": "lea", "identity_id": "7200000000000000001", "identity_type": "AUTH_CODE"},
        "video_info": {"duration": 12.5, "bit_rate": 900, "size": 1, "url": None},
    }
