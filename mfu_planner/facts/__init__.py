"""Facts are data: YAML and JSON folders beside the package, read strictly.

YAML and pydantic are imported when a fact file is first read; most callers need ``folder`` alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mfu_planner.facts._folders import folder
from mfu_planner.later import later

if TYPE_CHECKING:
    from mfu_planner.facts._model import Source, Spec, check, read
    from mfu_planner.facts._shipped import intact, shipped_json
    from mfu_planner.facts._user_file import open_file
    from mfu_planner.facts._yaml import load_file, load_text

_HOMES = {
    "Source": "_model",
    "Spec": "_model",
    "check": "_model",
    "intact": "_shipped",
    "load_file": "_yaml",
    "load_text": "_yaml",
    "open_file": "_user_file",
    "read": "_model",
    "shipped_json": "_shipped",
}

__all__ = ["Source", "Spec", "check", "folder", "intact", "load_file", "load_text", "open_file", "read", "shipped_json"]

__getattr__ = later(__name__, _HOMES)
