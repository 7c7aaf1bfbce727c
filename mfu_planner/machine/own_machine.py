"""The user's own machine as it was measured (``machine.yaml``), in place of what is on file of its device."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from mfu_planner.errors import InputError
from mfu_planner.machine.calibrated import FORMAT_BYTES, calibration
from mfu_planner.machine.constants import LinkRate, ProductRate
from mfu_planner.machine.own_file import content
from mfu_planner.units import parse

if TYPE_CHECKING:
    from mfu_planner.hardware import Accelerator
    from mfu_planner.machine.constants import Machine, Stack
    from mfu_planner.machine.own_machine_file import MachineFile, ProductSpec

_ACCEPTED = "the path of a machine.yaml (mfu-planner probe writes one)"


@dataclass(frozen=True, eq=False)
class OwnMachine:
    """What a ``machine.yaml`` says; equal to another of the same content."""

    digest: str
    """SHA-256 of the file."""
    held: MachineFile
    accelerator: Accelerator
    """The catalogue's device, or the file's own."""

    def __hash__(self) -> int:
        """Of the content."""
        return hash(self.digest)

    def __eq__(self, other: object) -> bool:
        """Whether the content is the same."""
        return isinstance(other, OwnMachine) and other.digest == self.digest

    def measured(self, machine: Machine, stack: Stack, dtype: str) -> tuple[Machine, Stack, str]:
        """(machine, stack, what is said) with what was measured in place of what was assumed.

        The stack's own factor on products begins anew: a table of the machine itself needs none of another machine.
        """
        held, stream = self.held, _rate(self.held.bandwidth.stream)
        machine = replace(machine, bandwidth_bytes_per_s=stream, issues_itself=not held.issue.overlaps)
        said = f"machine measured on {held.measured.date}: products of {dtype} are not among it"
        if dtype in held.products:
            machine, said = self._products(machine, dtype), f"machine measured on {held.measured.date}"
            stack = replace(stack, product_factor=calibration()["multipliers"]["measured"]["product_factor"])
        wide = dtype if dtype in held.attention else "bf16"
        if wide in held.attention and stack.fused_attention:
            each = held.attention[wide]
            stack = replace(
                stack,
                attention_fraction=min(1.0, _rate(each.rate) / machine.wide_peak_flops_per_s),
                attention_ramp_tokens=each.ramp,
                attention_backward=each.backward,
                head_multiple=float(each.head_multiple),
            )
        links = dict(machine.links)
        links.update({name: _link(each) for name, each in held.collectives.items()})
        return replace(machine, links=links), self._issued(stack, stream), said

    def _products(self, machine: Machine, dtype: str) -> Machine:
        rate = self._product_rate(machine.products, dtype, self.held.products[dtype])
        wide = rate
        if machine.low_precision:
            wide = machine.wide_products
            if "bf16" in self.held.products:
                wide = self._product_rate(wide, "bf16", self.held.products["bf16"])
        grouped = rate if machine.grouped_products is not None else None
        return replace(machine, products=rate, wide_products=wide, grouped_products=grouped)

    def _product_rate(self, old: ProductRate, dtype: str, found: ProductSpec) -> ProductRate:
        size = FORMAT_BYTES[dtype]
        return ProductRate(
            peak_flops_per_s=old.peak_flops_per_s,
            efficiency=min(1.0, _rate(found.rate) / old.peak_flops_per_s),
            depth_overhead=found.depth_overhead,
            fixed_s=_time(found.start),
            wave_loss=found.wave_loss,
            tile_rows=found.tile[0],
            tile_columns=found.tile[1],
            units=found.units,
            bandwidth_bytes_per_s=_rate(self.held.bandwidth.stream),
            input_bytes=size,
            output_bytes=max(size, FORMAT_BYTES["bf16"]),
            least_tile=old.least_tile,
        )

    def _issued(self, stack: Stack, stream: float) -> Stack:
        """The stack with the measured costs of issuing, of elementwise operators and of the update."""
        issue, once, passes = self.held.issue, self.held.optimizer, self.held.pointwise
        return replace(
            stack,
            forward_host_s=_time(issue.layer_forward),
            backward_host_s=_time(issue.layer_backward),
            step_fixed_s=_time(issue.step),
            pointwise_factor=passes.factor,
            pointwise_backward=passes.backward,
            loss_bytes=passes.loss,
            optimizer_bytes=_time(once.adamw) * stream,
            gradient_passes_bytes=_time(once.clip) * stream,
            accumulate_bytes=_time(once.accumulate) * stream,
        )


def read_machine(given: Any) -> OwnMachine:
    """The machine that a value of ``--machine`` names.

    Raises
    ------
    InputError
        It is no such file.
    """
    return _parsed(*content(given, "machine", _ACCEPTED))


@lru_cache(maxsize=64)
def _parsed(text: str, digest: str, where: str) -> OwnMachine:
    from mfu_planner.facts import check, load_text
    from mfu_planner.machine.own_machine_file import MachineFile

    held: MachineFile = check(MachineFile, load_text(text, where), where)
    _refuse_beyond(held, where)
    return OwnMachine(digest, held, _accelerator(held, where))


def _accelerator(held: MachineFile, where: str) -> Accelerator:
    from mfu_planner.hardware import own_device, resolve

    if held.own is None:
        found = resolve(held.device, field=f"{where}: device")
        if found.id != held.device:
            raise InputError(f"{where}: device", held.device, f"the catalogue's id, {found.id}")
        return found
    peaks = {name: each.best for name, each in held.products.items()}
    if not peaks:
        raise InputError(f"{where}: products", "nothing", "at least one format: the catalogue has none of it")
    return own_device(
        held.device,
        name=held.own.name,
        kind=held.own.device_kind,
        memory=held.own.memory,
        bandwidth=held.bandwidth.stream,
        peaks=peaks,
        measured=held.measured.date,
    )


_FASTER = 1.5
"""A fitted rate that is so many times the fastest point is no fit of it."""


def _refuse_beyond(held: MachineFile, where: str) -> None:
    """A rate that no measurement of the file comes near."""
    for name, each in held.products.items():
        rates = {f"products.{name}.rate": each.rate}
        if name in held.attention:
            rates[f"attention.{name}.rate"] = held.attention[name].rate
        for key, rate in rates.items():
            if _rate(rate) > _FASTER * _rate(each.best):
                raise InputError(f"{where}: {key}", rate, f"about {each.best} at most, the fastest product measured")


def _link(each: Any) -> LinkRate:
    return LinkRate(_time(each.start), _time(each.hop), _rate(each.rate), parse(each.ramp, "byte", field="ramp"))


def _rate(text: str) -> float:
    return parse(text, "byte_per_s" if text.rstrip().endswith("B/s") else "flop_per_s", field="rate")


def _time(text: str) -> float:
    return parse(text, "time", field="time")
