"""TikTok for the length of a command."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager

from infra import logs
from infra.clock import SystemClock
from infra.settings import Settings
from infra.tiktok.client import Tiktok
from infra.tiktok.connection import make_tiktok


@contextmanager
def calling(settings: Settings) -> Iterator[Tiktok | None]:
    """The client, None where TikTok is not configured. What came of a call is the command's own to say: only bugs are logged."""
    logs.configure(log_format=settings.log_format, level="error")
    # On the machine's clock, also beside a demo: TikTok's limits are counted in real seconds.
    tiktok = make_tiktok(settings, SystemClock())
    if tiktok is None:
        yield None
        return
    with closing(tiktok):
        yield tiktok
