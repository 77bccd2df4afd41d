"""How often one link, one address or one account may ask: a bucket for each, of which only so many are remembered."""

from __future__ import annotations

import math
import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

MOST_BUCKETS = 20_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Allowance:
    """So many at once, and so many a second from then on."""

    burst: float
    per_second: float


class Throttle:
    """Remembers the buckets used last; one that was forgotten is full again. Any thread may ask."""

    def __init__(self, allowance: Allowance, *, most: int = MOST_BUCKETS) -> None:
        self._allowance, self._most = allowance, most
        self._left: OrderedDict[str, tuple[float, datetime]] = OrderedDict()
        # Or of two who ask at once the second one found no bucket, which is a full one.
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._left)

    def wait(self, name: str, now: datetime, *, cost: float = 1) -> int:
        """0 for go ahead, else the seconds after which it is worth asking again; nothing is taken then."""
        with self._lock:
            left, since = self._left.pop(name, (self._allowance.burst, now))
            gained = max(0.0, (now - since).total_seconds()) * self._allowance.per_second
            left = min(self._allowance.burst, left + gained)
            is_enough = left >= cost
            self._left[name] = (left - cost if is_enough else left, now)
            if len(self._left) > self._most:
                self._left.popitem(last=False)
        return 0 if is_enough else max(1, math.ceil((cost - left) / self._allowance.per_second))


def address_of(peer: str, headers: Mapping[str, str]) -> str:
    """Who asks: the other end, or, where that is a proxy of our own network, whom the proxy names last.

    Only the last name is the proxy's own word; the ones before it are the asker's. Of IPv6 a household has 2**64.
    """
    asker = _parsed(peer)
    if asker is not None and (asker.is_private or asker.is_loopback):
        asker = _parsed(headers.get("x-forwarded-for", "").rpartition(",")[2].strip()) or asker
    if isinstance(asker, IPv6Address):
        return str(IPv6Network((asker, 64), strict=False))
    return str(asker) if asker is not None else "unknown"


def _parsed(text: str) -> IPv4Address | IPv6Address | None:
    """A socket that listens on `::` tells IPv4 as ::ffff:192.0.2.7: it is meant, not the one network of all of those."""
    try:
        parsed = ip_address(text)
    except ValueError:
        return None
    return getattr(parsed, "ipv4_mapped", None) or parsed
