"""Where a webhook may go: an address on the public internet, resolved and judged anew before each delivery.

Who registers an endpoint must not be able to read what only this machine can reach.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

Address = IPv4Address | IPv6Address
# A name and a port to the addresses behind them, as text; raises OSError where there are none, TimeoutError when late.
Resolver = Callable[[str, int], Sequence[str]]

LONGEST_URL = 2000
HIGHEST_PORT = 65_535
# Read once, here; the parts are handed on as they are, so that no second reader can understand the text differently.
URL = re.compile(
    r"(?P<scheme>https?)://(?P<host>[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])"
    r"(?::(?P<port>[0-9]{1,5}))?(?P<target>[/?][!$-;=?-Z\[\]_a-z~%&]*)?"
)

LOOPBACK, PRIVATE = "a loopback address", "a private address"
EMBEDDED = "an IPv4 address inside an IPv6 address"
METADATA, LINK_LOCAL = "an address of a cloud's metadata", "a link-local address"
# Before anything else is asked: what looks public to a general rule, or deserves its own word.
SPECIAL: tuple[tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, str], ...] = (
    (ip_network("169.254.169.254/32"), METADATA),  # AWS, Google, Azure and others
    (ip_network("100.100.100.200/32"), METADATA),  # Alibaba
    (ip_network("168.63.129.16/32"), METADATA),  # Azure; lies in public space
    (ip_network("192.0.0.192/32"), METADATA),  # Oracle
    (ip_network("fd00:ec2::/32"), METADATA),  # AWS over IPv6
    (ip_network("fd20:ce::254/128"), METADATA),  # Google over IPv6
    (ip_network("192.88.99.0/24"), "an address of 6to4 relays"),
    (ip_network("::/128"), "an unspecified address"),
    (ip_network("::1/128"), LOOPBACK),
    (ip_network("::/96"), EMBEDDED),
    (ip_network("::ffff:0:0/96"), EMBEDDED),
    (ip_network("::ffff:0:0:0/96"), EMBEDDED),  # translated (SIIT)
    (ip_network("64:ff9b::/96"), EMBEDDED),  # NAT64
    (ip_network("64:ff9b:1::/48"), EMBEDDED),  # NAT64, local
    (ip_network("2001::/32"), EMBEDDED),  # Teredo
    (ip_network("2002::/16"), EMBEDDED),  # 6to4
    (ip_network("fc00::/7"), PRIVATE),
)
PRIVATE_V4 = tuple(map(ip_network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")))
# The only part of IPv6 from which public addresses are given out.
GLOBAL_UNICAST = ip_network("2000::/3")


class DestinationRefusedError(Exception):
    """Nothing is sent there; the sentence says why, without repeating more than the host."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Destination:
    """The parts of an endpoint's URL; `host` without brackets."""

    scheme: str
    host: str
    port: int
    target: str

    @property
    def authority(self) -> str:
        """As the Host header has it: without the port that goes without saying."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == default_port(self.scheme) else f"{host}:{self.port}"


def parse(url: str, *, allow_private: bool = False) -> Destination:
    """The parts of `url`. Raises DestinationRefusedError for what is not plain https (or, for tests, http)."""
    parts = URL.fullmatch(url) if len(url) <= LONGEST_URL else None
    if parts is None:
        raise DestinationRefusedError(
            "This is not an address that webhooks can go to: write https://host/path, the host in ASCII (punycode), "
            f"without user, password and fragment, at most {LONGEST_URL} characters."
        )
    if parts["scheme"] != "https" and not allow_private:
        raise DestinationRefusedError("Webhooks go out over https only.")
    port = int(parts["port"]) if parts["port"] else default_port(parts["scheme"])
    if not 1 <= port <= HIGHEST_PORT:
        raise DestinationRefusedError(f"A port is a number from 1 to {HIGHEST_PORT}.")
    target = parts["target"] or "/"
    return Destination(
        scheme=parts["scheme"],
        host=parts["host"].strip("[]").lower(),
        port=port,
        target=target if target.startswith("/") else f"/{target}",
    )


def default_port(scheme: str) -> int:
    return 443 if scheme == "https" else 80


def resolved(name: str, port: int) -> list[str]:
    """What the system's resolver answers, without repeats. Raises OSError."""
    found = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def checked(destination: Destination, *, allow_private: bool = False, resolver: Resolver = resolved) -> tuple[str, ...]:
    """The addresses that may be connected to, in the resolver's order. Raises DestinationRefusedError if even one of
    them may not: a name that points inside as well as outside is an attack or a mistake.
    """
    try:
        found = [ip_address(text) for text in resolver(destination.host, destination.port)]
    except TimeoutError:
        raise DestinationRefusedError(f"The name {destination.host} was not resolved in time.") from None
    except (OSError, ValueError, UnicodeError):
        found = []
    if not found:
        raise DestinationRefusedError(f"The name {destination.host} does not resolve.")
    tolerated = {LOOPBACK, PRIVATE} if allow_private else set()
    for kind in kinds_of(found):
        if kind not in tolerated:
            raise DestinationRefusedError(f"{destination.host} is {kind}; webhooks go to public addresses only.")
    if destination.scheme == "http" and any(forbidden(address) != LOOPBACK for address in found):
        raise DestinationRefusedError("Without TLS webhooks go to this machine only: use https.")
    return tuple(map(str, found))


def kinds_of(addresses: Iterable[Address]) -> list[str]:
    """Why these may not be connected to; empty where all of them are public."""
    return [kind for address in addresses if (kind := forbidden(address)) is not None]


def forbidden(address: Address) -> str | None:
    """What kind of address it is that nothing is sent to; None for one on the public internet."""
    for network, kind in SPECIAL:
        if address.version == network.version and address in network:
            return kind
    if address.is_multicast:
        return "a multicast address"
    if address.is_link_local:
        return LINK_LOCAL
    return _forbidden_v4(address) if isinstance(address, IPv4Address) else _forbidden_v6(address)


def _forbidden_v4(address: IPv4Address) -> str | None:
    if address.is_loopback:
        return LOOPBACK
    if address.is_unspecified:
        return "an unspecified address"
    if any(address in network for network in PRIVATE_V4):
        return PRIVATE
    return None if address.is_global else "a reserved address"


def _forbidden_v6(address: IPv6Address) -> str | None:
    return None if address.is_global and address in GLOBAL_UNICAST else "a reserved address"
