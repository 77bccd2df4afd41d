"""The way to the issuer of OpenID Connect and back, as pages of the door."""

from __future__ import annotations

from collections.abc import Iterator

import structlog
from starlette.responses import RedirectResponse, Response

from infra.database import hot
from infra.people import PeopleError
from web.room.calls import Desk, Knock, OpenPage
from web.room.guard import own_path
from web.room.oidc import BACK, LEAVE, Issuer, NotLetInError
from web.room.signing import Doorstep

log = structlog.get_logger()


class Arrivals:
    """What there is beside passwords where an issuer is configured."""

    def __init__(self, doorstep: Doorstep, issuer: Issuer) -> None:
        self._doorstep, self._issuer = doorstep, issuer

    def pages(self) -> Iterator[OpenPage]:
        yield OpenPage(path=LEAVE, handler=self._leave)
        yield OpenPage(path=BACK, handler=self._arrive)

    def _leave(self, desk: Desk, knock: Knock) -> Response:
        if wait := desk.tries.wait(knock.address):
            return self._doorstep.slow_down(desk, knock, wait)
        wanted = own_path(knock.query.get("next", "/"))
        try:
            left = self._issuer.leave(desk.vault, wanted, now=self._doorstep.clock.now())
        except NotLetInError as error:
            return self._doorstep.ask(desk, knock, complaint=str(error), status=503)
        answer = RedirectResponse(left.address, status_code=303)
        self._doorstep.cookie.lend(answer, left.cookie)
        return answer

    def _arrive(self, desk: Desk, knock: Knock) -> Response:
        """However it ends, what the browser brought has served its turn."""
        if wait := desk.tries.wait(knock.address):
            return self._doorstep.slow_down(desk, knock, wait)
        answer = self._judged(desk, knock)
        self._doorstep.cookie.take_back(answer)
        return answer

    def _judged(self, desk: Desk, knock: Knock) -> Response:
        now, brought = self._doorstep.clock.now(), self._doorstep.cookie.lent(knock.cookies)
        try:
            arrived = self._issuer.arrive(desk.vault, knock.query, brought, now=now)
            with hot(desk.engine) as connection:
                person = self._issuer.person_of(connection, arrived, desk.settings.oidc_default_role, now=now)
                return self._doorstep.enter(connection, knock, person, arrived.wanted, by="oidc")
        except (NotLetInError, PeopleError) as error:
            log.warning("sign_in_refused", reason="oidc")
            with hot(desk.engine) as connection:
                desk.tries.note(connection, subject=None, by="oidc", address=knock.address)
            return self._doorstep.ask(desk, knock, complaint=str(error), status=403)
