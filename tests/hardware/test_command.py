"""``mfu-planner hardware``: the JSON contract, the tables, the templates, the refusals."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mfu_planner.cli.main import main

CONTRACT = {"id", "vendor", "name", "device_kind", "devices_per_package", "peak_flops_per_s", "memory_bytes",
            "memory_bandwidth_bytes_per_s", "tdp_w", "interconnect", "sources"}  # fmt: skip


def run(capsys: pytest.CaptureFixture[str], *args: str) -> str:
    main(["hardware", *args])
    return capsys.readouterr().out


def ask(capsys: pytest.CaptureFixture[str], *args: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(run(capsys, *args, "--json"))
    return found


def test_list_keeps_the_contract(capsys: pytest.CaptureFixture[str]) -> None:
    """Every entry has the keys of the interface, and each peak its source."""
    rows = ask(capsys)["accelerators"]

    assert len(rows) >= 94
    for row in rows:
        assert set(row) >= CONTRACT
        for peak in row["peak_flops_per_s"].values():
            assert set(peak) >= {"dense", "sparse", "source"}
            assert peak["source"] in row["sources"]
    assert {r["vendor"] for r in ask(capsys, "--vendor", "amd")["accelerators"]} == {"AMD"}


def test_one_by_its_driver_string(capsys: pytest.CaptureFixture[str]) -> None:
    """The driver's string gives the entry with price, achievable rate and remark."""
    found = ask(capsys, "NVIDIA H100")

    assert set(found) >= CONTRACT | {"price", "achievable", "warnings", "schema_version"}
    assert found["peak_flops_per_s"]["bf16"]["dense"] == 989.4e12
    assert found["interconnect"]["scale_up"]["per_direction_bytes_per_s"] == 450e9
    assert len(found["warnings"]) == 1


def test_compare(capsys: pytest.CaptureFixture[str]) -> None:
    """Side by side: FLOP per byte by hand, cheapest useful work, a picture."""
    rows = ask(capsys, "--compare", "h100-sxm", "a100-sxm-80gb")["accelerators"]

    assert rows[0]["flop_per_byte"] == pytest.approx(989.4 / 3.35)
    assert rows[0]["usd_per_useful_exaflop"] > 0
    drawn = run(capsys, "--compare", "h100-sxm", "b200", "--dtype", "fp8", "--mfu", "0.3")
    assert "b200" in drawn
    assert "█" in drawn


@pytest.mark.parametrize(
    "args",
    [[], ["h100-sxm"], ["mi250x"], ["wse-3"], ["--clusters"], ["--clusters", "dgx-h100"], ["--vendor", "Google"]],
)
def test_people_get_tables(capsys: pytest.CaptureFixture[str], args: list[str]) -> None:
    """Every view draws; one entry shows the address of each source."""
    out = run(capsys, *args)

    assert out.strip()
    if args == ["h100-sxm"]:
        assert "https://" in out
        assert "989.4 TFLOP/s" in out


def test_templates_are_written(capsys: pytest.CaptureFixture[str]) -> None:
    """The commented files come out as they stand."""
    assert "scale_out:" in run(capsys, "--template", "cluster")
    assert "devices_per_package" in run(capsys, "--template", "accelerator")


@pytest.mark.parametrize(
    "args",
    [["H100"], ["AMD Radeon Graphics"], ["H1000"], ["--compare"], ["--compare", "h100-sxm", "--mfu", "40"],
     ["--compare", "h100-sxm", "b200", "--dtype", "bf17"], ["--vendor", "nvidea"], ["--specs", "/nowhere"],
     ["h100-sxm", "--as-of", "yesterday"], ["--clusters", "nothing"]],
)  # fmt: skip
def test_refusals_are_one_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, args: list[str]
) -> None:
    """Bad input exits 2 with one line on stderr."""
    monkeypatch.setenv("MFU_PLANNER_SPECS", "")
    with pytest.raises(SystemExit) as caught:
        main(["hardware", *args, "--json"])
    captured = capsys.readouterr()

    assert caught.value.code == 2
    assert len(captured.err.strip().splitlines()) == 1
    assert captured.out == ""
