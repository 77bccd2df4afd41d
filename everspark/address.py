"""Where the one `everspark up` of a data folder listens, and in a demo by which clock it lives: as it wrote both there for
the commands beside it. The folder also keeps that it is a demo's, when the demo is over.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

from everspark.outcomes import Stop
from infra.clock import Clock, RunningClock, SystemClock
from infra.filelocks import FileLock
from infra.settings import Settings

CLOCK, DEMO = "clock", "simulation"


def of(settings: Settings) -> str:
    """The configured public address, else that of the service on this data folder, else what the settings come to."""
    if settings.is_embedded and not settings.has_public_url:
        return next(iter(_lines(settings)), "") or settings.public_url
    return settings.public_url


def clock_of(settings: Settings) -> Clock:
    """The clock of the demo that runs on this data folder, else the machine's."""
    for line in _lines(settings) if settings.is_embedded else []:
        match line.split():
            case [word, simulated, real, speed] if word == CLOCK:
                return _running(datetime.fromisoformat(simulated), datetime.fromisoformat(real), float(speed))
    return SystemClock()


def is_demo(settings: Settings) -> bool:
    """Whether what lies in this data folder was played by a demo, which may be over by now."""
    return settings.is_embedded and (settings.data_dir.expanduser() / DEMO).exists()


@contextmanager
def alone(settings: Settings) -> Iterator[None]:
    """One service at a time on a data folder: a second one would lead the commands astray, and a demo would empty it.

    Raises Stop where one runs, or the folder cannot be written to. Before a given database any number may.
    """
    if not settings.is_embedded:
        yield
        return
    lock = _taken(settings)
    try:
        yield
    finally:
        lock.release()


@contextmanager
def announced(settings: Settings, clock: Clock | None = None) -> Iterator[None]:
    """The file stands while the service runs. A kill leaves it behind; the next start writes it anew."""
    if not settings.is_embedded:
        yield
        return
    path = _file(settings)
    path.write_text(f"{settings.public_url}\n{_told(clock)}")
    path.chmod(0o644)
    _mark(path.with_name(DEMO), is_demo=isinstance(clock, RunningClock))
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def _taken(settings: Settings) -> FileLock:
    folder = settings.data_dir.expanduser()
    lock = FileLock(folder / "up.lock")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        is_ours = lock.try_take()
    except OSError as error:
        raise Stop(f"{folder} cannot be written to ({error.strerror}): choose another folder with --data.") from error
    if not is_ours:
        raise Stop(
            f"Everspark runs on {folder} already{_there(settings)}: end it, or choose another folder with --data."
        )
    return lock


def _there(settings: Settings) -> str:
    return "".join(f", at {line}" for line in _lines(settings)[:1])


def _mark(path: Path, *, is_demo: bool) -> None:
    """Stays when the service stops: its data are a demo's still."""
    if is_demo:
        path.touch(mode=0o644)
    else:
        path.unlink(missing_ok=True)


def _told(clock: Clock | None) -> str:
    """What the simulated clock shows at which real instant, and how fast it goes: each process runs its own from there."""
    if not isinstance(clock, RunningClock):
        return ""
    return f"{CLOCK} {clock.now().isoformat()} {SystemClock().now().isoformat()} {clock.speed}\n"


def _running(simulated: datetime, real: datetime, speed: float) -> RunningClock:
    return RunningClock(simulated + (SystemClock().now() - real) * speed, speed)


def _lines(settings: Settings) -> list[str]:
    with suppress(OSError):
        return _file(settings).read_text().splitlines()
    return []


def _file(settings: Settings) -> Path:
    return settings.data_dir.expanduser() / "address"
