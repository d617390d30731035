"""Every test of the command has a cache folder of its own, and a machine that was measured before."""

from pathlib import Path

import pytest
import torch

from noise2detail import machine_cache
from noise2detail.engine.machine import Machine


def abacus(device: torch.device) -> Machine:
    """A machine that takes no time to measure."""
    return Machine("abacus", str(device), 2, torch.__version__, float32_rate=1e6, bfloat16_rate=None)


@pytest.fixture(autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folder of the cache."""
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setattr(machine_cache, "cache_folder", lambda: folder)
    monkeypatch.setattr(machine_cache, "measure", abacus)
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder))
    return folder
