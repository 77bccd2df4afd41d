"""A sheet to begin with: one row of each kind, with ends that lie ahead."""

from __future__ import annotations

import csv
import io
from datetime import datetime, timedelta

HEADING = ("advertiser", "post", "creator", "code", "end date", "days", "campaign", "needed until")
ADVERTISER = "7200000000000000001"
LINK = "https://www.tiktok.com/@maya.moves/video/7300000000000000001"
PLACEHOLDER = "put the Spark code here, from # to ="


def sample(now: datetime) -> str:
    """CSV with a code, with an end date, and with both."""
    end, needed = (f"{now + timedelta(days=days):%Y-%m-%d}" for days in (30, 90))
    text = io.StringIO()
    csv.writer(text).writerows(
        [
            HEADING,
            (ADVERTISER, LINK, "", PLACEHOLDER, "", "30", "Autumn", needed),
            (ADVERTISER, "7300000000000000002", "@jo.cooks", "", end, "30", "Autumn", ""),
            (ADVERTISER, "7300000000000000003", "@lee.runs", PLACEHOLDER, end, "", "", ""),
        ]
    )
    return text.getvalue()
