"""``make fuzz``: seeded inputs in bounded time, counted by class; failures are written down with their seed.

python -m fuzz --seconds 600 --jobs 2          # seeds 1, 2, ...: one for each process
python -m fuzz --seed 7 --only 'log file' --count 5000
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from itertools import islice
from pathlib import Path

from fuzz.judge import run
from fuzz.targets import TARGETS, drawn

FAILURES = {"exception", "hang", "slow", "large", "not one line", "not JSON", "absurd"}


def work(
    seed: int, only: str | None, count: int, seconds: float
) -> tuple[Counter[tuple[str, str]], list[dict[str, object]]]:
    """One process's share: (target, class) → how many, and the failures."""
    classes: Counter[tuple[str, str]] = Counter()
    failures: list[dict[str, object]] = []
    seen: set[tuple[str, str]] = set()
    ends = time.monotonic() + seconds
    with tempfile.TemporaryDirectory() as place:
        for number, (name, (arguments, text)) in enumerate(islice(drawn(seed, only), count)):
            if time.monotonic() > ends:
                break
            found = run(arguments, text, Path(place) / name.replace(" ", "-"))
            classes[name, found.kind] += 1
            key = (found.kind, found.detail.split(":")[0] + found.detail[:60])
            if found.kind in FAILURES and key not in seen and len(failures) < 500:
                seen.add(key)
                failures.append({
                    "seed": seed, "number": number, "target": name, "kind": found.kind, "detail": found.detail,
                    "arguments": arguments, "text": text[:20_000],
                })  # fmt: skip
    return classes, failures


def main() -> int:
    """Run, print the table, write the failures; 1 where there are any."""
    parser = argparse.ArgumentParser(
        prog="python -m fuzz", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--count", type=int, default=10**9, help="inputs of each process")
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--only", choices=sorted(TARGETS))
    parser.add_argument("--out", type=Path, default=Path("build/fuzz.json"))
    asked = parser.parse_args()
    seeds = range(asked.seed, asked.seed + asked.jobs)
    with ProcessPoolExecutor(asked.jobs) as pool:
        shares = list(
            pool.map(work, seeds, [asked.only] * asked.jobs, [asked.count] * asked.jobs, [asked.seconds] * asked.jobs)
        )
    classes = sum((share for share, _ in shares), Counter())
    failures = [failure for _, found in shares for failure in found]
    for target in sorted({name for name, _ in classes}):
        counts = {kind: n for (name, kind), n in classes.items() if name == target}
        print(f"{target:14} " + ", ".join(f"{kind} {n:,}" for kind, n in sorted(counts.items())))
    print(f"{classes.total():,} inputs, {sum(n for (_, kind), n in classes.items() if kind in FAILURES):,} failures")
    asked.out.parent.mkdir(parents=True, exist_ok=True)
    asked.out.write_text(json.dumps(failures, indent=1), "utf-8")
    if failures:
        print(f"{len(failures)} kinds of failure in {asked.out}", file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
