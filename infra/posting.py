"""One POST to somebody else's server: to a checked address only, bounded in time and size, following nothing.

Directly on httpcore, the engine of httpx: it alone lets the connection be pinned to the address that was checked, under
the name that TLS and the Host header keep. No redirects, no proxies of the environment, no cookies, no decompression.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpcore
import httpx

from infra.destinations import Destination, DestinationRefusedError, Resolver, checked, parse, resolved
from infra.lookups import Lookups

TIMEOUT = timedelta(seconds=15)  # what Standard Webhooks recommends, for the whole of one delivery
LARGEST_BODY = 65_536
MOST_READ = 4_096
SAID = 200


@dataclass(frozen=True, kw_only=True, slots=True)
class Answered:
    """The server's answer; `said` is the beginning of its body, for a person who tries the endpoint out."""

    status: int
    said: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Unanswered:
    """No answer, and whether the body arrived nobody knows; `reason` is a sentence of our own."""

    reason: str


class Courier:
    """Posts to destinations. Safe to share between threads."""

    def __init__(
        self,
        *,
        allow_private: bool = False,
        resolver: Resolver = resolved,
        timeout: timedelta = TIMEOUT,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.allow_private = allow_private
        self._lookups, self._timeout = Lookups(resolver), timeout
        self._tls = tls or httpx.create_ssl_context()

    def check(self, url: str) -> None:
        """Raises DestinationRefusedError where nothing would be sent."""
        self._way_to(url, self._end())

    def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Answered | Unanswered:
        """The destination is resolved and judged each time; the connection is made to what was judged, then closed."""
        if len(body) > LARGEST_BODY:
            return Unanswered(reason=f"the body is larger than {LARGEST_BODY} bytes")
        ends_at = self._end()
        try:
            destination, addresses = self._way_to(url, ends_at)
            return self._post(destination, PinnedNetwork(addresses, ends_at), headers, body)
        except DestinationRefusedError as refusal:
            return Unanswered(reason=str(refusal))
        except (httpcore.TimeoutException, TimeoutError):
            return Unanswered(reason=f"no answer within {self._timeout.total_seconds():g} seconds")
        except (httpcore.NetworkError, httpcore.ProtocolError, ssl.SSLError, OSError) as error:
            return Unanswered(reason=f"no answer: {type(error).__name__}")

    def _end(self) -> float:
        return time.monotonic() + self._timeout.total_seconds()

    def _way_to(self, url: str, ends_at: float) -> tuple[Destination, tuple[str, ...]]:
        def look_up(name: str, port: int) -> Sequence[str]:
            return self._lookups.within(ends_at - time.monotonic(), name, port)

        destination = parse(url, allow_private=self.allow_private)
        return destination, checked(destination, allow_private=self.allow_private, resolver=look_up)

    def _post(
        self, destination: Destination, network: PinnedNetwork, headers: Mapping[str, str], body: bytes
    ) -> Answered:
        url = httpcore.URL(
            scheme=destination.scheme, host=destination.host, port=destination.port, target=destination.target
        )
        lines = {"host": destination.authority, "content-length": str(len(body)), "connection": "close", **headers}
        with (
            httpcore.ConnectionPool(ssl_context=self._tls, network_backend=network, retries=0) as pool,
            pool.stream("POST", url, headers=list(lines.items()), content=body) as response,
        ):
            return Answered(status=response.status, said=_beginning(response))


def _beginning(response: httpcore.Response) -> str:
    """The first characters of the answer's body. The status is known already: trouble from here on changes nothing."""
    read = b""
    try:
        for part in response.iter_stream():
            read += part[: MOST_READ - len(read)]
            if len(read) >= MOST_READ:
                break
    except (httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError):
        pass
    return "".join(each if each.isprintable() else " " for each in read[:SAID].decode(errors="replace")).strip()


class PinnedNetwork(httpcore.NetworkBackend):
    """Connects to the given addresses whatever name it is asked for, and to nothing after `ends_at` (monotonic)."""

    def __init__(self, addresses: Iterable[str], ends_at: float) -> None:
        self._addresses, self._ends_at = tuple(addresses), ends_at
        self._network = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,  # noqa: ARG002  where it leads was decided before
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """The first address that answers; one that never does leaves the others their share of the time."""
        trouble: Exception = httpcore.ConnectError()
        for tried, address in enumerate(self._addresses):
            share = remaining(self._ends_at, timeout) / (len(self._addresses) - tried)
            try:
                stream = self._network.connect_tcp(address, port, share, local_address, socket_options)
                return TimedStream(stream, self._ends_at)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                trouble = error
        raise trouble


class TimedStream(httpcore.NetworkStream):
    """A stream that ends at one instant: an answer that drips byte by byte must not hold a thread."""

    def __init__(self, stream: httpcore.NetworkStream, ends_at: float) -> None:
        self._stream, self._ends_at = stream, ends_at

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, remaining(self._ends_at, timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, remaining(self._ends_at, timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        """TLS for the name that was asked for, not for the address that was connected to."""
        stream = self._stream.start_tls(ssl_context, server_hostname, remaining(self._ends_at, timeout))
        return TimedStream(stream, self._ends_at)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def remaining(ends_at: float, timeout: float | None) -> float:
    """Seconds that are left, or `timeout` where that is less. Raises ReadTimeout when none are."""
    left = ends_at - time.monotonic()
    if left <= 0:
        raise httpcore.ReadTimeout
    return left if timeout is None else min(left, timeout)
