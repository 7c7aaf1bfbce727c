"""The answer to a plan: what was given, what follows, and what it costs."""

from __future__ import annotations

from pydantic import Field

from mfu_planner.answers.foreseen import Foreseen
from mfu_planner.answers.providers import AtProvider
from mfu_planner.answers.ranges import PlanRange
from mfu_planner.answers.results import OnDevices, Result
from mfu_planner.run.scaling import Suggestion


class Plan(OnDevices, Result):
    """A training run, closed: what was given and what follows."""

    solved_for: tuple[str, ...]
    """What was unknown."""
    training_time_s: float
    """Wall clock."""
    productive_time_s: float
    device_hours: float
    """Wall clock."""
    cost_usd: float | None
    energy_kwh: float | None
    """The devices' own at the meter: TDP × PUE × device-hours (host and network: ``energy``)."""
    energy: dict[str, float] | None = None
    """Of the whole site by part, kWh: device, host, network, cooling (PUE − 1 times the rest)."""
    energy_total_kwh: float | None = None
    """The sum of these parts."""
    co2_kg: dict[str, float] | None = None
    """CO₂ equivalent in the same parts, from the average electricity of ``grid``."""
    co2_total_kg: float | None = None
    """The sum of these parts."""
    grid: str | None = None
    """Whose electricity: a country, or the world."""
    gap_cost_usd_per_day: float | None = None
    """What the MFU below that of similar runs costs a day; zero above it, null where unknown."""
    gap_device_hours: float | None = None
    """The same in device-hours of the whole run."""
    interruptions_per_day: float | None = None
    """Of the whole job, failures included; filled on spot instances."""
    tokens: float
    devices: int
    devices_exact: float
    """Before rounding to whole nodes."""
    nominal_devices: bool = False
    """Nothing said devices or time: the devices are one node, and only what is the same on any number was asked."""
    devices_per_node: int
    mfu: float | None
    """Of productive step time; null where nothing says it: then the figures are at the middle of ``range``."""
    goodput: float
    price_usd_per_device_hour: float | None
    provider: str | None = None
    """Whose price it is; None where it was given."""
    term: str | None = None
    price_date: str | None = None
    price_source: str | None = None
    flops_per_token: float
    """Per work unit (see ``work_unit``)."""
    total_flops: float
    peak_flops_per_s: float
    """Of one device."""
    peak_dtype: str
    sparse: bool
    achieved_flops_per_s_per_device: float
    tokens_per_s: float
    tokens_per_s_per_device: float
    convention: str
    by_convention: dict[str, float | None] = Field(default_factory=dict)
    """The same plan's MFU as each convention counts it; filled where ``convention`` is ``all``."""
    seq_len: int | None
    work_unit: str
    params: int
    active_params: int
    deadline_slack_s: float | None = None
    """Time left before the deadline."""
    budget_slack_usd: float | None = None
    """Money left of the budget."""
    range: PlanRange | None
    """The same plan at the MFU of similar published runs."""
    predicted: Foreseen | None = None
    """The predicted step that the MFU is taken from, where one was asked for."""
    optimal: Suggestion | None = None
    """The scaling law that gave the size or the tokens, where one was asked for."""
    pue: float | None = None
    optimizer_steps: float | None = None
    """Tokens ÷ tokens per global batch, where a batch is given."""
    step_time_s: float | None = None
    providers: tuple[AtProvider, ...] = ()
    """The same plan at each provider's price, where several were named; cheapest first."""
    stages: tuple[Plan, ...] = ()
    """The parts of a run in stages, which this plan sums."""

    @property
    def mfu_used(self) -> float:
        """The MFU that the figures are at: the plan's, or the middle of its range where nothing says it."""
        if self.mfu is None:
            assert self.range is not None
            return self.range.mfu_typical
        return self.mfu
