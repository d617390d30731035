"""Where and with how many threads a command computes, and what it says where that cannot be."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from noise2detail import machine_cache
from noise2detail.engine.machine import Machine
from noise2detail.methods.noise2detail import Noise2Detail
from noise2detail.pipeline import threads
from tests.cli.conftest import abacus
from tests.cli.running import QUICK, left, n2d, records, write

OTHER = torch.get_num_threads() + 1
NO_KERNEL = RuntimeError("CUDA error: no kernel image is available for execution on the device\nCUDA kernel errors")


@pytest.fixture(autouse=True)
def nothing_stays() -> Iterator[None]:
    """Whatever a command does, PyTorch's number of threads is the same afterwards."""
    threads.tell_crowd.cache_clear()
    before = torch.get_num_threads()
    yield
    assert torch.get_num_threads() == before


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Numbers of threads of the trainings."""
    seen: list[int] = []
    fit = Noise2Detail.fit

    def watched(*known: object, **more: object) -> object:
        seen.append(torch.get_num_threads())
        return fit(*known, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(Noise2Detail, "fit", watched)
    return seen


def test_threads_of_a_run_stand_in_what_it_tells(tmp_path: Path, trained: list[int]) -> None:
    source = write(tmp_path / "a.tif")
    (record,) = records(n2d("denoise", source, "--json", "--threads", str(OTHER), *QUICK))
    plan = json.loads((tmp_path / "a_denoised.tif.n2d.json").read_text())["plan"]
    assert (record["threads"], plan["threads"], trained) == (OTHER, OTHER, [OTHER])
    (record,) = records(n2d("info", source, "--json", "--threads", str(OTHER)))
    assert record["denoising"]["threads"] == OTHER


def test_fit_and_apply_take_threads(tmp_path: Path, trained: list[int]) -> None:
    source, model = write(tmp_path / "a.tif"), tmp_path / "m.safetensors"
    (fitted,) = records(n2d("fit", source, "-o", model, "--json", "--threads", str(OTHER), *QUICK))
    (applied,) = records(n2d("apply", model, source, "--json", "--threads", str(OTHER + 1), "--device", "cpu"))
    assert (fitted["threads"], trained, applied["threads"]) == (OTHER, [OTHER], OTHER + 1)


@pytest.mark.parametrize("wish", ["0", "-2", "1.5", "two", "", "99999"])
@pytest.mark.parametrize("command", ["denoise", "info"])
def test_what_is_no_number_of_threads(command: str, wish: str, tmp_path: Path) -> None:
    result = n2d(command, write(tmp_path / "a.tif"), "--threads", wish)
    assert (result.exit_code, result.stdout) == (2, "")
    found = wish if wish.lstrip("-").isdigit() else repr(wish)
    assert result.stderr == f"error: threads is {found}; expected a whole number from 1 to 1024\n"
    assert left(tmp_path) == ["a.tif"]


@pytest.mark.parametrize("command", ["denoise", "apply"])
def test_more_threads_than_cores_are_said_once(command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "cores", lambda: 1)
    images = [write(tmp_path / "a.tif"), write(tmp_path / "b.tif")]
    model = tmp_path / "m.safetensors"
    assert n2d("fit", images[0], "-o", model, *QUICK).exit_code == 0
    words = [command, *QUICK] if command == "denoise" else [command, model, "--device", "cpu"]
    result = n2d(*words, *images, "-o", tmp_path / "out", "--threads", str(OTHER))
    assert result.exit_code == 0, result.output
    said = f"warning: {OTHER} threads were asked for, and this process may use 1 cores"
    assert [line.startswith(said) for line in result.stderr.splitlines()].count(True) == 1


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """A GPU that PyTorch offers."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "Tesla K20")
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (3 * 2**30, 5 * 2**30))
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)


@pytest.fixture
def broken(gpu: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """A GPU whose first kernel fails: this PyTorch was not built for it."""

    def measure(device: torch.device) -> Machine:
        if device.type == "cuda":
            raise NO_KERNEL
        return abacus(device)

    monkeypatch.setattr(machine_cache, "measure", measure)


@pytest.mark.usefixtures("broken")
@pytest.mark.parametrize("wish", [(), ("--device", "auto"), ("--device", "cuda:0")], ids=" ".join)
def test_a_gpu_that_cannot_run(wish: tuple[str, ...], tmp_path: Path) -> None:
    result = n2d("denoise", write(tmp_path / "a.tif"), *wish)
    assert (result.exit_code, result.stdout) == (1, "")
    device = "cuda:0" if "cuda:0" in wish else "cuda"
    assert result.stderr == (
        f"error: the device {device} cannot do this: PyTorch {torch.__version__} cannot use it (CUDA error: no kernel "
        "image is available for execution on the device); use the processor, with --device cpu or Run(device='cpu')\n"
    )
    assert left(tmp_path) == ["a.tif"]


@pytest.mark.usefixtures("broken")
def test_the_advice_helps(tmp_path: Path) -> None:
    result = n2d("denoise", write(tmp_path / "a.tif"), *QUICK)
    assert result.exit_code == 0, result.output


def test_a_gpu_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    result = n2d("denoise", write(tmp_path / "a.tif"), "--device", "cuda")
    assert result.exit_code == 2
    assert result.stderr.startswith("error: there is no device 'cuda' here; expected auto or one of cpu")
    assert result.stderr.endswith("use the processor, with --device cpu or Run(device='cpu')\n")


def test_an_operator_that_a_device_lacks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fit(*_: object, **__: object) -> None:
        raise NotImplementedError("The operator 'aten::_fft_r2c' is not currently implemented for the MPS device. If")

    # a device that every PyTorch has, in place of one that only some machines have
    monkeypatch.setattr("noise2detail.pipeline.planning.find_device", lambda wish: torch.device("meta"))
    monkeypatch.setattr(Noise2Detail, "fit", fit)
    source = write(tmp_path / "a.tif")
    result = n2d("denoise", source, *QUICK)
    assert result.exit_code == 1
    (line,) = result.stderr.splitlines()
    assert line.startswith(f"error: {source}: the device meta cannot do this: PyTorch")
    assert "has no operator aten::_fft_r2c for it; use the processor, with --device cpu" in line
    assert left(tmp_path) == ["a.tif"]


# --- n2d doctor ----------------------------------------------------------------------------------------------------


@pytest.fixture
def fast(gpu: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """A GPU a hundred times faster than the processor, and three times faster again in bfloat16."""

    def measure(device: torch.device) -> Machine:
        on_gpu = Machine("Tesla", str(device), 2, torch.__version__, float32_rate=1e8, bfloat16_rate=3e8)
        return on_gpu if device.type == "cuda" else abacus(device)

    monkeypatch.setattr(machine_cache, "measure", measure)


@pytest.mark.usefixtures("fast")
def test_doctor_measures_every_device() -> None:
    facts = json.loads(n2d("doctor", "--json").stdout)
    processor, gpu = facts["devices"]
    assert (processor["device"], processor["precision"], processor["bfloat16_megapixels_per_second"]) == (
        "cpu",
        "float32",
        None,
    )
    assert processor["memory_gib"] >= processor["memory_available_gib"] > 0
    assert gpu == {
        "device": "cuda:0",
        "name": "Tesla K20",
        "memory_gib": 5.0,
        "memory_available_gib": 3.0,
        "float32_megapixels_per_second": 100.0,
        "bfloat16_megapixels_per_second": 300.0,
        "precision": "bfloat16",
        "failure": None,
    }
    assert (facts["device"], facts["precision"]) == ("cuda", "bfloat16")
    paper = Noise2Detail.recipe("paper").cost(1, 512, 512).total
    assert facts["expected_seconds_512"]["noise2detail"]["paper"] == round(paper / 3e8, 1)


@pytest.mark.usefixtures("fast")
def test_doctor_says_the_same_to_people(cache: Path) -> None:
    lines = n2d("doctor").stdout.splitlines()
    rows = [line.split(maxsplit=1) for line in lines]
    assert ["cuda:0", "Tesla K20, 5.0 GiB, 3.0 GiB available"] in rows
    assert "float32 100.00 megapixels/s, bfloat16 300.00; auto takes bfloat16" in [line.strip() for line in lines]
    assert "float32 1.00 megapixels/s, no bfloat16; auto takes float32" in [line.strip() for line in lines]
    assert ["device", "cuda, bfloat16"] in rows
    assert ["cache", str(cache / "machine.json")] in rows
    assert "GPU" not in [label for label, *_ in rows]


@pytest.mark.usefixtures("fast")
def test_what_doctor_has_measured_serves_the_next_run(monkeypatch: pytest.MonkeyPatch) -> None:
    assert n2d("doctor").exit_code == 0

    def measure(device: torch.device) -> Machine:
        raise AssertionError(device)

    monkeypatch.setattr(machine_cache, "measure", measure)
    for device in ("cpu", "cuda", "cuda:0"):
        assert machine_cache.machine_for(torch.device(device)).float32_rate == (1e6 if device == "cpu" else 1e8)


@pytest.mark.usefixtures("broken")
def test_doctor_says_why_a_device_does_not_work() -> None:
    result = n2d("doctor")
    assert result.exit_code == 0, result.output
    lines = [line.strip() for line in result.stdout.splitlines()]
    assert any(line.startswith("the device cuda:0 cannot do this: PyTorch") and "no kernel" in line for line in lines)
    assert any(line.endswith("cuda, which does not work") for line in lines)
    facts = json.loads(n2d("doctor", "--json").stdout)
    processor, gpu = facts["devices"]
    assert (processor["failure"], gpu["name"], gpu["precision"]) == (None, "Tesla K20", None)
    assert "no kernel image" in gpu["failure"]
    assert (facts["precision"], facts["expected_seconds_512"]) == (None, None)


@pytest.mark.usefixtures("broken")
def test_doctor_of_one_device_leaves_the_others_alone() -> None:
    facts = json.loads(n2d("doctor", "--device", "cpu", "--json").stdout)
    assert [found["device"] for found in facts["devices"]] == ["cpu"]
    assert (facts["device"], facts["precision"]) == ("cpu", "float32")
