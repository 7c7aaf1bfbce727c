"""A stack calibrated on the user's own runs: a base stack, and a few factors on it (``stack.yaml``)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from mfu_planner.errors import InputError, nearest
from mfu_planner.machine.calibrated import stack_names
from mfu_planner.machine.multipliers import multipliers
from mfu_planner.machine.own_file import content, is_file_name

if TYPE_CHECKING:
    from mfu_planner.machine.own_stack_file import EvidenceSpec, StackFile

SWITCHES = ("fused_attention", "dropout", "scatter_sends", "balanced_stages", "zero_stage", "sequence_parallel")
"""Constants that a calibration states rather than multiplies."""
_ACCEPTED = "the path of a stack.yaml (mfu-planner calibrate writes one)"


@dataclass(frozen=True, eq=False)
class OwnStack:
    """What a ``stack.yaml`` says; equal to another of the same content."""

    digest: str
    """SHA-256 of the file."""
    name: str
    base: str
    """The stack on file that the factors apply to."""
    machine: str | None
    """SHA-256 of the machine file that it was fitted with."""
    switches: Mapping[str, Any]
    """Constant of the stack → its value here."""
    times: Mapping[str, float]
    """Factor by name (:mod:`mfu_planner.machine.multipliers`)."""
    evidence: EvidenceSpec | None
    """The runs behind it."""

    def __hash__(self) -> int:
        """Of the content."""
        return hash(self.digest)

    def __eq__(self, other: object) -> bool:
        """Whether the content is the same."""
        return isinstance(other, OwnStack) and other.digest == self.digest

    def meant_for(self, machine: str | None) -> None:
        """Refuse another machine file than the one that it was fitted with.

        Raises
        ------
        InputError
            The digests differ, or one of both is missing.
        """
        if machine == self.machine:
            return
        wanted = "no --machine" if self.machine is None else f"the machine file of SHA-256 {self.machine[:12]}…"
        given = "none" if machine is None else f"a file of SHA-256 {machine[:12]}…"
        raise InputError("machine", given, f"{wanted}: the stack {self.name} was calibrated with it; calibrate again")


def read_stack(given: Any) -> OwnStack | None:
    """The user's stack that a value of ``--stack`` names; None for the name of one on file.

    Raises
    ------
    InputError
        Neither a known name nor a stack file.
    """
    if isinstance(given, str) and given in stack_names():
        return None
    if not is_file_name(given):
        accepted = f"{', '.join(stack_names())}, or {_ACCEPTED}"
        raise InputError("stack", given, accepted, nearest(str(given), stack_names()))
    return _parsed(*content(given, "stack", _ACCEPTED))


@lru_cache(maxsize=64)
def _parsed(text: str, digest: str, where: str) -> OwnStack:
    from mfu_planner.facts import check, load_text
    from mfu_planner.machine.own_stack_file import StackFile

    held: StackFile = check(StackFile, load_text(text, where), where)
    _known(where, "base", (held.base,), stack_names())
    _known(where, "constants", held.constants, tuple(multipliers()))
    _known(where, "switches", held.switches, SWITCHES)
    return OwnStack(
        digest=digest,
        name=held.name,
        base=held.base,
        machine=held.machine,
        switches=dict(held.switches),
        times={name: each.times for name, each in held.constants.items()},
        evidence=held.evidence,
    )


def _known(where: str, key: str, given: Any, names: tuple[str, ...]) -> None:
    for name in given:
        if name not in names:
            raise InputError(f"{where}: {key}", name, ", ".join(names), nearest(name, names))
