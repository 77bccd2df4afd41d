"""Names for the demo: brands, creators and what their posts are about. All invented; addresses end in `.example`."""

from __future__ import annotations

from dataclasses import dataclass
from unicodedata import normalize

from simulator.characters import Character

BRANDS = ("Maison Alba", "Nordlicht Outdoor", "Kiko & Daughters", "Velo Verde")


@dataclass(frozen=True, kw_only=True, slots=True)
class Cast:
    """Somebody to be added to the world."""

    name: str
    zone: str
    locale: str
    character: Character

    @property
    def handle(self) -> str:
        plain = normalize("NFKD", self.name).encode("ascii", "ignore").decode()
        return plain.lower().replace(" ", ".")

    @property
    def email(self) -> str:
        return f"{self.handle}@creators.example"


_WHERE = (("Europe/Paris", "fr"), ("Europe/Berlin", "en"), ("America/New_York", "en"), ("Asia/Tokyo", "en"))
_NAMES = """
Lina Moreau,Tom Becker,Ava Collins,Yuki Mori,Chloé Petit,Jonas Vogel,Maya Reed,Ren Sato,Inès Laurent,Paul Richter
Zoe Parker,Hana Ito,Anaïs Dubois,Felix Braun,Ruby Hayes,Sora Abe,Manon Girard,Emil Krause,Nina Brooks,Kaito Ueda
Jade Fontaine,Lea Winter,Owen Price,Aoi Kato,Louise Mercier,Max Seidel,Ella Grant,Riku Ono,Camille Roche,Ida Frank
Theo Lambert,Mia Lorenz,Noah Ellis,Mei Hara,Sarah Benoit,Ben Hofmann,Ivy Stone,Haru Endo,Alice Renard,Kim Albers
"""
# Out of twenty people: most answer, and each kind of trouble is there.
_CHARACTERS = (
    *[Character.PROMPT] * 6,
    *[Character.FORGETFUL] * 3,
    *[Character.NIGHT_OWL] * 2,
    *[Character.SECOND_ASK] * 3,
    Character.SILENT,
    Character.WRONG_CODE,
    Character.REVOKES,
    Character.DECLINES,
    Character.ON_HOLIDAY,
    Character.DELETES,
)
SUBJECTS = (
    "my honest morning routine",
    "three things I pack for every hike",
    "unboxing, no filter",
    "what I eat before a race",
    "the jacket that survived Norway",
    "get ready with me",
    "a small flat, a big bike",
    "trying it for 30 days",
)


def cast() -> list[Cast]:
    """Forty creators, each with a character; neighbours in the list differ."""
    names = [name for line in _NAMES.strip().splitlines() for name in line.split(",")]
    return [
        Cast(
            name=name,
            zone=_WHERE[number % 4][0],
            locale=_WHERE[number % 4][1],
            # 7 and 20 have no common divisor: every character has its turn.
            character=_CHARACTERS[number * 7 % len(_CHARACTERS)],
        )
        for number, name in enumerate(names)
    ]
