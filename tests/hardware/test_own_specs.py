"""The user's own folder adds and overrides; the templates are valid; mistakes are told with file and key."""

from __future__ import annotations

from pathlib import Path

import pytest

from mfu_planner import plan, predict
from mfu_planner.answers.planfile import plan_file
from mfu_planner.cli.main import main
from mfu_planner.errors import InputError
from mfu_planner.facts import folder
from mfu_planner.hardware import cluster, own_specs, resolve
from mfu_planner.hardware._own import SPECS_VARIABLE

TEMPLATES = folder("hardware_specs") / "templates"


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder made from the two templates."""
    for kind, name in (("accelerator", "my-chip"), ("cluster", "my-cluster")):
        place = tmp_path / f"{kind}s"
        place.mkdir()
        (place / f"{name}.yaml").write_text((TEMPLATES / f"{kind}.yaml").read_text())
    monkeypatch.setenv(SPECS_VARIABLE, str(tmp_path))
    return tmp_path


def test_templates_are_valid_specs(own: Path) -> None:
    """What the command writes can be used as it is."""
    chip = resolve("Example My Chip 96GB")

    assert chip.id == "my-chip"
    assert chip.peak_flops_per_s("bf16") == 500e12
    assert cluster("my-cluster").scale_out_bytes_per_s == 50e9
    assert resolve("h100-sxm").peak_flops_per_s("bf16") == 989.4e12


def test_an_own_entry_overrides_and_edits_are_seen(own: Path) -> None:
    """The same id replaces the catalogue's entry; a changed file is read again."""
    path = own / "accelerators" / "t4.yaml"
    path.write_text((TEMPLATES / "accelerator.yaml").read_text().replace("id: my-chip", "id: t4"))
    assert resolve("t4").peak_flops_per_s("bf16") == 500e12
    path.write_text(path.read_text().replace("dense: 500 TFLOP/s", "dense: 600.5 TFLOP/s"))
    import os

    os.utime(path, ns=(10**18, 10**18))

    assert resolve("t4").peak_flops_per_s("bf16") == 600.5e12


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("vendor: Example Vendor", "vendr: Example Vendor", "vendor"),
        ("capacity: 96 GB", "capacity: 96", "write the unit"),
        ("capacity: 96 GB", "capacity: 96 TB/s", "a bandwidth"),
        ("source: sheet}", "source: shet}", "shet"),
        ("id: my-chip", "id: other", "the file's own name"),
        ('sparsity: "2:4", ', "", "sparsity"),
        ("basis: device", "basis: board", "basis"),
    ],
)
def test_mistakes_name_file_and_mend(own: Path, old: str, new: str, said: str) -> None:
    """Each usual slip gives one line with the file and what is accepted."""
    path = own / "accelerators" / "my-chip.yaml"
    path.write_text(path.read_text().replace(old, new, 1))
    with pytest.raises(InputError) as caught:
        resolve("my-chip")

    assert "my-chip.yaml" in str(caught.value)
    assert said in str(caught.value)


def test_a_missing_folder_is_an_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A folder that is not there is told, not ignored."""
    monkeypatch.setenv(SPECS_VARIABLE, str(tmp_path / "nowhere"))
    with pytest.raises(InputError, match="specs"):
        resolve("h100-sxm")


def test_a_broken_file_is_named_and_left_out(own: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Every other name works, and one line says which file does not."""
    broken = own / "accelerators" / "broken.yaml"
    broken.write_text((TEMPLATES / "accelerator.yaml").read_text().replace("capacity: 96 GB", "capacity: 96"))

    assert resolve("my-chip").id == "my-chip"
    assert resolve("h100-sxm").id == "h100-sxm"
    assert "broken.yaml" in caplog.text
    with pytest.raises(InputError, match=r"broken\.yaml"):
        resolve("broken")


OVERRIDE = """
id: h100-sxm
name: My H100
vendor: NVIDIA
family: Hopper
year: 2026
form_factor: SXM5
device_kind: GPU
devices_per_package: 1
basis: device
confidence: vendor-text
names: {driver: [My H100], alias: [], model: [my h100], marks: []}
peak:
  bf16: {dense: 500 TFLOP/s, source: sheet}
memory: {capacity: 80 GB, kind: HBM3, bandwidth: 2 TB/s, source: sheet}
sources:
  sheet: {title: A sheet, url: "https://example.com/", checked: 2026-11-24}
"""


def test_overriding_figures_drops_the_rates_measured_on_the_old_ones(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An H100 of half the peak cannot reach 142% of it."""
    (tmp_path / "accelerators").mkdir()
    (tmp_path / "accelerators" / "h100-sxm.yaml").write_text(OVERRIDE)
    run = {"model": "llama-3.1-8b", "hardware": "h100-sxm", "devices": 8, "global_batch": 64}
    before = predict(**run)
    with own_specs(tmp_path):
        assert not resolve("h100-sxm").measured
        main(["hardware", "h100-sxm", "--json"])
        assert '"achievable":{}' in capsys.readouterr().out
        inside = predict(**run)
        assert inside.peak_flops_per_s == 500e12
        assert inside.mfu < 1
        assert not any("rates measured on" in said for said in inside.assumptions)
    assert predict(**run).step_time_s == before.step_time_s


@pytest.mark.parametrize(
    "command",
    [
        ["hardware", "my-chip"],
        ["plan", "--model", "llama-3.1-8b", "--tokens", "1T", "--mfu", "40%", "--devices", "64", "--price", "2 $/h"],
        ["mfu", "--model", "llama-3.1-8b", "--tokens-per-second-per-device", "3000"],
        ["memory", "--model", "llama-3.1-8b", "--devices", "8", "--global-batch", "64"],
        ["predict", "--model", "llama-3.1-8b", "--devices", "8", "--global-batch", "64"],
        ["search", "--model", "llama-3.1-8b", "--devices", "8", "--global-batch", "64"],
        ["diagnose", "--model", "llama-3.1-8b", "--devices", "8", "--tokens-per-second-per-device", "3000"],
    ],
    ids=lambda words: words[0],
)
def test_every_command_takes_own_specs(
    own: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: list[str]
) -> None:
    """The flag holds for the one command."""
    monkeypatch.delenv(SPECS_VARIABLE)
    device = [] if command[0] == "hardware" else ["--hardware", "my-chip"]
    main([*command, *device, "--specs", str(own), "--json"])
    assert capsys.readouterr().out.startswith("{")
    with pytest.raises(InputError):
        resolve("my-chip")


def test_a_plan_file_names_a_folder_from_its_own_place(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """``specs`` in plan.yaml."""
    monkeypatch.delenv(SPECS_VARIABLE)
    file = own / "plan.yaml"
    file.write_text("model: llama-3.1-8b\nhardware: my-chip\ndevices: 64\ntokens: 100B\nmfu: 40%\nspecs: .\n")
    found = plan_file(file)
    assert found.peak_flops_per_s == 500e12
    with own_specs(own):
        same = plan(model="llama-3.1-8b", hardware="my-chip", devices=64, tokens="100B", mfu="40%")
    assert same.training_time_s == found.training_time_s
