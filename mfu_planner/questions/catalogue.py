"""Questions on what is on file: hardware, models, published runs."""

from typing import Annotated, Any, ClassVar, Literal

from mfu_planner.questions.ask import Ask
from mfu_planner.questions.question import Question


class HardwareQuestion(Question):
    """The accelerator catalogue."""

    command: ClassVar[str] = "hardware"
    names: Annotated[tuple[str, ...], Ask("path", "Name", "h100-sxm", "Hardware", many=True, argument=True)] = ()
    """Accelerators or clusters; one is shown with every source, several side by side."""
    compare: Annotated[bool, Ask("flag", "Compare", "", "Hardware")] = False
    """Side by side: hardware --compare h100-sxm b200 mi300x."""
    dtype: Annotated[str, Ask("format", "Number format", "bf16", "Hardware", aliases=("precision",))] = "bf16"
    """Number format to compare in. Default: bf16."""
    vendor: Annotated[str | None, Ask("name", "Vendor", "NVIDIA", "Hardware")] = None
    """List only this vendor."""
    clusters: Annotated[bool, Ask("flag", "Clusters", "", "Hardware")] = False
    """List nodes, racks, cloud instances and pods (with a name: that one)."""
    template: Annotated[
        Literal["accelerator", "cluster"] | None, Ask("choice", "Template", "accelerator", "Hardware")
    ] = None
    """A commented file to describe your own."""
    mfu: Annotated[float, Ask("fraction", "MFU", "40%", "Money")] = 0.4
    """MFU for the cost of useful work. Default: 40%."""
    as_of: Annotated[str | None, Ask("date", "Prices of", "2026-01-31", "Money")] = None
    """Use the prices of this date, such as 2026-01-31."""


class ModelsQuestion(Question):
    """The model presets."""

    command: ClassVar[str] = "models"
    name: Annotated[tuple[str, ...], Ask("path", "Name", "llama-3.1-8b", "Model", many=True, argument=True)] = ()
    """One of them, with its config and source."""
    family: Annotated[str | None, Ask("name", "Family", "llama", "Model")] = None
    """Only this family."""


class BacktestQuestion(Question):
    """Predictions against published runs."""

    command: ClassVar[str] = "backtest"
    kind: Annotated[Literal["step-time", "mfu", "memory", "total"], Ask("choice", "Kind", "step-time", "Evidence")] = (
        "step-time"
    )
    """Which prediction is held against published runs. Default: step-time."""
    runs: Annotated[str | None, Ask("path", "Runs", "my-runs.csv", "Evidence")] = None
    """Runs to test against. Left out: the published runs that ship."""
    row: Annotated[str | None, Ask("name", "Row", "llmf-004", "Evidence")] = None
    """One run: its answer, and the command that asks for it."""
    leave_one_source_out: Annotated[bool, Ask("flag", "Leave one source out", "", "Evidence")] = False
    """Each source by constants and ranges that were fitted without any row of it: what a stranger can expect."""
    default_stack: Annotated[bool, Ask("flag", "Default stack", "", "Evidence")] = False
    """As one who names no stack asks, beside the error with the row's own."""
    calibrate: Annotated[int | None, Ask("count", "Own runs", "5", "Evidence")] = None
    """So many rows of each source calibrate, chosen before their times are looked at; the others are judged."""
    stack: Annotated[Any, Ask("name or path", "Software stack", "stack.yaml", "Evidence")] = None
    """This stack in place of each row's: a name, or your own stack.yaml."""
    machine: Annotated[Any, Ask("name or path", "Machine file", "machine.yaml", "Evidence")] = None
    """What was measured on your own machine, in place of what is on file of each row's device."""
    explain: Annotated[bool, Ask("flag", "Explain", "", "Answer")] = False
    """Every assumption and every source."""
