"""Which devices there are, and what to do about one that is not."""

import pytest
import torch

from noise2detail.errors import SettingError
from noise2detail.pipeline.run import devices, find_device

ADVICE = "use the processor, with --device cpu or Run(device='cpu')"


@pytest.fixture
def gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two CUDA devices."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)


@pytest.fixture
def no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)


@pytest.mark.usefixtures("gpus")
def test_a_gpu_is_taken_where_there_is_one() -> None:
    assert devices()[:3] == ("cpu", "cuda:0", "cuda:1")
    assert find_device("auto") == find_device("cuda") == torch.device("cuda")
    assert find_device("cuda:1") == torch.device("cuda", 1)
    assert find_device("cpu") == torch.device("cpu")


@pytest.mark.usefixtures("no_gpu")
def test_the_processor_is_taken_where_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    assert devices() == ("cpu",)
    assert find_device("auto") == torch.device("cpu")
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert find_device("auto") == find_device("mps") == torch.device("mps")


@pytest.mark.usefixtures("gpus")
def test_a_gpu_beyond_the_last() -> None:
    with pytest.raises(SettingError, match="'cuda:2' here; expected auto or one of cpu, cuda, cuda:0, cuda:1") as found:
        find_device("cuda:2")
    assert "PyTorch" not in str(found.value)


@pytest.mark.usefixtures("no_gpu")
@pytest.mark.parametrize("wish", ["cuda", "cuda:0"])
@pytest.mark.parametrize(
    ("built", "said"),
    [(False, "is built without CUDA: install one that has it, or"), (True, "see what nvidia-smi says, or")],
    ids=["not built", "no driver"],
)
def test_a_gpu_that_is_not_there(wish: str, built: bool, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.cuda, "is_built", lambda: built)
    with pytest.raises(SettingError) as found:
        find_device(wish)
    assert str(found.value).startswith(f"there is no device {wish!r} here; expected auto or one of cpu; PyTorch ")
    assert str(found.value).endswith(f"{said} {ADVICE}")


@pytest.mark.usefixtures("no_gpu")
def test_a_mac_that_is_none() -> None:
    with pytest.raises(SettingError, match="mps is the GPU of an Apple processor with a recent macOS: use the proc"):
        find_device("mps")


@pytest.mark.usefixtures("no_gpu")
@pytest.mark.parametrize("wish", ["", "gpu", "CUDA", "cpu:1"])
def test_what_is_no_device(wish: str) -> None:
    with pytest.raises(SettingError) as found:
        find_device(wish)
    assert str(found.value) == f"there is no device {wish!r} here; expected auto or one of cpu"
