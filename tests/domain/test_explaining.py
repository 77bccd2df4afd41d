from __future__ import annotations

from domain.explaining import PARTS, SENTENCES, told_why


def test_no_code_means_two_things() -> None:
    assert len(SENTENCES) == sum(len(part) for part in PARTS)


def test_a_code_of_any_part_has_its_sentence_and_an_unknown_one_speaks_for_itself() -> None:
    assert told_why("quiet_hours") == "it is outside the hours at which the creator is written to"
    assert told_why("covered") == "every flight and every stated need ends before the authorization does"
    assert told_why("of_a_newer_version") == "of_a_newer_version"
