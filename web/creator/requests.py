"""Requests to the creator's page, read as far as they can be trusted, and what every answer carries."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import parse_qs, urlsplit

from infra.links import Visit
from web.creator import answers
from web.creator.scene import Asked
from web.creator.speech import LANGUAGES, Speech, language_for, speech
from web.headers import security
from web.reading import Scope, headers_of, number_of

PREFIX = "/c/"
MOST_FIELDS = 20
Where = Mapping[str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What goes back: a page, or the way to one."""

    status: int
    html: str = ""
    location: str = ""
    retry_after: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """One request, read as far as it is trusted. `path` is what follows the token."""

    method: str
    token: str
    path: str
    headers: Mapping[str, str]
    where: Where
    peer: str
    now: datetime

    @property
    def asked(self) -> Asked:
        chosen = self.where.get("lang", "")
        return Asked(
            base=PREFIX + self.token,
            query=f"?lang={chosen}" if chosen in LANGUAGES else "",
            post=number_of(self.where.get("post", "")),
            mark=self.where.get("a", "") if answers.MARK.fullmatch(self.where.get("a", "")) else "",
        )

    def speech(self, visit: Visit | None = None) -> Speech:
        """The reader's language. Who has no good link is told nothing of the creator's, not even that."""
        locale, zone = (visit.locale, visit.timezone) if visit else (None, None)
        accepted = self.headers.get("accept-language", "")
        return speech(language_for(chosen=self.where.get("lang", ""), locale=locale, accepted=accepted), zone)


def is_ours(headers: Mapping[str, str], host: str) -> bool:
    """Whether a form was sent from our own page, as far as the browser tells. Under no-referrer it says `Origin: null`."""
    if site := headers.get("sec-fetch-site"):
        return site in ("same-origin", "none")
    origin = headers.get("origin", "null")
    return origin == "null" or (host_of(origin) or origin) in (host, headers.get("host", ""))


def host_of(origin: str) -> str:
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return ""


def request_of(scope: Scope, now: datetime) -> Request:
    token, _, path = scope["path"][len(PREFIX) :].partition("/")
    peer = scope.get("client") or ("", 0)
    return Request(
        method=scope["method"],
        token=token,
        path=path,
        headers=headers_of(scope),
        where=fields_of(scope.get("query_string", b"")),
        peer=peer[0],
        now=now,
    )


def fields_of(encoded: bytes) -> Where:
    """The first value of each field of a form or a query; nothing where it cannot be read as one."""
    try:
        fields = parse_qs(encoded.decode("latin-1"), keep_blank_values=True, max_num_fields=MOST_FIELDS)
    except ValueError:
        return {}
    return {name: values[0].replace("\x00", "") for name, values in fields.items()}


def fixed_headers(style_hash: str, *, is_https: bool) -> list[tuple[bytes, bytes]]:
    policy = (
        f"default-src 'none'; style-src '{style_hash}'; img-src 'self'; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'"
    )
    headers = security(is_https=is_https) | {
        "content-type": "text/html; charset=utf-8",
        "content-security-policy": policy,
        "referrer-policy": "no-referrer",
        "cache-control": "no-store",
        "vary": "accept-language",
    }
    return [(name.encode(), value.encode()) for name, value in headers.items()]
