"""The equations of a training run: products of powers, and one sum.

Every relation between peak rate, MFU, tokens, devices, time, money and energy is a product, so a relation is written
once, as the exponents of its quantities, and can be solved for any of them.  What remains of a run is a difference:
a sum has a name of its own and is worked out before the products.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Quantity:
    """A quantity of the run: its symbol, unit and meaning."""

    name: str
    symbol: str
    """LaTeX."""
    unit: str
    meaning: str


@dataclass(frozen=True, slots=True)
class Relation:
    """``left`` equals the product of ``right``."""

    left: str
    right: tuple[str, ...]
    says: str

    @property
    def exponents(self) -> dict[str, int]:
        """The exponents under which the product of all quantities is 1."""
        powers = {self.left: -1}
        for name in self.right:
            powers[name] = powers.get(name, 0) + 1
        return powers


@dataclass(frozen=True, slots=True)
class Sum:
    """``whole`` equals the sum of ``parts``."""

    whole: str
    parts: tuple[str, ...]
    says: str


QUANTITIES = {
    q.name: q
    for q in (
        Quantity("flops_per_token", "F", "FLOP/token", "training work per token, by the chosen convention"),
        Quantity("tokens", "D", "token", "training tokens"),
        Quantity("total_flops", "C", "FLOP", "model FLOPs of the whole run"),
        Quantity("devices", "n", "device", "devices"),
        Quantity("peak_flops_per_s", "P", "FLOP/s/device", "peak rate of one device"),
        Quantity("mfu", "U", "", "model FLOPs utilization during productive steps"),
        Quantity("tokens_per_s", r"\tau", "token/s", "throughput of the whole job in productive steps"),
        Quantity("tokens_per_s_per_device", r"\tau_1", "token/s/device", "throughput of one device"),
        Quantity("achieved_flops_per_s_per_device", "R", "FLOP/s/device", "model FLOP/s that one device achieves"),
        Quantity("productive_time_s", r"t_\mathrm{step}", "s", "time spent in productive steps"),
        Quantity("training_time_s", "T", "s", "wall-clock time of the run"),
        Quantity("goodput", "g", "", "productive share of the wall-clock time"),
        Quantity("device_time_s", "H", "device·s", "device time, wall clock"),
        Quantity("price_usd_per_device_s", "c", "USD/device/s", "price of one device"),
        Quantity("cost_usd", "K", "USD", "cost of the device time"),
        Quantity("power_w", "W", "W/device", "power of one device at the meter (TDP × PUE)"),
        Quantity("energy_j", "E", "J", "energy of the run"),
        Quantity("tokens_per_step", "B", "token", "tokens of one global batch"),
        Quantity("step_time_s", r"t_1", "s", "time of one step"),
        Quantity("optimizer_steps", "S", "", "optimizer steps of the whole run"),
        Quantity("hfu", r"U_\mathrm{hw}", "", "hardware FLOPs utilization: recomputed work counted too"),
        Quantity(
            "hardware_flops_per_s_per_device", r"R_\mathrm{hw}", "FLOP/s/device", "FLOP/s that one device executes"
        ),
        Quantity("executed_flops_per_token", r"F_\mathrm{hw}", "FLOP/token", "executed work per token"),
        Quantity("executed_share", "a", "", "executed work ÷ model work: above 1 where work is done again"),
        Quantity("tokens_done", r"D_0", "token", "tokens trained so far"),
        Quantity("remaining_tokens", r"D_\mathrm{left}", "token", "tokens still to train"),
        Quantity("remaining_s", r"t_\mathrm{left}", "s", "productive time still to come"),
        Quantity("remaining_device_time_s", r"H_\mathrm{left}", "device·s", "device time still to come"),
        Quantity("remaining_cost_usd", r"K_\mathrm{left}", "USD", "cost still to come"),
    )
}
"""Every quantity by name (SI units)."""

RELATIONS = (
    Relation("total_flops", ("flops_per_token", "tokens"), "work = work per token × tokens"),
    Relation(
        "achieved_flops_per_s_per_device", ("mfu", "peak_flops_per_s"), "MFU = achieved model FLOP/s ÷ peak FLOP/s"
    ),
    Relation(
        "achieved_flops_per_s_per_device",
        ("flops_per_token", "tokens_per_s_per_device"),
        "achieved FLOP/s = work per token × tokens per second, for one device",
    ),
    Relation("tokens_per_s", ("devices", "tokens_per_s_per_device"), "the job's rate = devices × the rate of one"),
    Relation("tokens", ("tokens_per_s", "productive_time_s"), "tokens = rate × productive time"),
    Relation("productive_time_s", ("goodput", "training_time_s"), "productive time = goodput × wall-clock time"),
    Relation("device_time_s", ("devices", "training_time_s"), "device time = devices × wall-clock time"),
    Relation("cost_usd", ("price_usd_per_device_s", "device_time_s"), "cost = price × device time"),
    Relation("energy_j", ("power_w", "device_time_s"), "energy = power at the meter × device time"),
    Relation("tokens_per_step", ("tokens_per_s", "step_time_s"), "tokens of a step = rate × time of a step"),
    Relation("tokens", ("optimizer_steps", "tokens_per_step"), "tokens = steps × tokens of a step"),
    Relation("hardware_flops_per_s_per_device", ("hfu", "peak_flops_per_s"), "HFU = executed FLOP/s ÷ peak FLOP/s"),
    Relation(
        "executed_flops_per_token", ("executed_share", "flops_per_token"), "executed work = its share × model work"
    ),
    Relation("hfu", ("executed_share", "mfu"), "HFU = share of executed work × MFU"),
    Relation("remaining_tokens", ("tokens_per_s", "remaining_s"), "tokens left = rate × productive time left"),
    Relation("remaining_device_time_s", ("devices", "remaining_s"), "device time left = devices × time left"),
    Relation(
        "remaining_cost_usd",
        ("price_usd_per_device_s", "remaining_device_time_s"),
        "cost left = price × device time left",
    ),
)
"""The system.  Source of the second (MFU) and of HFU: Chowdhery et al. 2022, arXiv:2204.02311, appendix B."""

SUMS = (Sum("tokens", ("tokens_done", "remaining_tokens"), "tokens = tokens done + tokens left"),)
"""Worked out before the products, where all but one of a sum's quantities are given."""
