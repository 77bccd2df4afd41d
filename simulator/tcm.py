"""TikTok One: asking a creator for authorization of a video, thirty times at most, and what the creator answers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from infra.clock import Clock
from simulator.accounts import Code
from simulator.catalogue import ABSENT, Refused, parameter
from simulator.codes import DEFAULT_DAYS
from simulator.reports import Reports
from simulator.switches import Switches

WAITING, ACCEPTED, REJECTED = "WAITING", "ACCEPTED", "REJECTED"
EXTEND = "EXTEND"
LONGEST_DAYS = 365


@dataclass(kw_only=True, slots=True)
class Ask:
    """What a brand asked of a creator for a video. `code`: what an acceptance gave, or what was there before."""

    video_id: str
    tcm_account_id: str
    days: int
    status: str
    updated_at: datetime
    remaining: int
    is_extension: bool = False
    is_accepted_once: bool = False


class Tcm(Reports):
    """The rules of TikTok One's requests. The creator sees them in the app and answers there."""

    def __init__(self, clock: Clock, switches: Switches | None = None, seed: int = 0) -> None:
        super().__init__(clock, switches, seed)
        self.asks: dict[tuple[str, str], Ask] = {}

    def ask_creator(
        self, tcm_account_id: str, video_id: str, *, days: int = DEFAULT_DAYS, is_extension: bool = False
    ) -> Ask:
        """Asks, or asks again: each time one of the remaining asks is used up, a new request begins with all of them."""
        self.post(video_id)
        self._check_length(days)
        held = self.asks.get((tcm_account_id, video_id))
        if is_extension and (held is None or not held.is_accepted_once):
            raise Refused(ABSENT, "action: nothing has been authorized that could be extended")
        if held is not None and held.status == ACCEPTED and not is_extension and self._is_live(video_id):
            raise parameter("video_id: the video is already authorized, use action EXTEND")
        remaining = held.remaining if held is not None and held.status == WAITING else self.switches.asks_per_video
        if remaining == 0:
            raise parameter("video_id: no requests remain for this video")
        ask = Ask(
            video_id=video_id,
            tcm_account_id=tcm_account_id,
            days=days,
            status=WAITING,
            updated_at=self.now(),
            remaining=remaining - 1,
            is_extension=is_extension,
            is_accepted_once=held is not None and held.is_accepted_once,
        )
        self.asks[tcm_account_id, video_id] = ask
        return ask

    def asked_of(self, tcm_account_id: str, video_id: str) -> tuple[Ask, Code | None]:
        """The request and the video's code: once accepted, or before it when the creator had promotion switched on."""
        ask = self.asks.get((tcm_account_id, video_id))
        if ask is None:
            raise Refused(ABSENT, "video_id: nothing has been requested for this video")
        is_shown = ask.is_accepted_once or self.post(video_id).is_promotable
        return ask, self._last_code(video_id) if is_shown else None

    def accept(self, tcm_account_id: str, video_id: str, *, days: int | None = None) -> Code:
        """The creator approves, perhaps for another length than asked for."""
        ask = self._waiting(tcm_account_id, video_id)
        days = days or ask.days
        self._check_length(days)
        code = self._granted_code(video_id, days)
        ask.status, ask.updated_at, ask.is_accepted_once = ACCEPTED, self.now(), True
        return code

    def reject(self, tcm_account_id: str, video_id: str) -> None:
        ask = self._waiting(tcm_account_id, video_id)
        ask.status, ask.updated_at = REJECTED, self.now()

    def code_word(self, code: Code) -> str:
        """`auth_code_status`: what became of the code."""
        if code.is_deleted:
            return "DELETED"
        if code.end_at <= self.now():
            return "EXPIRED"
        is_bound = any(code.item_id in rows for rows in self.bindings.values())
        return "IN_USE" if is_bound else "NOT_USED"

    def _granted_code(self, video_id: str, days: int) -> Code:
        """Minted or lengthened as any code, then cut to what was granted: TikTok One has lengths of its own."""
        held = self.code_of(video_id)
        start = max(held.end_at, self.now()) if held else self.now()
        if held is None:
            self.mint(video_id, days=self.switches.days()[0])
        else:
            self.extend(video_id, days=self.switches.days()[0])
        code = self.codes[self.current_codes[video_id]]
        code.days, code.end_at = days, start + timedelta(days=days)
        return code

    def _waiting(self, tcm_account_id: str, video_id: str) -> Ask:
        ask = self.asks.get((tcm_account_id, video_id))
        if ask is None or ask.status != WAITING:
            raise Refused(ABSENT, "video_id: no request waits for an answer")
        return ask

    def _check_length(self, days: int) -> None:
        is_any = self.switches.is_any_length_allowed_for_tcm and 1 <= days <= LONGEST_DAYS
        if not is_any and days not in self.switches.days():
            raise parameter(f"authorization_days: must be one of {', '.join(map(str, self.switches.days()))}")

    def _is_live(self, video_id: str) -> bool:
        code = self.code_of(video_id)
        return code is not None and self.now() < code.end_at

    def _last_code(self, video_id: str) -> Code | None:
        """The video's code, also a deleted one: its status says so."""
        return self.codes.get(self.current_codes.get(video_id, ""))
