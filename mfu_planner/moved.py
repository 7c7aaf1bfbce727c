"""Modules under their names of before: importable for one release, with a warning that says where they are now."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Sequence
from importlib import import_module
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

_HOME = "mfu_planner"
_PACKAGES = ("prediction", "footprint", "layout")
MOVED = {
    "carbon": "hardware.carbon",
    "costs": "answers.costs",
    "device_count": "questions.device_count",
    "equations": "run",
    "equations.run": "run.relations",
    "equations.show": "run.show",
    "equations.solve": "run.solve",
    "limits": "run.limits",
    "measuring": "answers.measure",
    "planning": "answers.plan",
    "ranges": "answers.ranges",
    "results": "answers.results",
    "sanity": "answers.sanity",
    "scaling": "run.scaling",
    "suggestions": "answers.suggest",
    "sweeps": "answers.sweep",
    "verdict": "answers.verdict",
    "work": "answers.flops",
    "footprint.activations": "step.memory",
    "footprint.calibrated": "machine.memory",
    "footprint.device": "step.memory",
    "footprint.report": "answers.memory",
    "footprint.result": "answers.footprint",
    "footprint.states": "machine.optimizers",
    "layout.flags": "questions.flags",
    "layout.request": "questions.request",
    "layout.calibrated": "machine.calibrated",
    "layout.constants": "machine.constants",
    "layout.layout": "operators.layout",
    "layout.schedules": "step.schedules",
    "layout.stages": "step.stages",
    "layout.toolbox": "machine.toolbox",
    "lettered": "questions.lettered",
    "model": "questions.model",
    "planfile": "answers.planfile",
    "prediction.collectives": "step.collectives",
    "prediction.counted": "step.flops",
    "prediction.exchange": "step.exchange",
    "prediction.job": "run.goodput",
    "prediction.kernels": "step.kernels",
    "prediction.pipeline": "step.pipeline",
    "prediction.predicting": "answers.predict",
    "prediction.products": "step.kernels",
    "prediction.result": "answers.prediction",
    "prediction.step": "step.evaluate",
    "schedule": "step.picture",
    "subject": "questions.subject",
    "training": "questions.training",
    "work_units": "questions.work_units",
}
"""Old name → new one, both below the package."""


class _Finder:
    """Finds old names after everything else has failed; finder and loader without their base classes, which are slow to
    import."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """A spec for a moved module, or for the package that held it."""
        del path, target
        name = fullname.removeprefix(f"{_HOME}.")
        if name in MOVED or name in _PACKAGES:
            loader: Any = self
            return ModuleSpec(fullname, loader, is_package=name in _PACKAGES or name == "equations")
        return None

    def create_module(self, spec: ModuleSpec) -> None:
        """The usual module."""
        del spec

    def exec_module(self, module: ModuleType) -> None:
        """Fill the old name with what its new home holds."""
        new = MOVED.get(module.__name__.removeprefix(f"{_HOME}."))
        if new is None:
            return
        warnings.warn(f"{module.__name__} is {_HOME}.{new} now", DeprecationWarning, stacklevel=2)
        found = vars(import_module(f"{_HOME}.{new}"))
        vars(module).update({name: value for name, value in found.items() if not name.startswith("__")})


def keep_old_names() -> None:
    """Make old names importable."""
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.append(_Finder())
