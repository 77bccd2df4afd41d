"""What TikTok shows against what is held: each difference once, and none where they agree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.authorization import Authorization
from domain.events import (
    AdLost,
    AdStarted,
    AdStopped,
    Code,
    CodeGranted,
    CodeWithdrawn,
    Condition,
    LifecycleEvent,
    PeriodCorrected,
    PeriodExtended,
    PostChanged,
    Route,
)
from domain.findings import ACCOUNT_REMOVED, NO_LONGER_LISTED, POST_DELETED, WITHDRAWN, doubt_of, findings
from domain.lifecycle import State, decide
from domain.posts import STANDINGS, AdSeen, Identity, Post, Standing
from domain.sightings import Sighting, of_account, of_post
from tests.domain import story
from tests.domain.story import ACCOUNT_KEY, KEY, access_given, ad_started, day, granted, requested

NOW = 15.0
LIVE, LOST, SILENT = (
    "AD_STATUS_DELIVERY_OK",
    "AD_STATUS_ASSET_AUTHORIZATION_LOST",
    "AD_STATUS_MUSIC_AUTHORIZATION_MISSING",
)


def heard(*events: LifecycleEvent, key: str = KEY) -> Authorization | None:
    """What is held after these events."""
    known: Authorization | None = None
    for event in events:
        known = decide(known, event, key=key).authorization
    return known


def shows(end: float | None = 31, *, begin: float = 1, at: float = NOW, **facts: Any) -> Sighting:
    """What TikTok shows of the post."""
    defaults = {"auth_status": "AUTHORIZED", "item_id": KEY.partition("/")[2]}
    post = Post(**(defaults | {"starts_at": day(begin), "ends_at": None if end is None else day(end)} | facts))
    return of_post(KEY, post, at=day(at), code=Code(fingerprint="f", last="abcd"))


def account(status: str = "AVAILABLE", *, at: float = NOW) -> Sighting:
    identity = Identity(identity_id="u", identity_type="BC_AUTH_TT", username="Mia.Makes", available_status=status)
    return of_account(ACCOUNT_KEY, identity, at=day(at))


def ad(status: str = LIVE, ad_id: str = "1") -> AdSeen:
    return AdSeen(ad_id=ad_id, secondary_status=status)


def found(
    known: Authorization | None,
    seen: Sighting | None,
    before: Sighting | None = None,
    ads: Sequence[AdSeen] | None = None,
    *,
    at: float = NOW,
    key: str = KEY,
) -> list[LifecycleEvent]:
    return findings(known, seen, before, ads, key=key, at=day(at))


def test_nothing_is_found_where_both_agree() -> None:
    assert found(heard(granted(1, 31), ad_started(2)), shows(31), ads=[ad()]) == []


def test_a_later_end_is_an_extension() -> None:
    assert found(heard(granted(1, 31)), shows(61)) == [PeriodExtended(at=day(NOW), expires_at=day(61))]


def test_a_later_end_with_another_start_is_a_new_grant() -> None:
    (event,) = found(heard(granted(1, 31)), shows(61, begin=14))

    assert isinstance(event, CodeGranted)
    assert (event.starts_at, event.expires_at) == (day(14), day(61))
    assert event.code == Code(fingerprint="f", last="abcd")


def test_an_earlier_end_is_a_correction() -> None:
    assert found(heard(granted(1, 31)), shows(20)) == [PeriodCorrected(at=day(NOW), expires_at=day(20))]


def test_an_extension_heard_of_since_tiktok_was_asked_is_not_overruled() -> None:
    assert found(heard(granted(1, 31), story.extended(16, 61)), shows(31)) == []


def test_a_post_that_nobody_knows_is_adopted_with_its_ads() -> None:
    grant, start = found(None, shows(31), ads=[ad()])

    assert isinstance(grant, CodeGranted)
    assert isinstance(start, AdStarted)


def test_a_post_that_nobody_knows_and_that_is_over_is_left_alone() -> None:
    assert found(None, shows(10, auth_status="EXPIRED"), ads=[ad(LOST)]) == []


def test_an_end_that_is_known_is_the_clocks_to_tell() -> None:
    assert found(heard(granted(1, 10)), shows(10, auth_status="EXPIRED"), shows(10, at=9)) == []


def test_an_end_that_only_others_told_later_is_corrected() -> None:
    events = found(heard(granted(1, 31)), shows(10, auth_status="EXPIRED"))

    assert events == [PeriodCorrected(at=day(NOW), expires_at=day(10))]


def test_an_end_that_tiktok_moved_into_the_past_is_a_withdrawal() -> None:
    events = found(heard(granted(1, 31)), shows(10, auth_status="EXPIRED"), shows(31, at=9))

    assert events == [CodeWithdrawn(at=day(NOW), reason=WITHDRAWN)]


def test_a_code_revoked_before_its_end_is_a_withdrawal() -> None:
    for word in ("REVOKED", "EXPIRED", "AUTH_CANCELED", "UNAUTHORIZED"):
        events = found(heard(granted(1, 31)), shows(31, auth_status=word), shows(31, at=9))

        assert events == [CodeWithdrawn(at=day(NOW), reason=WITHDRAWN)]


def test_a_word_that_means_not_yet_withdraws_nothing() -> None:
    known = heard(granted(1, 31))

    assert found(known, shows(31, auth_status="PENDING"), shows(31, at=9)) == []
    assert doubt_of(known, shows(31, auth_status="PENDING"), day(NOW)) is None


@pytest.mark.parametrize(
    ("word", "end", "doubt"),
    [
        ("RENEWING", 31, "“RENEWING”"),
        ("", 31, "no word"),
        (None, 31, "no word"),
        (None, None, "no word"),
        ("AUTHORIZED", None, "an authorization without an end"),
    ],
)
def test_what_nobody_can_read_moves_nothing_and_is_doubted(word: str | None, end: float | None, doubt: str) -> None:
    known, seen = heard(granted(1, 31), ad_started(2)), shows(end, auth_status=word)

    assert found(known, seen, shows(31, at=9), ads=[ad()]) == []
    assert doubt_of(known, seen, day(NOW)) == doubt
    assert doubt_of(None, seen, day(NOW)) is None


def test_a_word_that_a_person_has_read_withdraws() -> None:
    events = findings(
        heard(granted(1, 31)),
        shows(31, auth_status="Lapsing"),
        None,
        None,
        key=KEY,
        at=day(NOW),
        withdrawn_words={"LAPSING"},
    )

    assert events == [CodeWithdrawn(at=day(NOW), reason=WITHDRAWN)]


def test_an_account_with_an_unknown_word_is_kept() -> None:
    known = heard(access_given(1), key=ACCOUNT_KEY)

    assert found(known, account("ON_HOLIDAY"), account(at=9), key=ACCOUNT_KEY) == []
    assert doubt_of(known, account("ON_HOLIDAY"), day(NOW)) == "“ON_HOLIDAY”"


@pytest.mark.parametrize(
    "status", [*(status for status, standing in STANDINGS.items() if standing is Standing.WAITING), "", "AD_STATUS_NEW"]
)
def test_a_live_ad_that_waits_is_wanted_as_before(status: str) -> None:
    assert found(heard(granted(1, 31), ad_started(2)), shows(), ads=[ad(status)]) == []


@pytest.mark.parametrize("status", [status for status, standing in STANDINGS.items() if standing is Standing.OVER])
def test_an_ad_that_nobody_wants_any_more_has_stopped(status: str) -> None:
    assert found(heard(granted(1, 31), ad_started(2)), shows(), ads=[ad(status)]) == [AdStopped(at=day(NOW), ad_id="1")]


def test_what_was_switched_off_is_over_by_any_newer_word() -> None:
    off = AdSeen(ad_id="1", secondary_status="AD_STATUS_NEW", operation_status="DISABLE")

    assert found(heard(granted(1, 31), ad_started(2)), shows(), ads=[off]) == [AdStopped(at=day(NOW), ad_id="1")]


def test_of_two_rows_of_one_post_the_one_in_force_that_lasts_longest_counts() -> None:
    rows = [shows(40, auth_status="REVOKED"), shows(10), shows(31), shows(20), shows(None)]

    assert max(rows, key=lambda row: row.rank(day(NOW))) == shows(31)


def test_a_revoked_code_that_is_authorized_again_is_granted_anew() -> None:
    known = heard(granted(1, 31), CodeWithdrawn(at=day(10)))

    (event,) = found(known, shows(31), shows(31, auth_status="REVOKED", at=10))

    assert isinstance(event, CodeGranted)
    assert event.starts_at == day(NOW)


def test_an_expired_code_that_was_extended_is_revived() -> None:
    known = heard(granted(1, 10), story.period_ended(10))

    assert found(known, shows(40)) == [PeriodExtended(at=day(NOW), expires_at=day(40))]


def test_a_request_whose_post_is_bound_is_granted() -> None:
    (event,) = found(heard(requested(0)), shows(31))

    assert isinstance(event, CodeGranted)


def test_a_deleted_post_is_withdrawn_and_removed() -> None:
    assert found(heard(granted(1, 31)), shows(31, status="USER_DELETE"), shows(31, at=9)) == [
        CodeWithdrawn(at=day(NOW), reason=POST_DELETED),
        PostChanged(at=day(NOW), condition=Condition.REMOVED),
    ]


def test_a_post_that_left_the_list_is_withdrawn_only_if_it_had_been_there() -> None:
    assert found(heard(granted(1, 31)), None) == []
    assert found(heard(granted(1, 31)), None, shows(31, at=9)) == [CodeWithdrawn(at=day(NOW), reason=NO_LONGER_LISTED)]


def test_what_was_granted_after_it_went_missing_may_not_be_bound_yet() -> None:
    before = replace(shows(31, at=5), missing_since=day(9))

    assert found(heard(granted(1, 9), story.period_ended(9), granted(12, 41)), None, before) == []


def test_privacy_and_moderation_are_conditions() -> None:
    for status, condition in (
        ("ONLY_AUTHOR_SEE", Condition.PRIVATE),
        ("ONLY_USER_PASS", Condition.REMOVED),
        ("REVIEW_PENDING", Condition.UNDER_REVIEW),
    ):
        assert found(heard(granted(1, 31)), shows(status=status)) == [PostChanged(at=day(NOW), condition=condition)]


def test_missing_music_is_told_by_the_ads_until_they_deliver_again() -> None:
    known = heard(granted(1, 31), ad_started(2))

    events = found(known, shows(), ads=[ad(SILENT)])

    assert events == [
        PostChanged(at=day(NOW), condition=Condition.MUSIC_MISSING),
        AdLost(at=day(NOW), ad_id="1", reason="music"),
    ]
    silenced = heard(granted(1, 31), ad_started(2), *events)
    assert found(silenced, shows(), ads=None, at=16) == []
    assert [type(event) for event in found(silenced, shows(), ads=[ad()], at=16)] == [PostChanged, AdStarted]


def test_an_ad_that_lost_its_post_is_lost_and_one_that_is_over_stopped() -> None:
    known = heard(granted(1, 31), ad_started(2, "1"), ad_started(2, "2"), ad_started(2, "3"))

    assert found(known, shows(), ads=[ad(LOST, "1"), ad("AD_STATUS_DONE", "2")]) == [
        AdLost(at=day(NOW), ad_id="1", reason="post"),
        AdStopped(at=day(NOW), ad_id="2"),
        AdStopped(at=day(NOW), ad_id="3"),
    ]


def test_an_ad_in_review_means_nothing_yet() -> None:
    assert found(heard(granted(1, 31)), shows(), ads=[ad("AD_STATUS_AUDIT")]) == []


def test_an_account_that_was_asked_for_is_granted_without_an_end() -> None:
    known = heard(requested(0, route=Route.ACCOUNT), key=ACCOUNT_KEY)

    assert found(known, account(), key=ACCOUNT_KEY) == [CodeGranted(at=day(NOW), starts_at=day(NOW), expires_at=None)]


def test_an_account_that_was_there_and_is_gone_is_withdrawn() -> None:
    known = heard(access_given(1), key=ACCOUNT_KEY)

    assert found(known, None, account(at=9), key=ACCOUNT_KEY) == [CodeWithdrawn(at=day(NOW), reason=ACCOUNT_REMOVED)]
    assert found(known, account("NO_VALID_BIND_ACCOUNT"), account(at=9), key=ACCOUNT_KEY) == [
        CodeWithdrawn(at=day(NOW), reason=ACCOUNT_REMOVED)
    ]
    assert found(known, account("IS_PRIVATE_ACCOUNT"), account(at=9), key=ACCOUNT_KEY) == [
        PostChanged(at=day(NOW), condition=Condition.PRIVATE)
    ]


instants = st.integers(0, 30).map(float)
events = st.one_of(
    st.builds(requested, instants),
    st.builds(lambda begin, length: granted(begin, begin + length), instants, st.sampled_from((7, 30, 60))),
    st.builds(lambda at, length: story.extended(at, at + length), instants, st.integers(1, 40)),
    st.builds(story.corrected, instants, instants),
    st.builds(lambda at: CodeWithdrawn(at=day(at)), instants),
    st.builds(story.period_ended, instants),
    st.builds(story.declined, instants),
    st.builds(ad_started, instants, st.sampled_from("12")),
    st.builds(story.ad_stopped, instants, st.sampled_from("12")),
    st.builds(story.ad_lost, instants, st.sampled_from("12")),
    st.builds(lambda at, what: PostChanged(at=day(at), condition=what), instants, st.sampled_from(Condition)),
)
readings = st.one_of(
    st.none(),
    st.builds(
        lambda begin, length, word, status: shows(begin + length, begin=begin, auth_status=word, status=status),
        instants,
        st.integers(1, 60),
        st.sampled_from(("AUTHORIZED", "AUTHORIZED", "EXPIRED", "REVOKED", "PENDING")),
        st.sampled_from(("HESITATE_RECOMMEND", "ONLY_AUTHOR_SEE", "USER_DELETE", "AUDIT_DELETE", "NEW")),
    ),
)
statuses = st.sampled_from((LIVE, LOST, SILENT, "AD_STATUS_AUDIT", "AD_STATUS_DISABLE"))
lists_of_ads = st.one_of(
    st.none(), st.dictionaries(st.sampled_from("123"), statuses).map(lambda all_: [ad(s, n) for n, s in all_.items()])
)


@settings(max_examples=300, deadline=None)
@given(st.lists(events, max_size=6), readings, readings, lists_of_ads, st.integers(0, 40), st.integers(0, 3))
def test_what_was_found_and_applied_is_not_found_again(
    told: list[LifecycleEvent],
    before: Sighting | None,
    seen: Sighting | None,
    ads: list[AdSeen] | None,
    at: int,
    later: int,
) -> None:
    known = heard(*told)
    if seen is None and before is not None:
        kept: Sighting | None = replace(before, missing_since=day(at))
    else:
        kept = seen

    events = found(known, seen, before, ads, at=at)
    for event in events:
        known = decide(known, event, key=KEY).authorization

    assert found(known, seen, kept, ads, at=at) == []
    has_ended_since = seen is not None and seen.ends_at is not None and day(at) < seen.ends_at <= day(at + later)
    # What was told of a later instant stands against this reading, and may fall to the next.
    if not has_ended_since and all(event.at <= day(at) for event in told):
        assert found(known, seen, kept, ads, at=at + later) == []


@given(st.lists(events, max_size=6), readings, lists_of_ads)
def test_after_the_look_tiktok_and_we_agree(
    told: list[LifecycleEvent], seen: Sighting | None, ads: list[AdSeen] | None
) -> None:
    """What TikTok shows on the last day is newer than anything told."""
    known, at = heard(*told), 31.0

    for event in found(known, seen, None, ads, at=at):
        known = decide(known, event, key=KEY).authorization

    if seen is not None and seen.is_in_force(day(at)):
        assert known is not None
        assert known.state in (State.AUTHORIZED, State.ACTIVE)
        assert known.expires_at == seen.ends_at
    elif known is not None and seen is not None and seen.is_deleted:
        assert not known.is_running
