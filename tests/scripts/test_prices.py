"""Reading kept collections of prices: samples of each shape, written here, and what must be left out."""

from __future__ import annotations

import importlib.util
import sys
from collections import Counter
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def prices() -> ModuleType:
    """The script, as a module."""
    spec = importlib.util.spec_from_file_location("price_script", ROOT / "scripts" / "prices.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["price_script"] = module
    spec.loader.exec_module(module)
    return module


AWS = """// generated at 2026-01-05T00:00:00Z for us-east-1
var InitialOnDemandPricesAWS = map[string]map[ec2types.InstanceType]float64{
	"us-east-1": {
		// p5 family
		"p5.48xlarge": 55.040000, "c5.large": 0.085000,
	},
}
"""
AZURE = """// generated at 2026-02-06T00:00:00Z
	initialOnDemandPrices["eastus"] = map[string]float64{
		"Standard_ND96isr_H100_v5":       98.320000,
		"Standard_D2s_v5":                0.096000,
	}
	initialOnDemandPrices["westeurope"] = map[string]float64{
		"Standard_ND96isr_H100_v5":       127.816000,
	}
"""
GOOGLE = """about: {timestamp: 1769000000}
compute:
  instance:
    a3-highgpu-8g:
      cost:
        us-central1: {hour: 88.0, hour_spot: 50.0, month: 64240.0, month_1y: 36500.0, month_3y: 21900.0}
    e2-standard-2:
      cost:
        us-central1: {hour: 0.07}
"""
TPU = """{"TPU v5p": {"us-east5": {"On Demand (USD)": 4.2, "Spot (USD)": 9.0}},
 "TPU v3 device": {"r": {"On Demand (USD)": 2.2}}}"""
SKY = """InstanceType,AcceleratorName,AcceleratorCount,Price,Region,SpotPrice
BM.GPU.H100.8,H100,8,80.0,us-ashburn-1,
BM.GPU.B200.8,B200,8,99999999,us-ashburn-1,0.0
"""


@pytest.fixture
def collections(tmp_path: Path) -> Path:
    """One file of each shape, where a checkout would hold it."""
    held = {
        "aws/karpenter-provider-aws/abc123/pkg/zz_generated.pricing_aws.go": AWS,
        "Azure/karpenter-provider-azure/abc124/pkg/zz_generated.pricing.go": AZURE,
        "Cyclenerd/google-cloud-pricing-cost-calculator/abc125/pricing.yml": GOOGLE,
        "dstackai/gpuhunt/abc126/src/tpu_pricing.json": TPU,
        "dstackai/gpuhunt/abc126/src/DATE": "2024-12-23\n",
        "skypilot-org/skypilot-catalog/abc127/catalogs/v8/oci/vms.csv": SKY,
    }
    for name, text in held.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return tmp_path


def test_each_shape_is_read(prices: ModuleType, collections: Path) -> None:
    """Machine, device count, region, term, price, day, and commit with path; others are not."""
    rows = {
        (r.provider, r.instance, r.region, r.term): (r.usd_per_instance_hour, r.devices, r.date, r.accelerator)
        for r in prices.collected(collections)
    }
    assert rows["aws", "p5.48xlarge", "us-east-1", "on-demand"] == (55.04, 8, "2026-01-05", "h100-sxm")
    assert rows["azure", "Standard_ND96isr_H100_v5", "westeurope", "on-demand"][0] == 127.816
    assert rows["gcp", "a3-highgpu-8g", "us-central1", "reserved-1y"][0] == 36500 / 730
    assert rows["gcp", "a3-highgpu-8g", "us-central1", "reserved-3y"][0] == 21900 / 730
    assert rows["gcp", "TPU v3 device, 4 chips", "r", "on-demand"][:2] == (8.8, 8)
    assert rows["oracle", "BM.GPU.H100.8", "us-ashburn-1", "on-demand"][2] == "unknown"
    assert not [key for key in rows if key[1] in ("c5.large", "Standard_D2s_v5", "e2-standard-2")]
    sources = {r.source for r in prices.collected(collections)}
    assert "aws/karpenter-provider-aws@abc123:pkg/zz_generated.pricing_aws.go" in sources


def test_placeholders_and_spot_above_the_list_are_left_out(prices: ModuleType, collections: Path) -> None:
    """99,999,999 is no price, nor is zero; a spot price of $9 beside a list price of $4.20 is an error."""
    left_out: Counter[str] = Counter()
    kept = {(r.instance, r.term) for r in prices.sensible(prices.collected(collections), left_out)}
    assert left_out == {"placeholder": 2, "spot not below on-demand": 1}
    assert ("TPU v5p, per chip", "spot") not in kept
    assert ("BM.GPU.B200.8", "on-demand") not in kept
    assert ("BM.GPU.H100.8", "on-demand") in kept


def test_first_and_last_day_of_every_price_stay(prices: ModuleType) -> None:
    """Five readings of two prices are four lines: the middle one of three says nothing."""

    def row(day: str, usd: float) -> object:
        return prices.Row("aws", "p5.48xlarge", "h100-sxm", 8, "us-east-1", "on-demand", usd, day, "o/r@1:p")

    days = [(f"2025-0{month}-01", 98.32) for month in (1, 2, 3)] + [("2025-07-01", 55.04), ("2026-01-01", 55.04)]
    kept = prices.changes([row(*d) for d in reversed(days)])
    assert [r.date for r in kept] == ["2025-01-01", "2025-03-01", "2025-07-01", "2026-01-01"]
    assert prices.changes([*kept, row("2026-06-01", 55.04)])[-1].date == "2026-06-01"
    assert prices.changes([*kept, *kept]) == kept


def test_quotes_are_compared_with_their_source_where_it_is_kept(
    prices: ModuleType, collections: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An altered figure, region or count of devices differs; a list that no reader is for must hold the figure."""
    source = "aws/karpenter-provider-aws@abc123:pkg/zz_generated.pricing_aws.go"
    (collections / "o" / "r" / "c1").mkdir(parents=True)
    (collections / "o" / "r" / "c1" / "list.html").write_text("<td>8x MI300X</td><td>$1.99 per GPU</td>", "utf-8")

    def quote(usd: float, region: str = "us-east-1", devices: int = 8, at: str = source) -> object:
        return prices.Row("aws", "p5.48xlarge", "h100-sxm", devices, region, "on-demand", usd, "2026-01-05", at)

    right, listed = quote(55.04), quote(15.92, at="o/r@c1:list.html")
    wrong = [quote(55.1), quote(55.04, "us-west-2"), quote(55.04, devices=4), quote(20.0, at="o/r@c1:list.html")]
    unread = quote(55.04, at="https://example.com/prices")
    found = dict(prices.compared([right, listed, *wrong, unread], collections))
    assert found == {right: True, listed: True, **dict.fromkeys(wrong, False)}
    assert prices.check([right, unread], [str(collections)]) == 0
    assert "1 of 1 quotes equal their source; 1 unread" in capsys.readouterr().out
    assert prices.check([right, wrong[0]], [str(collections)]) == 1
