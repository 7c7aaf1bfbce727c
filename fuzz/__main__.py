"""``make fuzz``: seeded inputs in bounded time, counted by class; failures are written down with their seed.

python -m fuzz --seconds 600 --jobs 2          # seeds 1, 2, ...: one for each process
python -m fuzz --seed 7 --only log --count 5000
"""

from __future__ import annotations

import argparse
import csv
import datetime as dt
import json
import sys
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from fuzz.share import FAILURES, work
from fuzz.targets import TARGETS


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
    parser.add_argument("--out", type=Path, default=Path("build/fuzz.json"), help="where failures are written")
    parser.add_argument("--figures", type=Path, help="a CSV that gets a row for this run")
    asked = parser.parse_args()
    seeds = range(asked.seed, asked.seed + asked.jobs)
    if asked.jobs == 1:
        shares = [work(asked.seed, asked.only, asked.count, asked.seconds)]
    else:
        with ProcessPoolExecutor(asked.jobs) as pool:
            same = [[value] * asked.jobs for value in (asked.only, asked.count, asked.seconds)]
            shares = list(pool.map(work, seeds, *same))
    classes: Counter[tuple[str, str]] = sum((share.classes for share in shares), Counter())
    spent = sum(share.seconds for share in shares)
    failures = [failure for share in shares for failure in share.failures]
    for target in sorted({name for name, _ in classes}):
        counts = {kind: n for (name, kind), n in classes.items() if name == target}
        print(f"{target:14} " + ", ".join(f"{kind} {n:,}" for kind, n in sorted(counts.items())))
    bad = sum(n for (_, kind), n in classes.items() if kind in FAILURES)
    print(f"{classes.total():,} inputs, {bad:,} failures, {spent / 60:.1f} minutes of a processor")
    asked.out.parent.mkdir(parents=True, exist_ok=True)
    asked.out.write_text(json.dumps(failures, indent=1, default=repr), "utf-8")
    if asked.figures is not None:
        _note(asked.figures, str(seeds[0]) if len(seeds) == 1 else f"{seeds[0]}-{seeds[-1]}", classes, spent)
    if failures:
        print(f"{len(failures)} kinds of failure in {asked.out}", file=sys.stderr)
    return 1 if failures else 0


def _note(path: Path, seeds: str, classes: Counter[tuple[str, str]], seconds: float) -> None:
    """Add this run to a table of runs."""
    kinds: Counter[str] = Counter()
    for (_, kind), n in classes.items():
        kinds[kind] += n
    row = {
        "date": dt.datetime.now(dt.UTC).date().isoformat(), "seeds": seeds, "inputs": classes.total(),
        "processor_s": round(seconds), **{kind: kinds[kind] for kind in ("answered", "refused", *FAILURES)},
    }  # fmt: skip
    fresh = not path.exists()
    with path.open("a", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(row), lineterminator="\n")
        if fresh:
            writer.writeheader()
        writer.writerow(row)


if __name__ == "__main__":
    sys.exit(main())
