"""What a sender is told reads as sentences."""

from __future__ import annotations

import msgspec
import pytest

from infra.unreadable import from_msgspec


class Post(msgspec.Struct):
    advertiser_id: str


@pytest.mark.parametrize("body", [b"{}", b'{"advertiser_id": 1}', b"[]", b"{"])
def test_a_problem_ends_with_one_full_stop(body: bytes) -> None:
    with pytest.raises(msgspec.DecodeError) as raised:
        msgspec.json.decode(body, type=Post)

    problem = from_msgspec(raised.value, "$").problem

    assert problem.endswith(".")
    assert not problem.endswith("..")
