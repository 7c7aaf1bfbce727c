"""The user's own folder adds and overrides; the templates are valid; mistakes are told with file and key."""

from __future__ import annotations

from pathlib import Path

import pytest

from mfu_planner.errors import InputError
from mfu_planner.facts import folder
from mfu_planner.hardware import cluster, resolve
from mfu_planner.hardware._index import SPECS_VARIABLE

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
