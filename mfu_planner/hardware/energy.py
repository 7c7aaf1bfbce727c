"""Energy of a site: device, host, network, cooling; the carbon of a country's electricity.

Sourced data and stated assumptions; the user's own figures always win.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

from mfu_planner.errors import InputError, nearest
from mfu_planner.facts import shipped_json


@dataclass(frozen=True, slots=True)
class SiteFigure:
    """One figure with its source."""

    value: float
    basis: str
    """In words: whose figure it is, and of which year."""
    source: str
    """Where it can be read."""


@dataclass(frozen=True, slots=True)
class SiteWatts:
    """What one device makes a site draw at the meter, W, by part."""

    device: float
    """The device at its rated power."""
    host: float
    """Its share of the server around it."""
    network: float
    """Its share of the switches between servers."""
    cooling: float
    """Cooling and power distribution: PUE − 1 times the rest."""
    said: str
    sources: dict[str, str]

    @property
    def total(self) -> float:
        """All parts together, W."""
        return self.device + self.host + self.network + self.cooling

    def split(self, amount: float) -> dict[str, float]:
        """An amount (energy, CO₂) in the same parts."""
        parts = {"device": self.device, "host": self.host, "network": self.network, "cooling": self.cooling}
        return {name: amount * watts / self.total for name, watts in parts.items()}


def site_watts(accelerator_id: str, tdp_w: float, pue: float, *, networked: bool = True) -> SiteWatts:
    """Power at the meter for one device.

    Parameters
    ----------
    accelerator_id : whose server is looked up; the typical server's ratio stands for devices without one.
    tdp_w : rated power of the device, W.
    pue : facility energy ÷ IT energy.
    networked : whether the job spans servers.
    """
    data = _data()
    servers = data["servers"].values()
    own = next((s for s in servers if accelerator_id in s["accelerators"]), None)
    server = own or data["servers"][data["typical_server"]]
    beside = (server["max_w"] / server["devices"] - server["device_w"]) / server["device_w"]
    host = tdp_w * beside
    share = data["network"]["share_of_total"] if networked else 0.0
    network = (tdp_w + host) * share / (1 - share)
    cooling = (tdp_w + host + network) * (pue - 1)
    of = f"a {server['name']}'s greatest power less its devices'" + ("" if own else ", in its ratio")
    between = f"network {network:.0f} W ({share:.0%} of all, {data['network']['basis']})" if networked else "no network"
    return SiteWatts(
        tdp_w,
        host,
        network,
        cooling,
        f"energy per device: {tdp_w:g} W rated, assumed host {host:.0f} W ({of}), assumed {between}, "
        f"cooling {cooling:.0f} W (PUE {pue:g})",
        {"host_w": server["source"]["url"], "network_w": data["network"]["source"]["url"]},
    )


@functools.cache
def _data() -> dict[str, Any]:
    found: dict[str, Any] = shipped_json("hardware_specs", "energy.json")
    return found


def typical_pue() -> SiteFigure:
    """The PUE to plan with when none is given (dimensionless, at least 1)."""
    return pue(_data()["typical_pue"])


def pue(name: str) -> SiteFigure:
    """One of the PUE figures on file, by its name.

    Raises
    ------
    InputError
        There is no such figure.
    """
    known = _data()["pue"]
    if name not in known:
        raise InputError("pue", name, f"a number of at least 1, or one of {', '.join(known)}", nearest(name, known))
    row = known[name]
    return SiteFigure(row["value"], f"{row['basis']}, {row['year']}", row["source"]["url"])


def carbon_intensity(country: str) -> SiteFigure:
    """Grams of CO2 equivalent per kWh of a country's electricity (life cycle, generation mix of one year).

    Raises
    ------
    InputError
        The country is not on file.
    """
    data = _data()
    key = "-".join(country.lower().split())
    if key not in data["carbon_g_per_kwh"]:
        known = list(data["carbon_g_per_kwh"])
        raise InputError("country", country, f"one of {', '.join(known)}", nearest(key, known))
    year = data["carbon_year"]
    return SiteFigure(
        float(data["carbon_g_per_kwh"][key]), f"electricity of {key}, {year}", data["carbon_source"]["url"]
    )
