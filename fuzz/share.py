"""One process's share of a run: inputs drawn from one seed, each judged, counted, its failures kept as they come."""

from __future__ import annotations

import gc
import sys
import tempfile
import time
from collections import Counter
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from fuzz.judge import limit_memory, run, watched
from fuzz.targets import drawn

FAILURES = ("exception", "hang", "slow", "large", "not one line", "not JSON", "absurd")
"""Every class but answered and refused."""
_WARM = 3000
"""Inputs after which everything is loaded."""
_KEPT = 500
"""Kinds of failure that a process writes down."""
_TOLD = 50_000
"""Inputs after which a process says how far it is."""


class Share(NamedTuple):
    """What one process did."""

    classes: Counter[tuple[str, str]]
    """(target, class) → how many."""
    seconds: float
    """Of a processor."""
    failures: list[dict[str, object]]


def work(seed: int, only: str | None, count: int, seconds: float) -> Share:
    """One process's share: so many inputs, or so much time."""
    classes: Counter[tuple[str, str]] = Counter()
    failures: list[dict[str, object]] = []
    seen: set[tuple[str, str]] = set()
    ends = time.monotonic() + seconds
    limit_memory()
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as place, watched():
        for number, (name, made) in enumerate(islice(drawn(seed, only), count)):
            if time.monotonic() > ends:
                break
            found = run(made, Path(place))
            classes[name, found.kind] += 1
            if number == _WARM:
                gc.freeze()  # what is loaded by now stays: looking through it again and again is a third of the time
            if number and number % _TOLD == 0:
                bad = sum(n for (_, kind), n in classes.items() if kind in FAILURES)
                print(f"seed {seed}: {number:,} inputs, {bad} failures", file=sys.stderr, flush=True)
            key = (found.kind, found.detail.split(":")[0] + found.detail[:60])
            if found.kind in FAILURES and key not in seen and len(failures) < _KEPT:
                seen.add(key)
                failures.append({
                    "seed": seed, "number": number, "target": name, "kind": found.kind, "detail": found.detail,
                    **made._asdict(), "text": made.text[:20_000],
                })  # fmt: skip
                print(f"seed {seed}, input {number}: {found.kind}: {found.detail[:300]!r}", file=sys.stderr, flush=True)
    return Share(classes, time.process_time(), failures)
