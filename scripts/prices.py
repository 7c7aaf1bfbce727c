"""``python scripts/prices.py [--check] FOLDER...``: read kept collections of prices into ``quotes.csv``, or compare.

A collection stands under ``OWNER/REPO/COMMIT/PATH``, as a checkout of that commit would hold it; commit and path become
the quote's source. What is read:

* ``zz_generated.pricing_aws.go`` of aws/karpenter-provider-aws: the EC2 price list, on demand;
* ``zz_generated.pricing.go`` of Azure/karpenter-provider-azure: the Azure retail price interface, Linux, on demand;
* ``pricing.yml`` of Cyclenerd/google-cloud-pricing-cost-calculator: Google's billing units, all terms;
* ``tpu_pricing.json`` of dstackai/gpuhunt: Google's TPU price page, per chip;
* ``vms.csv`` of skypilot-org/skypilot-catalog: the catalogue's folder names the provider; it carries no day;
* ``quotes.csv``: rows of this project's own columns, for lists without a machine-readable form.

Nothing is overwritten: of each provider, instance, region and term the first and the last day of every price stay.
Placeholders (no price, a price per device that cannot be), spot above on-demand, and instances whose device is not in
the catalogue are left out and counted.

``--check`` writes nothing: every quote whose source file stands under the folders is looked up there, and those that
differ are printed (exit status 1).
"""

from __future__ import annotations

import csv
import datetime as dt
import json
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import astuple, dataclass, fields
from pathlib import Path

import yaml

from mfu_planner.facts import folder
from mfu_planner.hardware._cloud import instance as known_instance
from mfu_planner.hardware._index import names

CHIPS_A_BOARD = 4
"""Of a TPU v2 or v3 "device", which the list prices per chip."""
HOURS_A_MONTH = 730
"""Of a monthly figure, as Google and the collection count."""
CHEAPEST, DEAREST = 0.02, 60.0
"""USD per device-hour: what lies outside is a placeholder, not a price."""
EQUAL = 1e-4
"""Two readings of one price differ by less."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of ``quotes.csv``."""

    provider: str
    instance: str
    accelerator: str
    devices: int
    region: str
    """Empty where the list has one price for all regions, or names none."""
    term: str
    usd_per_instance_hour: float
    date: str
    """The day the provider's list was read, or ``unknown``."""
    source: str
    """``owner/repo@commit:path``, or an address."""
    note: str = ""

    @property
    def series(self) -> tuple[str, ...]:
        """What one price follows another in."""
        return (self.accelerator, self.provider, self.instance, self.region, self.term)


def _instance(name: str) -> tuple[str, int] | None:
    found = known_instance(name, names())
    return None if found is None else found[:2]


def aws(text: str, source: str, _: Path) -> Iterator[Row]:
    """``"p5.48xlarge": 55.040000`` under a region."""
    day = re.search(r"generated at (\d{4}-\d\d-\d\d)", text)
    region = ""
    for line in text.splitlines():
        if found := re.match(r'\s*"([a-z]+(?:-[a-z]+)+-\d)": \{', line):
            region = found[1]
        for name, price in re.findall(r'"([a-z][\w-]*\.[\w-]+)": ([\d.]+)', line):
            if (held := _instance(name)) and day and region:
                yield Row("aws", name, *held, region, "on-demand", float(price), day[1], source)


def azure(text: str, source: str, _: Path) -> Iterator[Row]:
    """``"Standard_ND96isr_H100_v5": 98.320000`` under ``initialOnDemandPrices["eastus"]``."""
    day = re.search(r"generated at (\d{4}-\d\d-\d\d)", text)
    region = ""
    for line in text.splitlines():
        if found := re.search(r'initialOnDemandPrices\["(\w+)"\]', line):
            region = found[1]
        priced = re.match(r'\s*"(Standard_N[\w-]+)":\s+([\d.]+)', line)
        if priced and day and (held := _instance(priced[1])):
            yield Row("azure", priced[1], *held, region, "on-demand", float(priced[2]), day[1], source)


def google(text: str, source: str, _: Path) -> Iterator[Row]:
    """``compute: instance: NAME: cost: REGION: {hour, hour_spot, month_1y, month_3y}``."""
    whole = yaml.load(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 (a safe loader)
    day = dt.datetime.fromtimestamp(whole["about"]["timestamp"], dt.UTC).date().isoformat()
    terms = {"hour": "on-demand", "hour_spot": "spot", "month_1y": "reserved-1y", "month_3y": "reserved-3y"}
    for name, entry in whole["compute"]["instance"].items():
        held = _instance(name)
        for region, cost in (entry.get("cost") or {}).items() if held else ():
            for key, term in terms.items():
                if cost.get(key):
                    hourly = cost[key] / (HOURS_A_MONTH if key.startswith("month") else 1)
                    yield Row("gcp", name, *held, region, term, round(hourly, 6), day, source)


def tpu(text: str, source: str, path: Path) -> Iterator[Row]:
    """``{"TPU v5p": {"us-east5": {"On Demand (USD)": 4.2, "Spot (USD)": 2.415}}}``, per chip; the day is beside it."""
    day = path.with_name("DATE").read_text("utf-8").strip() if path.with_name("DATE").exists() else "unknown"
    for name, regions in json.loads(text).items():
        found = re.match(r"TPU (v\d\w*)(?: (device|pod))?$", name)
        entry = names()["slices"].get(found[1]) if found else None
        for region, cost in regions.items() if entry else ():
            chips = CHIPS_A_BOARD if name.endswith("device") else 1
            cores = names()["devices"][entry["accelerator"]]["devices_per_package"]
            said = f"{name}, {chips} chips" if chips > 1 else f"{name}, per chip"
            for key, term in (("On Demand (USD)", "on-demand"), ("Spot (USD)", "spot")):
                if cost.get(key):
                    held = (entry["accelerator"], cores * chips)
                    yield Row("gcp", said, *held, region, term, round(cost[key] * chips, 6), day, source)


def skypilot(text: str, source: str, path: Path) -> Iterator[Row]:
    """``InstanceType, AcceleratorName, AcceleratorCount, …, Price, Region, …, SpotPrice``, without a day."""
    seller = {"oci": "oracle", "do": "digitalocean"}.get(path.parent.name, path.parent.name)
    for line in csv.DictReader(text.splitlines()):
        held = _instance(line.get("InstanceType") or "")
        for key, term in (("Price", "on-demand"), ("SpotPrice", "spot")):
            if held and line.get(key):
                yield Row(
                    seller, line["InstanceType"], *held, line["Region"], term, float(line[key]), "unknown", source
                )


def own(text: str, *_: object) -> Iterator[Row]:
    """Rows as this project writes them."""
    for line in csv.DictReader(text.splitlines()):
        number = {"devices": int(line["devices"]), "usd_per_instance_hour": float(line["usd_per_instance_hour"])}
        yield Row(**{f.name: line[f.name] for f in fields(Row)} | number)  # type: ignore[arg-type]


READERS = {
    "zz_generated.pricing_aws.go": aws,
    "zz_generated.pricing.go": azure,
    "pricing.yml": google,
    "tpu_pricing.json": tpu,
    "vms.csv": skypilot,
    "quotes.csv": own,
}


def collected(root: Path) -> Iterator[Row]:
    """Every quote under a folder of collections."""
    for path in sorted(p for p in root.rglob("*") if p.name in READERS):
        owner, repo, commit, *rest = path.relative_to(root).parts if path.name != "quotes.csv" else ("", "", "", "")
        yield from READERS[path.name](path.read_text("utf-8"), f"{owner}/{repo}@{commit}:{'/'.join(rest)}", path)


def sensible(rows: Iterable[Row], left_out: Counter[str]) -> Iterator[Row]:
    """Without placeholders, and without spot prices at or above the on-demand price of the same day and place."""
    rows = list(rows)
    listed = {(*r.series[:4], r.date): r.usd_per_instance_hour for r in rows if r.term == "on-demand"}
    for row in rows:
        above = listed.get((*row.series[:4], row.date), float("inf"))
        if not CHEAPEST <= row.usd_per_instance_hour / row.devices <= DEAREST:
            left_out["placeholder"] += 1
        elif row.term == "spot" and row.usd_per_instance_hour >= above:
            left_out["spot not below on-demand"] += 1
        else:
            yield row


def changes(rows: Iterable[Row]) -> list[Row]:
    """The first and the last day of every price, oldest first; of one day's equal readings one."""
    read = {(*r.series, r.date, f"{r.usd_per_instance_hour:.4g}"): r for r in sorted(rows, key=astuple, reverse=True)}
    ordered = sorted(read.values(), key=lambda r: (*r.series, r.date, r.source))
    return [
        row
        for i, row in enumerate(ordered)
        if not all(
            0 <= n < len(ordered)
            and ordered[n].series == row.series
            and abs(ordered[n].usd_per_instance_hour / row.usd_per_instance_hour - 1) < EQUAL
            for n in (i - 1, i + 1)
        )
    ]


def compared(quotes: Iterable[Row], root: Path) -> Iterator[tuple[Row, bool]]:
    """The quotes whose source file stands under a folder, and whether the file says the same.

    A file that no reader is for says the same where the figure stands in it.
    """
    texts: dict[str, tuple[str, dict[tuple[object, ...], list[float]] | None]] = {}
    for quote in quotes:
        repository, _, rest = quote.source.partition("@")
        path = root / repository / rest.replace(":", "/", 1)
        if not rest or not path.is_file():
            continue
        if quote.source not in texts:
            text = path.read_text("utf-8")
            read: dict[tuple[object, ...], list[float]] = {}
            for row in READERS[path.name](text, quote.source, path) if path.name in READERS else ():
                read.setdefault((*row.series, row.devices), []).append(row.usd_per_instance_hour)
            texts[quote.source] = text, read if path.name in READERS else None
        text, found = texts[quote.source]
        price = quote.usd_per_instance_hour
        if found is None:
            yield quote, any(f"{n:g}" in text for n in (price, price / quote.devices))
        else:
            yield quote, any(abs(n / price - 1) < EQUAL for n in found.get((*quote.series, quote.devices), ()))


def check(quotes: list[Row], roots: list[str]) -> int:
    """Print how many quotes equal their source; returns 1 where one does not."""
    looked = [pair for root in roots for pair in compared(quotes, Path(root))]
    wrong = [quote for quote, equal in looked if not equal]
    for quote in wrong:
        print("differs:", *astuple(quote))
    unread = len(quotes) - len(looked)
    print(f"{len(looked) - len(wrong):,} of {len(looked):,} quotes equal their source; {unread:,} unread")
    return bool(wrong)


def main(roots: list[str]) -> int:
    """Merge what stands under the folders into ``quotes.csv``; returns the exit status."""
    path = folder("hardware_specs") / "prices" / "quotes.csv"
    left_out: Counter[str] = Counter()
    before = list(own(path.read_text("utf-8"))) if path.exists() else []
    if roots[:1] == ["--check"]:
        return check(before, roots[1:])
    read = [row for root in roots for row in collected(Path(root))]
    after = changes([*before, *sensible(read, left_out)])
    with path.open("w", encoding="utf-8", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(f.name for f in fields(Row))
        out.writerows((*astuple(r)[:6], f"{r.usd_per_instance_hour:.10g}", *astuple(r)[7:]) for r in after)
    print(f"{len(read):,} prices read, {len(after):,} lines kept ({len(before):,} before); left out: {dict(left_out)}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
