"""Comparisons and benchmarks run their methods in the process of the test; ``test_worker.py`` asks the real worker."""

import pytest

from noise2detail.bench import compare, run
from tests.bench.here import Here


@pytest.fixture(autouse=True)
def _no_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (compare, run):
        monkeypatch.setattr(module, "Worker", Here)
