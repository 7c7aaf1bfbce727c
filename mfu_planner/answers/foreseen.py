"""How fast a plan's run will be, where nobody says: a predicted step, or what similar published runs reached."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mfu_planner.errors import InputError
from mfu_planner.questions.layout_parts import LayoutPart, NetworkPart, PlacePart, StackPart
from mfu_planner.questions.question import fields_of
from mfu_planner.run.frozen import Frozen

if TYPE_CHECKING:
    from mfu_planner.questions.runs import PlanQuestion
    from mfu_planner.questions.subject import Subject

LAID_OUT = tuple(n for n in fields_of(LayoutPart, PlacePart, NetworkPart, StackPart) if n != "devices_per_node")
"""The fields of a plan that say how a predicted step is laid out."""
_RATES = ("mfu", "tokens_per_second", "tokens_per_second_per_device", "flops_per_second_per_device")
"""What says how fast the run is; a prediction is asked in their place."""
_OF_THE_ANSWER = ("convention", "explain")


class Foreseen(Frozen):
    """A predicted step that a plan stands on."""

    searched: bool
    """Whether a search chose the layout, or the user gave it."""
    command: str
    """The command that repeats the prediction."""
    step_time_s: float
    mfu: float
    mfu_low: float
    mfu_high: float
    training_time_s_low: float
    """Of the plan, at the high MFU."""
    training_time_s_high: float
    basis: str
    """Where the range comes from."""


def refuse_unused(s: PlanQuestion) -> None:
    """Raise where a layout is given and no prediction asked for, or a prediction beside an observed rate.

    Raises
    ------
    InputError
        One of the two.
    """
    if not s.predict:
        for name in LAID_OUT:
            if getattr(s, name) is not None:
                raise InputError(name.replace("_", "-"), getattr(s, name), "a layout beside --predict")
        return
    for name in _RATES:
        if getattr(s, name) is not None:
            raise InputError("predict", name.replace("_", "-"), "no rate beside it: a prediction says how fast it is")


@dataclass(frozen=True, slots=True)
class PredictedStep:
    """A predicted step, before the plan that stands on it is known."""

    rate: float
    """Model FLOP/s of one device, under the plan's convention."""
    searched: bool
    command: str
    step_time_s: float
    low: float
    """The range, as factors on the step's time."""
    high: float
    basis: str

    def under(self, mfu: float, training_time_s: float) -> Foreseen:
        """With the figures of the plan that it gave."""
        return Foreseen(
            searched=self.searched,
            command=self.command,
            step_time_s=self.step_time_s,
            mfu=mfu,
            mfu_low=mfu / self.high,
            mfu_high=mfu / self.low,
            training_time_s_low=training_time_s * self.low,
            training_time_s_high=training_time_s * self.high,
            basis=self.basis,
        )


def predicted_step(s: PlanQuestion, subject: Subject) -> PredictedStep:
    """The step of the layout that is given, else of the best one that a search finds.

    Raises
    ------
    InputError
        A prediction needs more: devices, a global batch, a model with layers.
    NoAnswer
        No layout fits.
    """
    from mfu_planner import search
    from mfu_planner.answers.predict import predict
    from mfu_planner.questions.command import command_of
    from mfu_planner.questions.layouts import PredictQuestion

    if subject.model is None or subject.model.architecture is None:
        raise InputError("predict", "no model", "a --model or --config beside it: a step is made of its layers")
    for name, known in (("hardware", s.hardware), ("devices", subject.devices), ("global_batch", s.global_batch)):
        if known is None:
            raise InputError(name.replace("_", "-"), "nothing", "a value: a predicted step depends on it")
    asked = {n: getattr(s, n) for n in fields_of(PredictQuestion) if n not in _OF_THE_ANSWER and s.says(n)}
    asked["devices"] = subject.devices
    laid_out = any(s.says(n) for n in fields_of(LayoutPart))
    question = asked if laid_out else search(**asked, top=1).layouts[0]["question"]
    found = predict(**question, convention=subject.convention)
    low, high = (float(found.range[end]) / found.step_time_s for end in ("low", "high"))
    rate, command = found.achieved_flops_per_s_per_device, command_of("predict", question)
    return PredictedStep(rate, not laid_out, command, found.step_time_s, low, high, str(found.range["basis"]))
