"""A write and its answer in one transaction: done once for each idempotency key, whatever breaks on the way."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from starlette.responses import Response

from infra import api_answers
from infra.api_answers import Answer
from web.api.calls import Write

Handler = Callable[..., Any]
REPLAYED = "idempotent-replayed"


def once(handler: Handler, *, status: int) -> Handler:
    """The handler, as the web framework calls it: its answer is a model, and is kept with what it did.

    What raises changes nothing and is not kept, so that the same key may be tried again.
    """

    @wraps(handler)
    def answered(*, write: Write, **asked: Any) -> Response:
        with write.session, write.session.begin():
            known = _known(write)
            answer = known or _done(handler, write, asked, status=status)
        if known is None:
            for nudge in write.after:
                nudge()
        return _response(answer, is_replayed=known is not None)

    return answered


def _known(write: Write) -> Answer | None:
    if write.key is None:
        return None
    return api_answers.find(write.connection, write.desk.vault, write.key, now=write.now)


def _done(handler: Handler, write: Write, asked: dict[str, Any], *, status: int) -> Answer:
    made = handler(write=write, **asked)
    answer = Answer(status=status, headers=dict(write.headers), body=made.model_dump_json())
    if write.key is not None:
        api_answers.keep(write.connection, write.desk.vault, write.key, answer, now=write.now)
    return answer


def _response(answer: Answer, *, is_replayed: bool) -> Response:
    headers = {**answer.headers, **({REPLAYED: "true"} if is_replayed else {})}
    return Response(answer.body, status_code=answer.status, headers=headers, media_type="application/json")
