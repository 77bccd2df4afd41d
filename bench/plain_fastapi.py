"""The plain build over HTTP: FastAPI, the signature checked with `standardwebhooks`, one SQLModel commit a request.

The event is stored before the answer, then a dramatiq message carries its number to bench/plain_dramatiq.py.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from fastapi import FastAPI, HTTPException, Request
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel
from sqlmodel import Session
from standardwebhooks import Webhook, WebhookVerificationError

from bench import plain
from bench.plain_dramatiq import apply_stored, engine
from bench.work import PRODUCER, SECRET

app = FastAPI()
verifier = Webhook(SECRET)


class Body(BaseModel):
    """A Standard Webhooks body."""

    type: str
    timestamp: datetime
    data: dict[str, Any]


@app.post("/webhooks/bench", status_code=202)
async def receive(request: Request) -> dict[str, Any]:
    raw = await request.body()
    try:
        verifier.verify(raw, dict(request.headers))
    except WebhookVerificationError as error:
        raise HTTPException(401, "the signature does not match") from error
    event_id = request.headers["webhook-id"]
    await run_in_threadpool(store, event_id, Body.model_validate_json(raw))
    return {"id": event_id}


def store(event_id: str, body: Body) -> None:
    key = f"{body.data['advertiser_id']}/{body.data['post']['item_id']}"
    message = {
        "sender": f"producer:{PRODUCER}",
        "event_id": event_id,
        "type": body.type,
        "key": key,
        "occurred_at": body.timestamp.isoformat(),
        "received_at": datetime.now(UTC).isoformat(),
        "data": body.data,
    }
    with Session(engine) as session:
        event = plain.stored(message)
        session.add(event)
        session.flush()
        assert event.seq is not None
        seq = event.seq
        session.commit()
    apply_stored.send(seq)
