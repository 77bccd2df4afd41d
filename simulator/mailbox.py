"""Reading mail as a person does: who it is for, which posts it is about, and for how many days."""

from __future__ import annotations

import re
from dataclasses import dataclass
from email.message import EmailMessage

POST = re.compile(r"https://\S*?/@(?P<handle>[\w.%]+)/(?:video|photo)/(?P<item_id>\d+)")
ACCESS = re.compile(r"https://www\.tiktok\.com/business/authorize\?\S+")
# What is said before the link to each post, as infra/templates/ask.*.txt have it; the time left is written without this space.
DAYS = re.compile(r"(?P<days>\d+) (?:days|jours|días|Tage)\b", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True, slots=True)
class Read:
    """What a mail asks: more days for posts (by item id; None where it does not say), or `link`: the whole account."""

    address: str
    posts: dict[str, int | None]
    link: str | None


def read(message: EmailMessage) -> Read:
    """What the message's text part says."""
    body = message.get_body(("plain",))
    text = body.get_content() if body is not None else ""
    access = ACCESS.search(text)
    return Read(
        address=str(message["To"].addresses[0].addr_spec).lower(),
        posts={post["item_id"]: _days_before(text, post.start()) for post in POST.finditer(text)},
        link=access[0] if access else None,
    )


def _days_before(text: str, end: int) -> int | None:
    said = DAYS.findall(text[:end])
    return int(said[-1]) if said else None


def chat(code: str, name: str, number: int) -> str:
    """The code as people send it: with words around it, in one of a few ways."""
    ways = (
        f"hiii 👋 sorry for the delay!! here it is: {code} let me know if that works 🙏",
        f"Hey, {name} here.\n\nTikTok gave me this:\n{code}\n\nIt says it is for the post from last week, is that right?",
        f"  {code}  ",
        f"Ad authorization → Generate code → “{code}” (copied from the app)",
        f"re: re: code??\n> could you send us the code, please\nsure: {code}\nsent from my phone",
    )
    return ways[number % len(ways)]
