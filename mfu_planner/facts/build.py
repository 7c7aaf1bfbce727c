"""``python -m mfu_planner.facts.build [--check]``: validate every fact and write what is generated from them.

With ``--check`` nothing is written: the exit status is 1 when a generated file is stale.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from mfu_planner.errors import PlannerError
from mfu_planner.facts import folder


def outputs() -> dict[Path, Callable[[], str]]:
    """Every generated file and the function that renders it."""
    from mfu_planner.hardware import _catalogue
    from mfu_planner.units import _everyday

    specs = folder("hardware_specs")
    return {
        _everyday.PATH: _everyday.render,
        **{specs / name: render for name, render in _catalogue.generated(specs).items()},
    }


def main(arguments: list[str] | None = None) -> int:
    """Run the build; returns the exit status."""
    check = "--check" in (sys.argv[1:] if arguments is None else arguments)
    stale = []
    try:
        for path, render in outputs().items():
            text = render()
            if not path.exists() or path.read_text("utf-8") != text:
                stale.append(path)
                if not check:
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_text(text, "utf-8")
    except PlannerError as error:
        print(error, file=sys.stderr)
        return 1
    for path in stale:
        print(f"{'stale' if check else 'written'}: {path}", file=sys.stderr)
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
