"""Creators behave like people: one short story for each character, with its dates."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from email.policy import default
from zoneinfo import ZoneInfo

import pytest

from domain.spark_code import find
from infra.ask_mail import LOCALES, AskItem, DigestMail, compose_digest, sender_of
from infra.clock import HandClock
from infra.mail_examples import NOW, example
from simulator.catalogue import Refused
from simulator.characters import Act, Character, Deed, Person, Received, Wish, acts_of
from simulator.mailbox import read
from simulator.names import cast
from simulator.people import Answer, Known, People
from simulator.world import World

PARIS, TOKYO = ZoneInfo("Europe/Paris"), ZoneInfo("Asia/Tokyo")
# A Monday, one in the afternoon in Paris.
MONDAY = datetime(2026, 11, 23, 12, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
SEEDS = range(20)


def answer(
    character: Character,
    wish: Wish = Wish.EXTEND,
    *,
    at: datetime = MONDAY,
    zone: ZoneInfo = PARIS,
    count: int = 1,
    seed: int = 1,
) -> tuple[Act, ...]:
    person = Person(character=character, zone=zone, seed=seed)
    return acts_of(person, Received(wish=wish, item_id="7300000000000000001", days=60, at=at, count=count))


def deeds(acts: tuple[Act, ...]) -> list[Deed]:
    return [act.deed for act in acts]


@pytest.mark.parametrize("character", Character)
def test_the_same_seed_gives_the_same_life(character: Character) -> None:
    assert answer(character, seed=5) == answer(character, seed=5)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_prompt_one_extends_the_same_day_by_what_was_asked(seed: int) -> None:
    (act,) = answer(Character.PROMPT, seed=seed)

    assert (act.deed, act.days) == (Deed.EXTEND, 60)
    assert MONDAY < act.at <= MONDAY + 6 * HOUR


@pytest.mark.parametrize("seed", SEEDS)
def test_the_prompt_one_sleeps_at_night(seed: int) -> None:
    in_the_night = datetime(2026, 11, 24, 1, tzinfo=PARIS)

    (act,) = answer(Character.PROMPT, at=in_the_night.astimezone(UTC), seed=seed)

    assert act.at.astimezone(PARIS).hour >= 8
    assert act.at.astimezone(PARIS).date() == in_the_night.date()


def test_the_forgetful_one_forgets_some_messages_but_not_the_third() -> None:
    answers = [answer(Character.FORGETFUL, seed=seed) for seed in SEEDS]

    assert {len(each) for each in answers} == {0, 1}
    assert all(MONDAY + DAY <= act.at <= MONDAY + 5 * DAY for each in answers for act in each)
    assert all(deeds(answer(Character.FORGETFUL, seed=seed, count=3)) == [Deed.EXTEND] for seed in SEEDS)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("zone", [PARIS, TOKYO])
def test_the_night_owl_acts_between_one_and_four_in_the_own_zone(zone: ZoneInfo, seed: int) -> None:
    (act,) = answer(Character.NIGHT_OWL, zone=zone, seed=seed)

    assert 1 <= act.at.astimezone(zone).hour < 4
    assert MONDAY < act.at <= MONDAY + DAY


def test_one_never_answers() -> None:
    assert [answer(Character.SILENT, wish, count=count) for wish in Wish for count in (1, 5)] == [()] * 6


def test_one_extends_on_the_second_ask() -> None:
    assert answer(Character.SECOND_ASK, count=1) == ()
    assert deeds(answer(Character.SECOND_ASK, count=2)) == [Deed.EXTEND]
    assert deeds(answer(Character.SECOND_ASK, Wish.AUTHORIZE)) == [Deed.PASTE]


@pytest.mark.parametrize("seed", SEEDS)
def test_one_pastes_the_wrong_code_and_the_right_one_a_day_later(seed: int) -> None:
    wrong, right = answer(Character.WRONG_CODE, Wish.AUTHORIZE, seed=seed)

    assert (wrong.deed, right.deed) == (Deed.PASTE_WRONG, Deed.PASTE)
    assert 18 * HOUR <= right.at - wrong.at <= 3 * DAY


@pytest.mark.parametrize("seed", SEEDS)
def test_one_agrees_and_revokes_a_week_or_two_later(seed: int) -> None:
    paste, revoke = answer(Character.REVOKES, Wish.AUTHORIZE, seed=seed)

    assert (paste.deed, revoke.deed) == (Deed.PASTE, Deed.REVOKE)
    assert 6 * DAY <= revoke.at - paste.at <= 16 * DAY


def test_one_declines_to_go_on() -> None:
    assert deeds(answer(Character.DECLINES, Wish.AUTHORIZE)) == [Deed.PASTE]
    assert deeds(answer(Character.DECLINES)) == [Deed.DECLINE]


@pytest.mark.parametrize("seed", SEEDS)
def test_one_is_on_holiday_for_a_week(seed: int) -> None:
    (act,) = answer(Character.ON_HOLIDAY, seed=seed)

    assert 6 * DAY <= act.at - MONDAY <= 10 * DAY


def test_one_deletes_the_post_when_asked_to_go_on() -> None:
    assert deeds(answer(Character.DELETES, Wish.AUTHORIZE)) == [Deed.PASTE]
    assert deeds(answer(Character.DELETES)) == [Deed.DELETE]


def test_asked_for_the_whole_account_people_grant_it() -> None:
    assert deeds(answer(Character.PROMPT, Wish.ACCESS)) == [Deed.GRANT]


def code_in(told: Answer) -> str:
    """The code that Everspark finds in what was told."""
    found = find(told.text or "")
    assert found is not None
    return found.code


class Street:
    """One creator of a character in a world, with a post, and everything that was told to the brand."""

    def __init__(self, character: Character, locale: str = "en") -> None:
        self.clock = HandClock(MONDAY)
        self.world = World(self.clock, seed=3)
        self.told: list[Answer] = []
        self.people = People(self.world, 3, answers=self.told.append)
        creator = self.world.add_creator("lina.moreau", display_name="Lina Moreau")
        self.known: Known = self.people.add(
            creator, character, zone="Europe/Paris", email="Lina@creators.example", locale=locale
        )
        self.item_id = self.world.add_post(creator.creator_id, text="morning").item_id

    def is_asked(self, wish: Wish, days: int = 30) -> None:
        self.people.hears(self.known.creator.creator_id, wish, self.item_id, days)

    def is_mailed(self, days: int | None = 60, *, email: str = "lina@creators.example") -> bool:
        item = AskItem(
            key=f"7200000000000000001/{self.item_id}",
            advertiser_id="7200000000000000001",
            brand=None,
            reference=None,
            route="code",
            item_id=self.item_id,
            item_url=None,
            title=None,
            days=days,
            period_ends_at=self.clock.now() + 10 * DAY,
            urgency="window",
        )
        digest = DigestMail(
            idempotency_key="ask:1",
            email=email,
            name="Lina",
            locale=self.known.locale,
            zone="Europe/Paris",
            handle="lina.moreau",
            urgency="window",
            items=(item,),
        )
        sender = sender_of("E <e@everspark.example>")
        return self.people.receives(compose_digest(digest, sender=sender, now=self.clock.now()))

    def lives(self, span: timedelta) -> list[Deed]:
        """An hour at a time."""
        until, done = self.clock.now() + span, []
        while self.clock.now() < until:
            self.clock.advance(HOUR)
            done += [act.deed for act in self.people.act_due()]
        return done


def test_a_code_is_minted_and_pasted_with_words_around_it() -> None:
    street = Street(Character.PROMPT)

    street.is_asked(Wish.AUTHORIZE)
    assert street.lives(DAY) == [Deed.PASTE]

    (told,) = street.told
    code = street.world.code_of(street.item_id)
    assert code is not None
    assert told.text is not None
    assert told.text != code.value
    assert code_in(told) == code.value


def test_a_wrong_code_looks_right_and_is_not() -> None:
    street = Street(Character.WRONG_CODE)
    advertiser_id = street.world.add_advertiser("Maison Alba").advertiser_id

    street.is_asked(Wish.AUTHORIZE)
    assert street.lives(5 * DAY) == [Deed.PASTE_WRONG, Deed.PASTE]

    wrong, right = (code_in(told) for told in street.told)
    with pytest.raises(Refused):
        street.world.authorize(advertiser_id, wrong)
    assert street.world.authorize(advertiser_id, right).item_id == street.item_id


@pytest.mark.parametrize("locale", ["en", "fr"])
def test_a_renewal_mail_is_read_and_the_code_extended_by_its_days(locale: str) -> None:
    street = Street(Character.PROMPT, locale)
    code = street.world.mint(street.item_id, days=30)
    ended_at = code.end_at

    assert street.is_mailed(days=60)
    assert street.lives(DAY) == [Deed.EXTEND]

    assert code.end_at - ended_at == 60 * DAY
    assert street.told == []


def test_after_an_extension_the_next_mail_is_a_first_one_again() -> None:
    street = Street(Character.SECOND_ASK)
    street.world.mint(street.item_id, days=30)

    street.is_mailed()
    assert street.lives(5 * DAY) == []
    street.is_mailed()
    assert street.lives(DAY) == [Deed.EXTEND]
    street.is_mailed()
    assert street.lives(5 * DAY) == []


def test_who_was_asked_twice_extends_once() -> None:
    street = Street(Character.ON_HOLIDAY)
    street.world.mint(street.item_id, days=30)

    street.is_mailed()
    street.lives(2 * DAY)
    street.is_mailed()

    assert street.lives(20 * DAY) == [Deed.EXTEND]


def test_a_revocation_is_told_to_nobody() -> None:
    street = Street(Character.REVOKES)

    street.is_asked(Wish.AUTHORIZE)

    assert street.lives(20 * DAY) == [Deed.PASTE, Deed.REVOKE]
    assert len(street.told) == 1
    assert street.world.code_of(street.item_id) is None


def test_a_refusal_to_go_on_is_told_to_the_brand() -> None:
    street = Street(Character.DECLINES)
    street.world.mint(street.item_id, days=30)

    street.is_mailed()
    street.lives(DAY)

    assert [told.text for told in street.told] == [None]


def test_what_tiktok_refuses_is_given_up() -> None:
    street = Street(Character.PROMPT)  # and no code was ever minted that could be extended

    street.is_mailed()

    assert street.lives(2 * DAY) == []


def test_the_link_of_an_invitation_is_scanned() -> None:
    street = Street(Character.PROMPT)
    center = street.world.add_center("Center")
    invitation = EmailMessage(policy=default)
    invitation["To"] = "Lina <lina@creators.example>"
    street.world.switches.qr_minutes = 24 * 60
    link = street.world.account_link(center.bc_id).url
    invitation.set_content(f"Please open this link on your phone:\n\n   {link}\n")

    assert street.people.receives(invitation)
    assert street.lives(DAY) == [Deed.GRANT]
    assert street.known.creator.creator_id in street.world.center(center.bc_id).grants


def test_mail_for_somebody_else_reaches_nobody() -> None:
    assert not Street(Character.PROMPT).is_mailed(email="other@creators.example")


def test_the_cast_has_every_character_and_usable_addresses() -> None:
    everybody = cast()

    assert {each.character for each in everybody} == set(Character)
    assert len({each.handle for each in everybody}) == len(everybody)
    assert all(each.email.isascii() for each in everybody)


@pytest.mark.parametrize("locale", LOCALES)
def test_people_find_every_post_of_a_mail_and_its_days(locale: str) -> None:
    digest = example(locale=locale, count=3)

    mail = read(compose_digest(digest, sender=sender_of("E <e@everspark.example>"), now=NOW))

    assert mail.posts == {item.item_id: item.days for item in digest.items}
    assert mail.link is None
