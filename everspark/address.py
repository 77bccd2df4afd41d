"""Where the running `everspark up` listens, as it wrote it into the data folder for the commands beside it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from infra.settings import Settings


def of(settings: Settings) -> str:
    """The configured public address, else that of the service on this data folder, else what the settings come to."""
    if settings.is_embedded and not settings.has_public_url:
        with suppress(OSError):
            return _file(settings).read_text().strip() or settings.public_url
    return settings.public_url


@contextmanager
def announced(settings: Settings) -> Iterator[None]:
    """The file stands while the service runs. A kill leaves it behind; the next start writes it anew."""
    if not settings.is_embedded:
        yield
        return
    path = _file(settings)
    path.write_text(f"{settings.public_url}\n")
    path.chmod(0o644)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def _file(settings: Settings) -> Path:
    return settings.data_dir.expanduser() / "address"
