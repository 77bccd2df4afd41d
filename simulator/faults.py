"""What can go wrong between an answer and the one who asked: planned for the next calls of a path, used up one by one."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum


class Kind(StrEnum):
    """What happens to the call."""

    LOST_AFTER = "lost_after"  # the change is made, then the connection is cut
    LOST_BEFORE = "lost_before"  # the connection is cut, nothing was done
    SILENT_AFTER = "silent_after"  # the change is made, the answer comes only after `seconds`
    SLOW = "slow"  # answered after `seconds`
    MALFORMED = "malformed"  # the change is made, the answer is not JSON
    CODE = "code"  # refused with `code` (and `message`), nothing was done
    CODE_AFTER = "code_after"  # the change is made, the answer is `code` all the same


# TikTok's own words for trouble of its own; any other code may be planned too.
TROUBLE = {
    50000: "System error, please try again later",
    50002: "Internal error: processing failed on TikTok's side",
    51305: "Satellite service error",
    60001: "System maintenance",
    40202: "Write conflict, please retry",
    -500: "call_rpc_fail",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Fault:
    """A fault for the next `times` calls of `path` ("*" for any). -500 is worded in the message, under `spark_error_code`."""

    path: str
    kind: Kind
    times: int = 1
    code: int = 50000
    message: str | None = None
    seconds: float = 0.0

    @property
    def text(self) -> str:
        """What the message says."""
        return self.message or TROUBLE.get(self.code, "Something went wrong")


@dataclass(slots=True)
class Faults:
    """The planned faults, oldest first."""

    planned: list[Fault] = field(default_factory=list)

    def plan(self, path: str, kind: str, **how: object) -> Fault:
        """Plans one; `how` are the fields of Fault. `path` like "tt_video/authorize", with or without slashes around."""
        fault = Fault(path=path.strip("/"), kind=Kind(kind), **how)  # type: ignore[arg-type]
        self.planned.append(fault)
        return fault

    def take(self, path: str) -> Fault | None:
        """The fault for this call, used up by one."""
        for place, fault in enumerate(self.planned):
            if fault.path in ("*", path.strip("/")):
                self.planned[place : place + 1] = [replace(fault, times=fault.times - 1)] if fault.times > 1 else []
                return fault
        return None

    def clear(self) -> None:
        self.planned.clear()
