"""Every channel but mail, through Apprise: one try to one address, and what became of it."""

from __future__ import annotations

import logging
import re
import threading
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Protocol

import apprise

from infra.channel_urls import PHONE
from infra.mail import Outcome, Refused, Sent, TryLater, Unknown

# Seconds for one channel's answer. Apprise's own default of four seconds calls a slow gateway dead.
CONNECT_TIMEOUT, READ_TIMEOUT, IN_ALL = 5.0, 20.0, 60.0

_ANSWERED = re.compile(r"\berror[=: ]+([1-5][0-9]{2})\b")
_NEVER_ARRIVED = re.compile(
    r"NewConnectionError|ConnectTimeout|NameResolutionError|Connection refused|Failed to establish|SSLError"
    r"|certificate verify failed"
)
_TOO_SLOW = re.compile(r"[Tt]imed out|ReadTimeout")
_LATER = {408, 425, 429, 503}
_GATEWAY = {500, 502, 504}


class Messenger(Protocol):
    def send(self, url: str, *, title: str, body: str, is_bad: bool = False) -> Outcome:
        """One try to one address; failures of the outside are values."""


class AppriseMessenger:
    """Apprise without what it shares with the rest of the process: no plug-ins of its own finding, files, threads or logs."""

    def __init__(self, *, connect_timeout: float = CONNECT_TIMEOUT, read_timeout: float = READ_TIMEOUT) -> None:
        self._times = (connect_timeout, read_timeout)
        self._asset = apprise.AppriseAsset(
            plugin_paths=[], storage_mode=apprise.PersistentStoreMode.MEMORY, service_timeout=IN_ALL
        )
        self._asset.app_id = self._asset.app_desc = "Everspark"
        self._asset.app_url = ""
        self._asset.async_mode = False
        _load_plugins()

    def send(self, url: str, *, title: str, body: str, is_bad: bool = False) -> Outcome:
        with _overheard() as said:
            try:
                channel = self._channel(url)
                if channel is None:
                    return Refused(reason="the address of the channel cannot be read: no service of Apprise knows it")
                kind = apprise.NotifyType.WARNING if is_bad else apprise.NotifyType.INFO
                is_sent = channel.notify(body=body, title=title, notify_type=kind)
            except Exception as error:  # noqa: BLE001 - a hundred plug-ins by a hundred hands; their text may hold the address
                return Unknown(reason=f"the channel's plug-in raised {type(error).__name__}")
        return Sent() if is_sent else outcome_of(said)

    def problem_of(self, url: str) -> str | None:
        """Why nothing can be sent to an address, or None. For a look before the first message."""
        with _overheard():
            readable = self._channel(url.replace(PHONE, "15550100000"))
        return None if readable is not None else "no service of Apprise knows this address"

    def _channel(self, url: str) -> apprise.NotifyBase | None:
        channel = apprise.Apprise.instantiate(url, asset=self._asset, suppress_exceptions=True)
        if not isinstance(channel, apprise.NotifyBase):
            return None
        # On the object, so that an address with times of its own (`?rto=`) keeps them and no other is touched.
        if channel.socket_connect_timeout == apprise.NotifyBase.socket_connect_timeout:
            channel.socket_connect_timeout = self._times[0]
        if channel.socket_read_timeout == apprise.NotifyBase.socket_read_timeout:
            channel.socket_read_timeout = self._times[1]
        return channel


def unreadable(urls: Iterable[str]) -> int:
    """How many addresses no service knows; which, is not said: an address is a secret."""
    messenger = AppriseMessenger()
    return sum(messenger.problem_of(url) is not None for url in urls)


@cache
def _load_plugins() -> None:
    """Apprise imports its hundred plug-ins with the first address; some of them use what Python has deprecated."""
    with _overheard(), warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        apprise.Apprise.instantiate("json://localhost")


def outcome_of(said: Sequence[str]) -> Outcome:
    """What became of a message that Apprise calls not sent, from what its plug-in said: a number, or which exception.

    When nobody can tell, it may have arrived, and is not sent again by itself.
    """
    text = "\n".join(said)
    if answered := _ANSWERED.search(text):
        return _answer(int(answered[1]))
    if _NEVER_ARRIVED.search(text):
        return TryLater(reason="the channel could not be reached", server_is_away=True)
    if _TOO_SLOW.search(text):
        return Unknown(reason="the channel took the message and did not answer in time", server_is_away=True)
    return Unknown(reason="the channel did not say whether it took the message")


def _answer(status: int) -> Outcome:
    if status in _LATER:
        return TryLater(reason=f"the channel answered {status}")
    if status in _GATEWAY:
        return Unknown(reason=f"the channel answered {status}, after it had the whole message")
    return Refused(reason=f"the channel answered {status}")


class _Ear(logging.Handler):
    """Hears one thread: what others send at the same time is not about this message."""

    def __init__(self) -> None:
        super().__init__(level=logging.DEBUG)
        self.said: list[str] = []
        self._thread = threading.get_ident()

    def emit(self, record: logging.LogRecord) -> None:
        if record.thread == self._thread:
            self.said.append(record.getMessage())


@contextmanager
def _overheard() -> Iterator[list[str]]:
    """What Apprise says is heard here and nowhere else: its lines and those of urllib3 hold addresses, hence secrets."""
    logger = logging.getLogger("apprise")
    logger.propagate = False
    logger.setLevel(logging.DEBUG)
    logging.getLogger("urllib3").setLevel(logging.CRITICAL)
    ear = _Ear()
    logger.addHandler(ear)
    try:
        yield ear.said
    finally:
        logger.removeHandler(ear)
