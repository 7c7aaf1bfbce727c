"""``python docs/_build``: is every generated region and every example's output fresh?  ``--write`` makes it so."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from examples import ExampleError, rerun
from regions import fill
from sources import ROOT, pages, sketches


def fresh(path: Path) -> str:
    """The page as it should be: regions written anew, examples run again."""
    return rerun(fill(path.read_text("utf-8")), ROOT, sketches=sketches(path))


def main(arguments: Sequence[str]) -> int:
    """Check or write the pages that are named, or all of them; the exit status is the number of stale or failing."""
    named = [Path(a).resolve() for a in arguments if not a.startswith("-")]
    bad = 0
    for path in named or pages():
        shown = path.relative_to(ROOT)
        try:
            text = fresh(path)
        except ExampleError as error:
            print(f"{shown}: {error}", file=sys.stderr)
            bad += 1
            continue
        if text == path.read_text("utf-8"):
            continue
        if "--write" in arguments:
            path.write_text(text, "utf-8")
            print(f"wrote {shown}")
        else:
            print(f"{shown} is stale: python docs/_build --write", file=sys.stderr)
            bad += 1
    return bad


if __name__ == "__main__":
    sys.exit(min(main(sys.argv[1:]), 1))
