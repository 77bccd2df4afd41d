"""Where messages leave but by mail. An address of a channel is a secret as a whole, since it holds the token that opens
it: it is never logged, stored or shown.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

PHONE = "{phone}"
# Whoever is no advertiser's own: gets what no other address covers.
EVERYBODY = ""

_BETWEEN = re.compile(r"[\s,]+(?=(?:[0-9]+=)?[A-Za-z][A-Za-z0-9+.-]*://)")
_OWNED = re.compile(r"(?:(?P<owner>[0-9]+)=)?(?P<url>[A-Za-z][A-Za-z0-9+.-]*://.+)", re.DOTALL)


class BadChannel(ValueError):  # noqa: N818 - reads as a sentence where it is caught
    """A setting that names no channel; the text never repeats the address."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Channels:
    """Where messages leave: addresses of operators by the advertiser that they own, and a template for creators."""

    alerts: Mapping[str, tuple[str, ...]] = field(default_factory=dict, repr=False)
    creators: str = field(default="", repr=False)

    @classmethod
    def parse(cls, *, alert_urls: str = "", creator_url: str = "") -> Channels:
        """EVERSPARK_ALERT_URLS and EVERSPARK_CREATOR_CHANNEL_URL. Raises BadChannel."""
        alerts: dict[str, tuple[str, ...]] = {}
        for number, part in enumerate((part for part in _BETWEEN.split(alert_urls.strip()) if part), start=1):
            found = _OWNED.fullmatch(part)
            if found is None:
                raise BadChannel(f"address number {number} does not read like slack://…")
            owner = found["owner"] or EVERYBODY
            alerts[owner] = (*alerts.get(owner, ()), found["url"].rstrip(","))
        template = creator_url.strip()
        if template and (PHONE not in template or _OWNED.fullmatch(template) is None):
            raise BadChannel("it must read like twilio://…/{phone}")
        return cls(alerts=alerts, creators=template)

    def owner_of(self, advertiser_id: str) -> str:
        """Whose alert it is: the advertiser's own, or everybody's."""
        return advertiser_id if advertiser_id in self.alerts else EVERYBODY

    def to_creator(self, phone: str | None) -> str | None:
        """The address of one creator; None where there is no such channel, or no number that can be one."""
        number = number_of(phone)
        return self.creators.replace(PHONE, number) if self.creators and number else None


def number_of(phone: str | None) -> str | None:
    """A telephone number with its country, as digits; None for anything else."""
    text = re.sub(r"[\s().\-/]", "", phone or "")
    digits = re.fullmatch(r"(?:\+|00)([1-9][0-9]{7,14})", text, re.ASCII)
    return None if digits is None else digits[1]


def fingerprint(url: str) -> str:
    """What a row may know of an address."""
    return hashlib.blake2b(url.encode(), digest_size=8).hexdigest()
