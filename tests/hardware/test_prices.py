"""Prices: the providers' own lists, one rule per provider and one over them; names that mean a provider."""

from __future__ import annotations

import csv
import datetime as dt
from collections import Counter

import pytest

from mfu_planner.answers.costs import price_for
from mfu_planner.errors import InputError
from mfu_planner.facts import folder
from mfu_planner.hardware import resolve
from mfu_planner.hardware._index import index
from mfu_planner.hardware.prices import offers, quotes, typical_price
from mfu_planner.hardware.sellers import ASKED_TERMS, provider_id, seller_of

with (folder("hardware_specs") / "prices" / "quotes.csv").open(encoding="utf-8", newline="") as file:
    LINES = list(csv.DictReader(file))


def test_every_line_says_who_what_when_and_where_it_was_read() -> None:
    """At least ten providers and 25 devices with a day; no placeholder; no day in the future; a known device."""
    dated = [line for line in LINES if line["date"] != "unknown"]
    assert len({line["provider"] for line in dated}) >= 10
    assert len({line["accelerator"] for line in dated if line["term"] == "on-demand"}) >= 25
    for line in LINES:
        assert line["accelerator"] in index()["accelerators"]
        assert 0.02 <= float(line["usd_per_instance_hour"]) / int(line["devices"]) <= 60
        assert line["date"] == "unknown" or dt.date.fromisoformat(line["date"]) <= dt.date.today()
        assert "@" in line["source"] or line["source"].startswith("https://")


def test_one_price_per_provider_instance_region_term_and_day() -> None:
    """A day has one price of a machine, except where the provider's own two readings agree."""
    seen: dict[tuple[str, ...], float] = {}
    for line in LINES:
        if line["date"] == "unknown":
            continue
        key = tuple(line[k] for k in ("provider", "instance", "accelerator", "region", "term", "date"))
        price = float(line["usd_per_instance_hour"])
        assert seen.setdefault(key, price) == pytest.approx(price, rel=1e-3), key


def test_spot_is_cheaper_than_on_demand_on_the_same_day() -> None:
    """Nobody buys interruptions at the full price."""
    listed = {
        (q["provider"], q["instance"], q["region"], q["date"]): float(q["usd_per_instance_hour"])
        for q in LINES
        if q["term"] == "on-demand"
    }
    compared = Counter(
        float(q["usd_per_instance_hour"]) < listed[key]
        for q in LINES
        if q["term"] == "spot"
        and q["date"] != "unknown"
        and (key := (q["provider"], q["instance"], q["region"], q["date"])) in listed
    )
    assert set(compared) == {True}
    assert compared[True] > 500


@pytest.mark.parametrize(
    ("machine", "per_instance", "devices"),
    [  # the EC2 price list of us-east-1, USD per instance-hour
        ("p5.48xlarge", 55.04, 8),
        ("p4d.24xlarge", 21.957642, 8),
        ("p4de.24xlarge", 27.44705, 8),
        ("p5en.48xlarge", 63.296, 8),
        ("p6-b200.48xlarge", 113.9328, 8),
        ("p6-b300.48xlarge", 142.416, 8),
        ("trn1.32xlarge", 21.5, 32),
        # Google's billing catalogue, us-central1
        ("a3-highgpu-8g", 88.49, 8),
        # Oracle's product list
        ("oci-h100", 80.0, 8),
        ("BM.GPU.MI300X.8", 48.0, 8),
        # Azure's retail price interface, eastus
        ("Standard_ND96isr_H100_v5", 98.32, 8),
        ("ND96amsr_A100_v4", 32.77, 8),
    ],
)
def test_a_machines_name_uses_its_own_price(machine: str, per_instance: float, devices: int) -> None:
    """The instance type, or the cluster, decides: the price of its provider's list divided by its devices."""
    identifier = "h100-sxm" if machine == "oci-h100" else resolve(machine).id
    found = price_for(identifier, machine=machine)
    assert found.usd_per_device_hour == pytest.approx(per_instance / devices, rel=1e-3)
    assert found.record()["price_date"] is not None
    assert str(found.record()["price_source"]).startswith("https://")


@pytest.mark.parametrize(
    ("device", "provider", "usd"),
    [
        ("h100-sxm", "aws", 6.88),
        ("a100-sxm-40gb", "Amazon Web Services", 2.7447),
        ("a100-sxm-80gb", "ec2", 3.4309),
        ("h200-sxm", "AWS", 7.912),
        ("b200", "aws", 14.2416),
        ("h100-sxm", "lambda", 3.99),
        ("h100-sxm", "Lambda Labs", 3.99),
        ("h100-sxm", "coreweave", 6.155),
        ("h100-sxm", "oci", 10.0),
        ("h100-sxm", "azure", 12.29),
        ("h100-sxm", "runpod", 3.99),
        ("h100-pcie", "runpod", 2.89),
        ("a100-pcie-80gb", "runpod", 1.79),
        ("mi300x", "crusoe", 3.45),
    ],
)
def test_each_provider_has_its_own_price(device: str, provider: str, usd: float) -> None:
    """What the provider's list says per device, whichever way it is called."""
    assert price_for(device, provider=provider).usd_per_device_hour == pytest.approx(usd, rel=1e-4)


def test_community_tiers_and_stale_lines_do_not_pose_as_list_prices() -> None:
    """RunPod's community tier of March was filed as on-demand, Lambda's price of 2025 as that of May 2026."""
    march = {q.term: q for q in quotes("a100-sxm-80gb") if q.provider == "runpod" and q.date.startswith("2026-03")}
    assert march["community"].usd_per_device_hour == pytest.approx(1.39)
    assert march["on-demand"].usd_per_device_hour == pytest.approx(1.49)
    may = typical_price("h100-sxm", as_of="2026-05-18", provider="lambda")
    assert may is not None
    assert may.usd_per_device_hour == pytest.approx(3.99)


def test_history_is_kept() -> None:
    """The cut of June 2025, and a plan of before it."""
    before = typical_price("h100-sxm", as_of="2025-05-01", provider="aws")
    after = typical_price("h100-sxm", as_of="2025-07-01", provider="aws")
    assert before is not None
    assert after is not None
    assert before.usd_per_device_hour == pytest.approx(98.32 / 8)
    assert after.usd_per_device_hour == pytest.approx(55.04 / 8)
    assert typical_price("h100-sxm", as_of="2019-01-01") is None
    assert all(q.date <= "2025-07-01" for q in quotes("h100-sxm", as_of="2025-07"))


@pytest.mark.parametrize("device", ["h100-sxm", "a100-sxm-80gb", "b200", "mi300x", "l4"])
def test_the_default_is_the_middle_of_one_newest_price_per_provider(device: str) -> None:
    """Recomputed here from the lines: as many providers are cheaper as are dearer (one more, of an even number)."""
    found = typical_price(device, as_of="2026-11-30")
    assert found is not None
    named = [q.provider for q in found.offers]
    assert len(named) == len(set(named)) > 1
    usd = found.usd_per_device_hour
    cheaper = sum(q.usd_per_device_hour < usd for q in found.offers)
    dearer = sum(q.usd_per_device_hour > usd for q in found.offers)
    assert cheaper <= len(named) / 2
    assert dearer <= len(named) / 2
    for offer in found.offers:
        later = [
            line
            for line in LINES
            if (line["provider"], line["instance"], line["accelerator"], line["region"], line["term"])
            == (offer.provider, offer.instance, device, offer.region, "on-demand")
            and offer.date < line["date"] != "unknown"
        ]
        assert not later
    assert str(len(named)) in found.basis
    assert str(found.date) in found.basis


def test_an_old_price_is_said_to_be_old() -> None:
    """A list of December 2024 read in November 2026."""
    old = typical_price("tpu-v5p", as_of="2026-11-30")
    fresh = typical_price("tpu-v5p", as_of="2025-01-31")
    assert old is not None
    assert fresh is not None
    assert old.usd_per_device_hour == fresh.usd_per_device_hour == pytest.approx(4.2)
    assert "older than six months" in old.basis
    assert "older" not in fresh.basis


def test_terms_and_regions() -> None:
    """Google's a3-highgpu-8g, us-central1 and europe-west4: commitments are cheaper, spot cheaper than the list."""
    usd = {t: price_for("h100-sxm", provider="gcp", term=t).usd_per_device_hour for t in ASKED_TERMS}
    assert usd["reserved-3y"] < usd["reserved-1y"] < usd["on-demand"]  # type: ignore[operator]
    assert usd["spot"] < usd["on-demand"]  # type: ignore[operator]
    assert usd["reserved-1y"] == pytest.approx(7.67, abs=0.01)
    assert usd["reserved-3y"] == pytest.approx(4.86, abs=0.01)
    there = price_for("h100-sxm", provider="gcp", region="europe-west4").usd_per_device_hour
    assert there == pytest.approx(14.06756)
    assert {q.term for q in offers("h100-sxm", term="spot")} == {"spot"}


def test_what_is_not_on_file_is_null_and_says_what_is() -> None:
    """No number from another term or provider; unknown names are refused with the nearest."""
    spot_only = price_for("mi350x")
    assert spot_only.usd_per_device_hour is None
    assert "spot of DigitalOcean" in spot_only.said
    assert price_for("h100-sxm", provider="lambda", term="reserved-3y").usd_per_device_hour is None
    assert typical_price("wse-2") is None
    with pytest.raises(InputError, match="lambda"):
        provider_id("lamda")
    with pytest.raises(InputError, match="term"):
        price_for("h100-sxm", term="reserved")
    with pytest.raises(InputError, match="as-of"):
        typical_price("h100-sxm", as_of="last week")


def test_the_users_own_price_wins() -> None:
    """Whatever is on file."""
    assert price_for("h100-sxm", given=1.5, provider="aws").record() == {
        "provider": None, "term": None, "price_date": None, "price_source": "given",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "provider"),
    [
        ("ml.p5.48xlarge", "aws"),
        ("p5e.48xlarge", "aws"),
        ("2x p5.48xlarge", "aws"),
        ("trn2.48xlarge", "aws"),
        ("aws-p6-b200", "aws"),
        ("a3-megagpu-8g", "gcp"),
        ("g4-standard-384", "gcp"),
        ("v5p-256", "gcp"),
        ("ND H100 v5", "azure"),
        ("standard_nd96isr_h200_v5", "azure"),
        ("BM.GPU4.8", "oracle"),
        ("gpu_8x_h100_sxm5", "lambda"),
        ("NVIDIA H100 80GB HBM3", None),
        ("NVIDIA V100", None),
        ("h100-sxm", None),
        ("g4dn.xlarge", "aws"),
    ],
)
def test_names_that_mean_a_provider(name: str, provider: str | None) -> None:
    """Instance types, slices and clusters do; a device's own name does not."""
    found = seller_of(name)
    assert (found and found[0]) == provider


def test_an_instance_without_a_price_takes_its_providers_and_says_so() -> None:
    """p5e has no line; p5en holds the same device."""
    found = price_for("h200-sxm", machine="p5e.48xlarge")
    assert found.quote is not None
    assert found.quote.provider == "aws"
    assert found.quote.instance != "p5e.48xlarge"
    assert "none is on file for p5e.48xlarge" in found.said


def test_a_slice_has_the_price_of_its_chips() -> None:
    """The list prices chips, whatever the slice."""
    found = price_for("tpu-v5p", machine="v5p-256")
    assert found.usd_per_device_hour == pytest.approx(4.2)
    assert "none is on file" not in found.said


def test_chips_are_priced_per_device() -> None:
    """$2.20 per TPU v3 chip is $1.10 per core, the device; $4.20 per TPU v5p chip, one device."""
    v3, v5p = typical_price("tpu-v3"), typical_price("tpu-v5p")
    assert v3 is not None
    assert v5p is not None
    assert v3.usd_per_device_hour == pytest.approx(1.1)
    assert v5p.usd_per_device_hour == pytest.approx(4.2)
