"""Every figure has unit, basis, source and date; peaks agree with units × clock; sparse and dense are not confused."""

from __future__ import annotations

import datetime as dt
import json
from functools import cache
from pathlib import Path

import pytest

from mfu_planner.errors import InputError
from mfu_planner.facts import folder
from mfu_planner.facts._model import read
from mfu_planner.hardware._build import accelerator_files
from mfu_planner.hardware._spec import AcceleratorSpec
from mfu_planner.units import parse

TOLERANCE = 0.015
ROOT = folder("hardware_specs")
VENDORS = {"NVIDIA", "AMD", "Google", "Intel", "AWS", "Huawei", "Apple", "Cerebras", "Microsoft", "Cambricon", "MetaX",
           "Hygon", "Moore Threads", "Kunlunxin", "Tenstorrent"}  # fmt: skip


pytestmark = pytest.mark.xdist_group("catalogue")  # its files are read once


@cache
def specs() -> list[AcceleratorSpec]:
    """Every file of the catalogue, when the first test asks."""
    return [read(AcceleratorSpec, path) for path in accelerator_files(ROOT)]


def rate(text: str) -> float:
    return parse(text, "flop_per_s", field="test")


def test_the_catalogue_is_wide() -> None:
    """At least the 94 variants of the first collection, from every vendor."""
    assert len(specs()) >= 94
    assert {s.vendor for s in specs()} == VENDORS


@pytest.mark.each("spec", specs)
def test_every_figure_has_a_dated_source(spec: AcceleratorSpec) -> None:
    """No source without title, address and date; no date in the future; every group cites one."""
    assert spec.figures(), "an entry without any figure"
    for figure in spec.figures():
        source = spec.sources[figure.source]
        assert source.title
        assert source.url.startswith("https://")
        assert dt.date(2020, 1, 1) <= source.checked <= dt.date.today() + dt.timedelta(days=1)
    for peak in spec.peak.values():
        for other in peak.alternatives:
            assert other.reason
            assert other.source in spec.sources


@pytest.mark.each("spec", specs)
def test_an_entry_without_peaks_says_why(spec: AcceleratorSpec) -> None:
    """A part whose rates no source gives is kept, and says so."""
    if not any(p.dense for k, p in spec.peak.items() if k != "fp64"):
        assert spec.notes


@pytest.mark.each("spec", specs)
def test_sparse_is_above_dense(spec: AcceleratorSpec) -> None:
    """Structured sparsity raises the rate, by two for 2:4 unless a note says that it differs."""
    for dtype, peak in spec.peak.items():
        if peak.dense is None or peak.sparse is None:
            continue
        factor = rate(peak.sparse) / rate(peak.dense)
        assert factor > 1
        if peak.sparsity == "2:4" and not any("sparsity is not twice" in n for n in spec.notes):
            tolerance = 0.06 if dtype == "int8" else 0.02
            assert factor == pytest.approx(2, rel=tolerance)


@pytest.mark.each("spec", lambda: [s for s in specs() if s.compute])
def test_physics(spec: AcceleratorSpec) -> None:
    """Compute units × FLOP per clock × clock is the peak within 1.5%, or the file says why not."""
    compute = spec.compute
    assert compute is not None
    for dtype, flop in compute.flop_per_clock.items():
        peak = spec.peak[dtype]
        if peak.dense is None:
            continue
        clock_name = compute.clock_of.get(dtype, "matrix" if "matrix" in compute.clocks else "vector")
        clock = parse(compute.clocks[clock_name], "frequency", field="test")
        computed = compute.units * flop * clock
        off = computed / rate(peak.dense) - 1
        if dtype in compute.disagrees:
            assert abs(off) > TOLERANCE, f"{spec.id} {dtype}: agrees ({off:+.1%}), the excuse is stale"
        else:
            assert abs(off) <= TOLERANCE, f"{spec.id} {dtype}: {computed / 1e12:.1f} TFLOP/s, {off:+.1%}"


def test_most_matrix_peaks_are_checked_by_physics() -> None:
    """The physics test covers the data-centre parts, not a corner of them."""
    checked = {s.id for s in specs() if s.compute and s.compute.flop_per_clock and not s.compute.inferred}

    assert len(checked) >= 60
    assert {"h100-sxm", "a100-sxm-80gb", "mi300x", "tpu-v5p", "b200", "gaudi3", "l40s", "h20"} <= checked


@pytest.mark.parametrize(
    ("identifier", "dtype", "tflops"),
    [  # from the vendors' tables, per device
        ("v100-sxm-16gb", "fp16", 125),
        ("t4", "fp16", 65),
        ("a100-sxm-40gb", "bf16", 312),
        ("a100-pcie-80gb", "tf32", 156),
        ("l40s", "bf16", 362.05),
        ("h100-sxm", "fp8", 1978.9),
        ("h100-pcie", "bf16", 756),
        ("h200-sxm", "bf16", 989.4),
        ("b200", "bf16", 2250),
        ("rtx-4090", "bf16", 165.2),
        ("mi250x", "bf16", 383 / 2),
        ("mi300x", "bf16", 1307.4),
        ("tpu-v5p", "bf16", 459),
        ("tpu-v3", "bf16", 123 / 2),
        ("tpu-v7x", "bf16", 2307 / 2),
        ("h20", "bf16", 148),
        ("a10g", "bf16", 70),
    ],
)
def test_known_peaks(identifier: str, dtype: str, tflops: float) -> None:
    """A handful of published peaks, written here from the data sheets."""
    record = json.loads((ROOT / "index.json").read_text())["accelerators"][identifier]

    assert record["peak"][dtype]["dense"] == pytest.approx(tflops * 1e12, rel=1e-3)


def test_schema_accepts_every_file() -> None:
    """The committed JSON schema accepts what the models accept."""
    jsonschema = pytest.importorskip("jsonschema")
    import yaml

    schema = json.loads((ROOT / "schema" / "accelerator.json").read_text())
    validator = jsonschema.Draft202012Validator(schema)
    for path in accelerator_files(ROOT)[::10]:
        data = json.loads(json.dumps(yaml.safe_load(path.read_text()), default=str))
        assert list(validator.iter_errors(data)) == []


def test_errors_name_file_key_and_mend(tmp_path: Path) -> None:
    """A wrong unit in a file says which file, which key, and what is accepted."""
    text = next(p for p in accelerator_files(ROOT) if p.stem == "t4").read_text()
    bad = tmp_path / "t4.yaml"
    bad.write_text(text.replace("bandwidth: 320 GB/s", "bandwidth: 320 GB"))
    with pytest.raises(InputError) as caught:
        read(AcceleratorSpec, bad)

    assert "t4.yaml: memory.bandwidth" in str(caught.value)
    assert "byte/s" in str(caught.value)


def test_lines_name_their_schema() -> None:
    """The first line of each file lets an editor complete and check it."""
    for path in ROOT.glob("**/*.yaml"):
        if "templates" not in path.parts:
            assert path.read_text().startswith("# yaml-language-server: $schema="), path
