"""Questions on a run as a whole: plan, mfu, flops."""

from collections.abc import Mapping
from typing import Annotated, ClassVar

from mfu_planner.questions.ask import Ask
from mfu_planner.questions.layout_parts import AgainPart, LayoutPart, NetworkPart, PlacePart, StackPart
from mfu_planner.questions.parts import (
    DEADLINE,
    BatchPart,
    ConventionPart,
    ExplainPart,
    FormatPart,
    HardwarePart,
    ModelPart,
    MoneyPart,
    NodePart,
    ObservedPart,
    PeakPart,
    RatePart,
    SizePart,
    TargetPart,
    TrainingPart,
)
from mfu_planner.questions.question import Question


class Worked(ModelPart, SizePart, TargetPart, TrainingPart, Question):
    """A model whose work per token can be counted."""


class Run(Worked, HardwarePart, FormatPart, NodePart, PeakPart, ConventionPart):
    """A model on hardware: what every question on a run's MFU shares."""


class PlanQuestion(Run, BatchPart, RatePart, LayoutPart, PlacePart, NetworkPart, StackPart, MoneyPart, ExplainPart):
    """Time, device-hours, cost and energy of a training run."""

    command: ClassVar[str] = "plan"
    beside: ClassVar[Mapping[str, str]] = dict.fromkeys(("Layout", "Network"), "--predict")
    tokens: Annotated[
        float | None, Ask("token", "Tokens", "15.6T", "Run", worded=(("samples", "samples"),), stage=True)
    ] = None
    """Training tokens, such as 15.6T. Empty: solved for."""
    epochs: Annotated[float | None, Ask("number", "Epochs", "3", "Run", aliases=("num_epochs", "num_train_epochs"))] = (
        None
    )
    """How often the tokens or samples are trained on. Empty: once."""
    mfu: Annotated[float | None, Ask("fraction", "MFU", "40%", "Run", stage=True)] = None
    """Of productive step time, such as 40%. Empty: solved for."""
    predict: Annotated[bool, Ask("flag", "Predicted MFU", "", "Run")] = False
    """The MFU of a predicted step: of the layout that is given, else of the best one that a search finds."""
    optimal: Annotated[str | None, Ask("name", "Compute-optimal", "chinchilla", "Run")] = None
    """Scaling law, such as chinchilla: gives the tokens of a model, or both out of devices, time and money."""
    goodput: Annotated[float | None, Ask("fraction", "Goodput", "95%", "Run", stage=True)] = None
    """Productive share of the wall clock: failures, restarts and checkpoints take the rest."""
    deadline: Annotated[float | None, DEADLINE] = None
    """Latest end of the run, such as 30d or 8 weeks."""
    budget: Annotated[float | None, Ask("usd", "Budget", "'$2M'", "Money")] = None
    """The most that the device time may cost."""
    pue: Annotated[float | None, Ask("number", "PUE", "1.2", "Money", limits=(1.0, float("inf")))] = None
    """Power usage effectiveness of the site: energy at the meter ÷ energy of the devices."""
    grid: Annotated[str | None, Ask("name", "Electricity of", "france", "Money")] = None
    """For CO₂: the country whose average electricity is used. Empty: the world."""


class MeasureQuestion(Run, BatchPart, ObservedPart, AgainPart, MoneyPart, ExplainPart):
    """MFU and HFU from an observed throughput."""

    command: ClassVar[str] = "mfu"


class FlopsQuestion(Worked, ExplainPart):
    """A model's parameters and FLOPs."""

    command: ClassVar[str] = "flops"
    batch: Annotated[int, Ask("count", "Batch", "4", "Model")] = 1
    """Sequences; packed documents say it themselves. Default: 1."""
    symbolic: Annotated[bool, Ask("flag", "Formulas", "", "Answer")] = False
    """Show the formulas in the field's letters, derived from the operators."""
