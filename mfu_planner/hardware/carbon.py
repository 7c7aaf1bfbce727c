"""CO₂ of a run: energy at the meter × the carbon intensity of a country's electricity."""

from __future__ import annotations

from mfu_planner.run.frozen import Frozen


class Emissions(Frozen):
    """What the electricity of a run emits."""

    co2e_kg: float
    g_per_kwh: float
    basis: str
    source: str


def emissions(energy_kwh: float, country: str) -> Emissions:
    """CO₂ equivalent of ``energy_kwh`` from the average electricity of ``country``.

    Parameters
    ----------
    energy_kwh : at the meter.
    country : a name of :func:`countries`.

    Raises
    ------
    InputError
        The country is not on file.

    References
    ----------
    Patterson et al. 2021, arXiv:2104.10350: tCO₂e = kWh × kg CO₂e per kWh ÷ 1000.
    """
    from mfu_planner.hardware.energy import carbon_intensity

    found = carbon_intensity(country)
    return Emissions.trusted(
        co2e_kg=energy_kwh * found.value / 1000, g_per_kwh=found.value, basis=found.basis, source=found.source
    )


def countries() -> tuple[str, ...]:
    """The countries on file, ``world`` first."""
    from mfu_planner.hardware.energy import _data

    names = sorted(_data()["carbon_g_per_kwh"], key=lambda name: (name != "world", name))
    return tuple(names)
