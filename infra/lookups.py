"""Names looked up within a time limit: the system's resolver knows none, and cannot be interrupted.

A lookup that hangs keeps a thread of its own, not its caller's; of one name at most one is under way, so that a name
whose servers never answer costs one thread, however many deliveries ask for it.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import Future

from infra.destinations import Resolver


class Lookups:
    """Safe to share between threads, which is what it is for."""

    def __init__(self, resolver: Resolver) -> None:
        self._resolver = resolver
        self._under_way: dict[tuple[str, int], Future[Sequence[str]]] = {}
        self._lock = threading.Lock()

    def within(self, seconds: float, name: str, port: int) -> Sequence[str]:
        """What the resolver answers. Raises OSError as it does, and TimeoutError where it takes longer."""
        return self._lookup(name, port).result(timeout=max(seconds, 0))

    def _lookup(self, name: str, port: int) -> Future[Sequence[str]]:
        """The one that is under way, else a new one; a daemon, since nobody should wait for it when the process ends."""
        with self._lock:
            if (known := self._under_way.get((name, port))) is not None:
                return known
            begun: Future[Sequence[str]] = Future()
            threading.Thread(target=self._look_up, args=(begun, name, port), name="lookup", daemon=True).start()
            self._under_way[name, port] = begun
            return begun

    def _look_up(self, begun: Future[Sequence[str]], name: str, port: int) -> None:
        try:
            found = self._resolver(name, port)
        except Exception as error:  # noqa: BLE001 - it is raised where the answer is waited for
            begun.set_exception(error)
        else:
            begun.set_result(found)
        finally:
            with self._lock:
                del self._under_way[name, port]
