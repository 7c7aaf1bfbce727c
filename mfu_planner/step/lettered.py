"""A case whose sizes, degrees and constants are letters: the same step, with the formulas behind its numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from mfu_planner.facts import folder, load_file
from mfu_planner.numeric.letters import Symbol, letter

if TYPE_CHECKING:
    from mfu_planner.architectures import Architecture
    from mfu_planner.architectures.lettering import Letters
    from mfu_planner.operators import Workload
    from mfu_planner.step.case import Case

T = TypeVar("T")
_SWITCHES = (
    "fused_attention", "balanced_stages", "scatter_sends", "dropout", "sequence_parallel", "zero_stage",
    "low_precision",
)  # fmt: skip
"""Constants that choose between formulas, and enter none."""
_ALWAYS = ("dp", "micro_batch", "micro_batches")
"""Degrees with a letter even where they are 1: every layout has them."""
_GROUPS = ("layout", "machine", "products", "links", "fabric", "stack", "optimizer", "memory")
"""In this order in a product, behind the letters of the model."""
_BEHIND = 300
_ORIGIN = {
    "products": "calibration/products.yaml",
    "links": "calibration/collectives.yaml",
    "fabric": "calibration/fabrics.yaml",
}


@cache
def _said() -> Mapping[str, Mapping[str, Mapping[str, Any]]]:
    """What each constant means, by group and name."""
    own: dict[str, Any] = load_file(Path(__file__).parent / "letters.yaml")
    fitted: dict[str, Any] = load_file(folder("calibration") / "meanings.yaml")
    return {**own, **fitted}


def _rank(group: str) -> int:
    return _BEHIND + _GROUPS.index(group)


def lettered(case: Case, architecture: Architecture, work: Workload, letters: Letters) -> Case:
    """A case with letters for the layout's degrees and the constants of machine, stack and memory.

    ``architecture``, ``work``: the case's own, with letters for its sizes, which ``letters`` holds.
    """
    symbols = _Symbols(letters, case)
    degrees = {
        name: symbols("layout", name, value)
        for name in _said()["layout"]
        if (value := getattr(case.layout, name)) not in (0, 1) or name in _ALWAYS
    }
    states = Symbol(
        "state_bytes",
        f"optimizer states and master weight of a parameter ({case.optimizer})",
        "byte",
        "calibration/memory.yaml",
        rank=_rank("optimizer"),
        count=False,
    )
    return replace(
        case,
        state_bytes=letter(case.optimizer_bytes, states),
        architecture=architecture,
        work=work,
        layout=replace(case.layout, **degrees),
        machine=symbols.all("machine", case.machine),
        stack=symbols.all("stack", case.stack),
        memory=symbols.all("memory", case.memory),
    )


class _Symbols:
    """The symbols of a case's constants; those of one letter and one value are one."""

    def __init__(self, letters: Letters, case: Case) -> None:
        self.letters, self.case = letters, case

    def __call__(self, group: str, name: str, value: Any, index: str = "") -> Any:
        said = _said()[group].get(name, {})
        symbol = Symbol(
            said.get("letter", name),
            said.get("means", said.get("meaning", name.replace("_", " "))),
            unit=said.get("unit", ""),
            source=self._source(group, name, said),
            rank=_rank(group),
            count=bool(said.get("count")),
        )
        return letter(value, self.letters.constant(symbol, value, index))

    def all(self, group: str, held: T, index: str = "") -> T:
        """A record of constants with letters in place of its numbers."""
        changed: dict[str, Any] = {}
        for each in fields(held):  # type: ignore[arg-type]
            value = getattr(held, each.name)
            if is_dataclass(value):
                inner = "fabric" if each.name == "fabric" else "products"
                changed[each.name] = self.all(inner, value, each.name.removesuffix("products").rstrip("_"))
            elif isinstance(value, dict):
                changed[each.name] = {k: self.all("links", link, k) for k, link in value.items()}
            elif isinstance(value, int | float) and value and self._shown(group, each.name, value):
                changed[each.name] = self(group, each.name, value, index)
        return replace(held, **changed)  # type: ignore[type-var]

    def _shown(self, group: str, name: str, value: Any) -> bool:
        known = group in ("stack", "memory") or name in _said()[group]
        return known and name not in _SWITCHES and not isinstance(value, bool)

    def _source(self, group: str, name: str, said: Mapping[str, Any]) -> str:
        sources = self.case.said.sources
        if said.get("source"):
            return str(said["source"])
        if group == "layout":
            return "given" if name in self.case.said.given else "default"
        if name in ("peak_flops_per_s", "wide_peak_flops_per_s"):
            return str(sources.get("peak_flops_per_s", "the catalogue"))
        if group == "stack":
            own = self.case.said.own
            return f"{'' if own is None else f'{own.name}, on '}calibration/stacks.yaml, {self.case.stack.name}"
        if group == "memory":
            return f"calibration/memory.yaml, {self.case.stack.name}"
        return _ORIGIN.get(group, f"the catalogue's {self.case.said.echo.get('hardware', 'device')}")
