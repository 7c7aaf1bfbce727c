"""What a question says, or leaves unsaid, that its model or its device does not have."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from mfu_planner.errors import InputError
from mfu_planner.operators import Lookup, Role
from mfu_planner.questions.question import Question

if TYPE_CHECKING:
    from mfu_planner.architectures import Architecture
    from mfu_planner.hardware import Accelerator

Asked = TypeVar("Asked", bound=Question)


def in_its_format(s: Asked, accelerator: Accelerator, warnings: list[str]) -> Asked:
    """The question in the device's one format, where it names none and the device has not the usual one.

    Raises
    ------
    InputError
        The device has several others: one of them must be named.
    """
    known = [name for name, peak in accelerator.peak.items() if peak.dense is not None]
    usual = str(getattr(s, "dtype", ""))
    if s.says("dtype") or usual in known or not known:
        return s
    if len(known) > 1:
        raise InputError("dtype", "nothing", f"one of {', '.join(known)}: {accelerator.name} has no {usual} peak")
    warnings.append(f"dtype {known[0]}: the only format of {accelerator.name}")
    return s.changed(dtype=known[0])


def beyond_learned(length: int | None, architecture: Architecture, name: str) -> list[str]:
    """What is odd about a length that the model's table of learned positions does not reach."""
    from mfu_planner.architectures.parts import LEARNED_POSITIONS

    tables = [
        op.entries
        for _, op in architecture.each()
        if isinstance(op, Lookup) and op.role is Role.POSITION and op.name == LEARNED_POSITIONS
    ]
    if length is None or not tables or length <= min(tables):
        return []
    return [
        f"seq_len {length:,} is beyond the {min(tables):,} learned positions of {name}, whose table is counted as it "
        "is: a model of that length has another config (--config)"
    ]


def refuse_experts(s: Question, experts: int, name: str) -> None:
    """Refuse what only a mixture of experts has, beside a dense model.

    Raises
    ------
    InputError
        ``ep``, ``etp`` or ``expert_imbalance`` other than one, and no experts.
    """
    for field in ("ep", "etp", "expert_imbalance"):
        value = getattr(s, field)
        if value not in (None, 1) and not experts:
            raise InputError(field.replace("_", "-"), value, f"nothing: {name} has no experts")
