"""Reading mail as a person does: who it is for, which post it is about, and for how many days."""

from __future__ import annotations

import re
from dataclasses import dataclass
from email.message import EmailMessage

POST = re.compile(r"https://\S*?/@(?P<handle>[\w.%]+)/(?:video|photo)/(?P<item_id>\d+)")
ACCESS = re.compile(r"https://www\.tiktok\.com/business/authorize\?\S+")
# The heading above the steps, as infra/templates/ask.*.txt have it.
DAYS = re.compile(r"(?:EXTEND IT BY|PROLONGER DE)\s+(?P<days>\d+)\s+(?:DAYS|JOURS)")


@dataclass(frozen=True, kw_only=True, slots=True)
class Read:
    """What a mail asks: more days for a post, or (`link`) access to the whole account."""

    address: str
    item_id: str | None
    days: int | None
    link: str | None


def read(message: EmailMessage) -> Read:
    """What the message's text part says."""
    body = message.get_body(("plain",))
    text = body.get_content() if body is not None else ""
    post, days, access = POST.search(text), DAYS.search(text), ACCESS.search(text)
    return Read(
        address=str(message["To"].addresses[0].addr_spec).lower(),
        item_id=post["item_id"] if post else None,
        days=int(days["days"]) if days else None,
        link=access[0] if access else None,
    )


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
