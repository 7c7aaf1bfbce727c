"""The equations of a training run, each a product of powers.

Every relation between peak rate, MFU, tokens, devices, time, money and energy is a product, so a relation is written
once, as the exponents of its quantities, and can be solved for any of them.
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
)
"""The system.  Source of the second: Chowdhery et al. 2022, arXiv:2204.02311, appendix B."""
