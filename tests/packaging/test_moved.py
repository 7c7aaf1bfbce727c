"""Names of before still import, and say where they are now."""

from __future__ import annotations

import sys
from importlib import import_module

import pytest

from mfu_planner.moved import MOVED


@pytest.mark.parametrize("old", sorted(MOVED))
def test_a_moved_module_imports_under_its_old_name(old: str) -> None:
    """With a warning that names the new home, and the same objects in it."""
    sys.modules.pop(f"mfu_planner.{old}", None)
    with pytest.warns(DeprecationWarning, match="mfu_planner") as told:  # a part's parent may speak, too
        module = import_module(f"mfu_planner.{old}")
    assert any(f"mfu_planner.{MOVED[old]}" in str(one.message) for one in told)
    new = import_module(f"mfu_planner.{MOVED[old]}")
    public = [name for name in vars(new) if not name.startswith("_")]

    assert public
    assert all(getattr(module, name) is getattr(new, name) for name in public)


def test_what_never_was_is_no_module() -> None:
    """No name is made up."""
    with pytest.raises(ModuleNotFoundError):
        import_module("mfu_planner.prediction.nothing")
