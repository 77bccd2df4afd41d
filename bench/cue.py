"""How the conductor (`python -m bench`) and its processes talk: get ready, wait for the cue, report, wait to be let go.

Preparing stays outside what is measured, and a process that waits to be let go still shows its CPU seconds.
"""

from __future__ import annotations

import json
import sys
from typing import Any


def wait_for_cue() -> None:
    print("ready", flush=True)
    sys.stdin.readline()


def report(result: dict[str, Any]) -> None:
    print(json.dumps(result), flush=True)
    sys.stdin.readline()
