"""What a user can give: each dimension with its canonical unit, an example for errors, and what is senseless."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Dimension:
    """One kind of quantity.

    Attributes
    ----------
    name : the key used in :func:`mfu_planner.units.parse`.
    canonical : the unit that a parsed value is given in, as the registry spells it.
    words : the dimension in words, for error lines.
    example : a value a user could type.
    counted : plain-count suffixes (K, M, B, G, T) may follow the number.
    zero : zero makes sense.
    whole : only whole numbers make sense.
    """

    name: str
    canonical: str
    words: str
    example: str
    counted: bool = False
    zero: bool = False
    whole: bool = False


_ALL = (
    Dimension("count", "", "a plain count", "70B", counted=True),
    Dimension("flop", "flop", "work in FLOP", "3.8e25 or '38 YFLOP'", counted=True),
    Dimension("flop_per_s", "flop/second", "a rate in FLOP/s", "989 TFLOP/s"),
    Dimension("flop_per_s_per_device", "flop/second/device", "a rate in FLOP/s per device", "400 TFLOP/s"),
    Dimension("token", "token", "a number of tokens", "15.6T", counted=True),
    Dimension("token_per_s", "token/second", "tokens per second of the whole job", "1.2M tokens/s", counted=True),
    Dimension(
        "token_per_s_per_device",
        "token/second/device",
        "tokens per second per device",
        "400 tokens/s/GPU",
        counted=True,
    ),
    Dimension("device", "device", "a whole number of devices", "16_384", counted=True, whole=True),
    Dimension("usd", "usd", "money in USD", "'$2M' or 2M", counted=True, zero=True),
    Dimension("usd_per_device_hour", "usd/device/hour", "a price in USD per device-hour", "'2.5 $/h'", zero=True),
    Dimension("usd_per_kwh", "usd/kilowatt_hour", "a price in USD per kWh", "'0.08 $/kWh'", zero=True),
    Dimension("time", "second", "a time", "30d, 12h or '90 min'", zero=False),
    Dimension("byte", "byte", "an amount of memory", "80 GiB", zero=True),
    Dimension("byte_per_s", "byte/second", "a bandwidth in byte/s", "3.35 TB/s"),
    Dimension("device_time", "device*second", "device-time", "30.84M GPU-hours", counted=True),
    Dimension("energy", "joule", "an energy", "1.5 GWh", zero=True),
    Dimension("power", "watt", "a power", "700 W", zero=True),
    Dimension("frequency", "hertz", "a clock frequency", "1830 MHz"),
    Dimension("fraction", "", "a fraction between 0 and 1", "0.4 or 40%"),
)

DIMENSIONS: dict[str, Dimension] = {d.name: d for d in _ALL}
"""Every dimension that :func:`mfu_planner.units.parse` knows, by name."""
