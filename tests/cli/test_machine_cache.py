"""The measurement of this machine is made once, and kept."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from noise2detail import machine_cache
from noise2detail.engine.machine import Machine
from noise2detail.machine_cache import machine_for, remeasure
from tests.cli.conftest import abacus

CPU = torch.device("cpu")


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[torch.device]:
    """Every measurement that was made."""
    made: list[torch.device] = []

    def measure(device: torch.device) -> object:
        made.append(device)
        return abacus(device)

    monkeypatch.setattr(machine_cache, "measure", measure)
    return made


def test_it_is_measured_once(measured: list[torch.device], cache: Path) -> None:
    assert machine_for(CPU) == machine_for(CPU) == abacus(CPU)
    assert measured == [CPU]
    assert [path.name for path in cache.iterdir()] == ["machine.json"]


def test_every_number_of_threads_is_measured_for_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    def measure(device: torch.device) -> Machine:
        return replace(abacus(device), threads=torch.get_num_threads())

    monkeypatch.setattr(machine_cache, "measure", measure)
    before = torch.get_num_threads()
    wishes = (None, before + 1, before + 2, before, before + 1)
    assert [machine_for(CPU, wish).threads for wish in wishes] == [wish or before for wish in wishes]
    assert len(machine_cache._read()) == 3
    assert torch.get_num_threads() == before


def test_it_can_be_measured_anew(measured: list[torch.device]) -> None:
    machine_for(CPU)
    remeasure(CPU)
    assert measured == [CPU, CPU]


@pytest.mark.parametrize(
    "changed",
    [
        ("torch.__version__", "9.9"),
        ("torch.get_num_threads", lambda: 99),
        ("noise2detail.machine_cache.__version__", "9"),
        ("noise2detail.machine_cache.processor", lambda: "other"),
    ],
    ids=["PyTorch", "threads", "version", "processor"],
)
def test_what_decides_about_speed_is_part_of_the_key(
    changed: tuple[str, object], measured: list[torch.device], monkeypatch: pytest.MonkeyPatch
) -> None:
    machine_for(CPU)
    monkeypatch.setattr(*changed)
    machine_for(CPU)
    assert measured == [CPU, CPU]


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe", b'{"a": 1}'], ids=repr)
def test_a_damaged_cache_is_replaced(content: bytes, measured: list[torch.device], cache: Path) -> None:
    (cache / "machine.json").write_bytes(content)
    machine_for(CPU)
    machine_for(CPU)
    assert measured == [CPU]


def test_a_record_with_other_fields_is_replaced(measured: list[torch.device], cache: Path) -> None:
    machine_for(CPU)
    file = cache / "machine.json"
    file.write_text(file.read_text().replace("float32_rate", "float31_rate"))
    assert machine_for(CPU) == abacus(CPU)
    assert machine_for(CPU) == abacus(CPU)
    assert measured == [CPU, CPU]


def test_a_cache_that_cannot_be_written_is_no_error(
    measured: list[torch.device], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(machine_cache, "cache_folder", lambda: tmp_path / "file" / "cache")
    assert machine_for(CPU) == machine_for(CPU)
    assert measured == [CPU, CPU]
