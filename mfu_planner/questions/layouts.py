"""Questions on a layout: predict, memory, search."""

from typing import Annotated, Any, ClassVar, Literal

from mfu_planner.questions.ask import Ask
from mfu_planner.questions.layout_parts import LayoutPart, NetworkPart, PlacePart, StackPart
from mfu_planner.questions.parts import (
    DEADLINE,
    BatchPart,
    ExplainPart,
    FormatPart,
    HardwarePart,
    ModelPart,
    MoneyPart,
    TargetPart,
    TrainingPart,
    WayPart,
)
from mfu_planner.questions.question import Question


class Layouted(
    ModelPart, TargetPart, TrainingPart, FormatPart, BatchPart, LayoutPart, NetworkPart, StackPart, Question
):
    """A model laid out over devices: what predict, memory and search share."""


class PredictQuestion(Layouted, HardwarePart, PlacePart, ExplainPart):
    """Step time and MFU that a layout will reach."""

    command: ClassVar[str] = "predict"
    loader_tokens_per_s: Annotated[float | None, Ask("token_per_s", "Input pipeline", "'2M token/s'", "Network")] = None
    """What the input pipeline delivers, such as '2M token/s'. Empty: enough."""


class MemoryQuestion(Layouted, HardwarePart, PlacePart, WayPart):
    """Bytes per device for a layout."""

    command: ClassVar[str] = "memory"
    fit: Annotated[bool, Ask("flag", "Fewest devices", "", "Answer")] = False
    """Find the fewest devices that hold it, in place of a number of devices."""


class SearchQuestion(Layouted, MoneyPart, WayPart):
    """The best layouts of a model on a cluster."""

    command: ClassVar[str] = "search"
    hardware: Annotated[
        Any,
        Ask("names", "Hardware", "h100-sxm,b200", "Hardware", aliases=("gpu", "gpu_type", "accelerator"), many=True),
    ] = None
    """One accelerator, or several to compare: h100-sxm,b200."""
    devices: Annotated[
        Any,
        Ask(
            "devices",
            "Devices",
            "256,512",
            "Hardware",
            aliases=("gpus", "num_gpus", "num_devices"),
            worded=(("nodes", "nodes"), ("num_nodes", "nodes")),
            many=True,
        ),
    ] = None
    """How many, or several to compare: 256,512."""
    machine: Annotated[Any, Ask("path", "Measured machine", "machine.yaml", "Hardware")] = None
    """Your own machine as it was measured, in place of a name: the machine.yaml of mfu-planner probe."""
    cluster: Annotated[Any, Ask("names", "Machine", "aws-p5", "Network", many=True)] = None
    """Node or instance on file, with its network, or several to compare. Empty: the accelerator's usual one."""
    rank: Annotated[Literal["time", "cost", "devices"] | None, Ask("choice", "Best by", "cost", "Answer")] = None
    """What is best. Empty: time."""
    space: Annotated[Literal["usual", "whole"] | None, Ask("choice", "Space", "usual", "Answer")] = None
    """usual leaves out sharding groups, offload and part recomputation. Empty: whole."""
    top: Annotated[int | None, Ask("count", "Rows", "10", "Answer")] = None
    """How many layouts to show. Empty: 10."""
    tokens: Annotated[float | None, Ask("token", "Tokens", "2T", "Run")] = None
    """Training tokens: gives time and cost of the whole run."""
    goodput: Annotated[float | None, Ask("fraction", "Goodput", "95%", "Run")] = None
    """Productive share of the wall clock: failures, restarts and checkpoints take the rest."""
    deadline: Annotated[float | None, DEADLINE] = None
    """Latest end of the run, such as 30d or 8 weeks; beside the tokens."""
