"""``Case``: a question about a step with every blank filled, and ``Change``: one thing to do otherwise."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from mfu_planner.errors import InputError
from mfu_planner.machine.constants import Machine, Stack
from mfu_planner.machine.memory import MemoryConstants
from mfu_planner.machine.optimizers import optimizer_bytes
from mfu_planner.numeric import Number
from mfu_planner.operators import Layout, Workload
from mfu_planner.step.division import Division, divide

if TYPE_CHECKING:
    from mfu_planner.architectures import Architecture
    from mfu_planner.machine.own_stack import OwnStack

NETWORK = "network"
"""The constant of a change that stands for the rate between nodes: bytes per second, and its starts beside it."""


@dataclass(frozen=True)
class Change:
    """One thing to do otherwise: flags of the question, and constants of the machine or stack."""

    text: str
    knob: str = ""
    """Changes of one knob exclude each other."""
    question: Mapping[str, Any] = field(default_factory=dict)
    """Flags of ``mfu-planner predict`` that are given another value; None: left out."""
    constants: Mapping[str, float] = field(default_factory=dict)
    """Constant of :class:`~mfu_planner.machine.constants.Stack` (or :data:`NETWORK`) → factor."""
    fixed: Mapping[str, float] = field(default_factory=dict)
    """Constant → new value."""
    effort: str = "low"
    risk: str = "none known"
    cause: str = ""
    """The cause that all of its savings speak of, where the parts that shrink would mislead: a shorter step has a
    shorter bubble too."""
    causes: Mapping[str, str] = field(default_factory=dict)
    """Part → cause, where this change shows another cause than the part's usual one."""
    names_cause: bool = True
    """Whether what it saves counts as a cause (a narrower number format is an opportunity, no fault)."""
    kind: str = "fix"
    """fix, measure, other-hardware or changes-the-experiment."""


@dataclass(frozen=True, kw_only=True)
class Said:
    """What stands beside a case's numbers in an answer."""

    echo: Mapping[str, Any] = field(default_factory=dict)
    """Every flag, defaults filled in."""
    assumptions: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    sources: Mapping[str, str] = field(default_factory=dict)
    """Where peak, length and constants come from."""
    device_facts: Mapping[str, Any] = field(default_factory=dict)
    """What one device is, where it is a part of what people count."""
    given: Mapping[str, Any] = field(default_factory=dict)
    """The flags that were given."""
    own: OwnStack | None = None
    """The user's calibrated stack behind the constants."""
    reader: Callable[[Mapping[str, Any]], Case] | None = None
    """What makes a case of flags."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """A question with every blank filled; sizes, degrees and constants are numbers, arrays, or what counts alike."""

    architecture: Architecture
    """With frozen parts and adapters already marked."""
    work: Workload
    """The batch of one step."""
    layout: Layout
    machine: Machine
    stack: Stack
    memory: MemoryConstants
    optimizer: str = "adam"
    state_bytes: Number | None = None
    """Optimizer states and master weight of one parameter [byte]; None: what is known of the optimizer."""
    loader_tokens_per_s: float | None = None
    """What the input pipeline delivers [work unit/s]; None: always enough."""
    said: Said = Said()

    @property
    def devices(self) -> Number:
        """Devices in all."""
        return self.layout.devices

    @cached_property
    def division(self) -> Division:
        """The model as a pipeline divides it."""
        return division_of(self.architecture)

    @cached_property
    def device_work(self) -> Workload:
        """One micro-batch on one device: 1/CP of its rows."""
        work, batch = self.work, self.layout.micro_batch / self.layout.cp
        packed = tuple((length, count * batch / work.batch) for length, count in work.documents)
        return replace(work, batch=batch, allowed_pairs_only=True, documents=packed, whole_batch=work.batch)

    @property
    def optimizer_bytes(self) -> Number:
        """Optimizer states and master weight of one parameter [byte]."""
        return optimizer_bytes(self.optimizer) if self.state_bytes is None else self.state_bytes

    def at(self, layout: Layout) -> Case:
        """The same question about another layout, or a grid of them."""
        return replace(self, layout=layout)

    def changed(self, *changes: Change) -> Case:
        """The case after some changes, all at once.

        Raises
        ------
        InputError
            Changes that give one flag different values, or a combination that no run can have.
        """
        flags: dict[str, Any] = {}
        for change in changes:
            for name, value in change.question.items():
                if name in flags and flags[name] != value:
                    raise InputError(name.replace("_", "-"), value, f"one value: another change sets {flags[name]}")
                flags[name] = value
        case = self
        if flags:
            if self.said.reader is None:
                raise InputError(
                    "changes", next(iter(flags)), "changes of constants: this case was not read from flags"
                )
            case = self.said.reader({n: v for n, v in {**self.said.given, **flags}.items() if v is not None})
        for change in changes:
            case = case.tuned(change.constants, change.fixed)
        return case

    def tuned(self, scale: Mapping[str, float], fixed: Mapping[str, float] | None = None) -> Case:
        """The case with constants of its stack or network multiplied, or set."""
        if not scale and not fixed:
            return self
        known = {f.name for f in fields(Stack)}
        values = {name: getattr(self.stack, name) * factor for name, factor in scale.items() if name in known}
        machine = self.machine
        if NETWORK in scale:
            network, fabric = scale[NETWORK], machine.fabric
            faster = max(network, 1.0)
            wire = fabric.nic_bytes_per_s * network
            fabric = replace(fabric, nic_bytes_per_s=wire, start_s=fabric.start_s / faster, hop_s=fabric.hop_s / faster)
            machine = replace(machine, fabric=fabric)
        return replace(self, stack=replace(self.stack, **{**values, **(fixed or {})}), machine=machine)


_DIVISIONS: dict[int, tuple[Any, Division]] = {}
_MOST_DIVISIONS = 256


def division_of(architecture: Architecture) -> Division:
    """A model's division, remembered for the very same model."""
    held = _DIVISIONS.get(id(architecture))
    if held is None:
        if len(_DIVISIONS) >= _MOST_DIVISIONS:
            _DIVISIONS.clear()
        held = _DIVISIONS[id(architecture)] = (architecture, divide(architecture))
    return held[1]
