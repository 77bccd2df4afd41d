"""A small year under all four policies: what must hold of it whatever the figures are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from bench.renewals.__main__ import between_marks
from bench.renewals.campaigns import YEAR_BEGINS, counts_of_codes, stories
from bench.renewals.draws import draw
from bench.renewals.everspark import MANNERS, Everspark
from bench.renewals.goals import goals
from bench.renewals.life import Life
from bench.renewals.people import CHARACTERS, Channel, Temper, creator
from bench.renewals.picture import picture
from bench.renewals.report import ROWS, as_markdown, figures, sensitivity_as_markdown
from bench.renewals.tally import Tally
from bench.renewals.year import CRON, EVERSPARK, LIST, NOBODY, Year, lived, share

YEAR = Year(seed=7, creators=60, authorizations=300)
WRITTEN = (Channel.MAIL, Channel.DIRECT)


def whole(year: Year) -> dict[str, Tally]:
    return share(year, 0, counts_of_codes(year.seed, year.creators, year.authorizations))


def lives(policy: str, year: Year = YEAR) -> Iterator[Life]:
    for number, count in enumerate(counts_of_codes(year.seed, year.creators, year.authorizations)):
        yield lived(year, number, count, policy)


@pytest.fixture(scope="module")
def sums() -> dict[str, Tally]:
    return whole(YEAR)


def test_every_policy_is_better_than_none_and_everspark_than_all(sums: dict[str, Tally]) -> None:
    lapsed = {policy: each.lapsed_share for policy, each in sums.items()}

    assert lapsed[EVERSPARK] * 2 < min(lapsed[CRON], lapsed[LIST])
    assert max(lapsed[CRON], lapsed[LIST]) < lapsed[NOBODY]


def test_less_money_is_lost_in_every_currency(sums: dict[str, Tally]) -> None:
    ours = sums[EVERSPARK].not_delivered

    for policy in (NOBODY, CRON, LIST):
        for currency in ("USD", "EUR", "GBP"):
            assert ours[currency] < sums[policy].not_delivered[currency], (policy, currency)


def test_the_cron_writes_most_and_by_night(sums: dict[str, Tally]) -> None:
    assert sums[CRON].mean_a_month > 1.5 * sums[EVERSPARK].mean_a_month
    assert sums[CRON].by_night > 10 * sums[EVERSPARK].by_night
    assert sums[NOBODY].messages == 0


def test_everspark_keeps_quiet_hours_save_in_emergencies(sums: dict[str, Tally]) -> None:
    assert sums[EVERSPARK].quiet == sums[EVERSPARK].quiet_emergencies


def test_all_policies_meet_the_same_need(sums: dict[str, Tally]) -> None:
    needed = [each.needed for each in sums.values()]

    assert max(needed) - min(needed) <= 0.02 * max(needed)
    assert {each.authorizations for each in sums.values()} == {300}


def test_a_seed_decides_everything(sums: dict[str, Tally]) -> None:
    small = replace(YEAR, creators=10, authorizations=40)

    assert whole(small) == whole(small)
    assert whole(small) != whole(replace(small, seed=8))


def test_no_rung_is_asked_twice() -> None:
    for life in lives(EVERSPARK):
        rungs = Counter(
            (item.key, item.period_ends_at, item.rung)
            for message in life.messages
            for item in message.items
            if item.rung is not None
        )
        assert max(rungs.values(), default=1) == 1


def test_no_week_brings_more_messages_than_the_cap() -> None:
    for life in lives(EVERSPARK):
        at = [each.at for each in life.messages if each.channel in WRITTEN]
        for first in at:
            assert sum(first <= each < first + timedelta(days=7) for each in at) <= MANNERS.emergency_cap


def test_nobody_is_asked_after_success_once_tiktok_has_been_read() -> None:
    for life in lives(EVERSPARK):
        assert all(message.not_needed == 0 for message in life.messages)


def test_without_a_look_before_the_message_an_ask_may_cross_an_answer_of_the_last_minutes() -> None:
    crossed = 0
    for life in lives(EVERSPARK, replace(YEAR, looks_first=False)):
        for message in life.messages:
            crossed += message.not_needed
            for item in message.items:
                renewed_at = [
                    each.begins_at for each in life.periods[item.key] if each.begins_at <= message.at < each.ends_at
                ]
                if message.not_needed and len(message.items) == 1 and item.period_ends_at > message.at:
                    assert message.at - max(renewed_at) < timedelta(minutes=40)

    assert crossed <= 3


def test_who_had_enough_is_left_alone() -> None:
    impatient = 0
    for number in range(20):
        one = replace(creator(3, number, Temper(), YEAR_BEGINS), mutes_at=2)
        life = Life(one, tuple(stories(3, number, 8)))
        life.run(Everspark(life))
        impatient += life.memory.has_muted
        assert not any(message.to_opted_out for message in life.messages if message.channel in WRITTEN)

    assert impatient > 5


def test_the_figures_make_a_table_a_picture_and_a_record(sums: dict[str, Tally]) -> None:
    table, drawing = as_markdown(sums), picture(sums, "a <small> year")

    assert table.count("\n| ") == len(ROWS)
    assert drawing.startswith("<svg")
    assert "a &lt;small&gt; year" in drawing
    assert "prefers-color-scheme: dark" in drawing
    assert figures(sums[EVERSPARK])["lapsed_share"] == sums[EVERSPARK].lapsed_share
    assert len(goals(sums)) == 4
    assert "seed 7" in sensitivity_as_markdown([("seed 7", sums)])


def test_a_table_replaces_the_one_between_its_marks() -> None:
    page = "before\n<!-- result -->\nold\n<!-- end of result -->\nafter\n"

    assert between_marks(page, "result", "new") == page.replace("old", "new")


def test_codes_are_shared_out_exactly() -> None:
    counts = counts_of_codes(1, 200, 1000)

    assert sum(counts) == 1000
    assert min(counts) >= 1
    assert max(counts) > 15


def test_characters_are_everybody() -> None:
    assert sum(each.share for each in CHARACTERS) == pytest.approx(1)
    assert {round(draw("question", number) * 4) for number in range(200)} == {0, 1, 2, 3, 4}
