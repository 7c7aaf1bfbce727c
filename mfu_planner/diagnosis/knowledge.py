"""The constants of a diagnosis (``calibration/diagnosis.yaml``)."""

from __future__ import annotations

from functools import cache
from typing import Any


@cache
def knowledge() -> dict[str, Any]:
    """Everything in ``calibration/diagnosis.yaml``."""
    from mfu_planner.facts import folder, load_file

    held = load_file(folder("calibration") / "diagnosis.yaml")
    assert isinstance(held, dict)
    return held


def framework_stack(framework: str) -> str | None:
    """The software stack whose constants stand for a framework."""
    found = knowledge()["framework_stacks"].get(framework.lower().replace("_", "-"))
    return None if found is None else str(found)
