"""What a run does before its first step: nothing that it does not need."""

import gc
import json
import subprocess
import sys
from pathlib import Path

import pytest

from noise2detail.cli.loading import loading
from tests.cli.running import QUICK, environment, write

UNNEEDED = {
    "matplotlib",
    "pandas",
    "rich",  # draws progress where somebody watches
    "scipy",  # fills gaps where an image has any
    "sympy",
    "torch._dynamo",  # comes with whatever PyTorch shields from its compiler, its own optimisers among them
    "torch._inductor",
}
"""Modules that cost between a tenth of a second and two, and that many a line of code brings along unasked."""

CODE = """
import json, sys
from noise2detail.cli.main import main
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
print(json.dumps(sorted(sys.modules)))
"""


def test_a_run_imports_nothing_that_it_does_not_need(tmp_path: Path) -> None:
    source, output = write(tmp_path / "a.tif"), tmp_path / "b.tif"
    command = [sys.executable, "-c", CODE, "denoise", str(source), "-o", str(output), "--quiet", *QUICK]
    done = subprocess.run(command, capture_output=True, text=True, env=environment(), check=False)
    assert done.returncode == 0, done.stderr
    assert output.exists()
    found = set(json.loads(done.stdout))
    assert {"torch", "noise2detail.engine.training", "tifffile"} <= found
    assert UNNEEDED & found == set()


def test_files_are_converted_without_pytorch(tmp_path: Path) -> None:
    source, output = write(tmp_path / "a.tif"), tmp_path / "b.ome.zarr"
    command = [sys.executable, "-c", CODE, "convert", str(source), str(output), "--quiet", "--max-memory", "1GiB"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment(), check=False)
    assert done.returncode == 0, done.stderr
    assert output.is_dir()
    found = set(json.loads(done.stdout))
    assert "zarr" in found
    assert (UNNEEDED | {"torch", "jaxtyping"}) & found == set()


@pytest.mark.parametrize("enabled", [True, False], ids=["collector on", "collector off"])
def test_the_collector_works_again_afterwards(enabled: bool) -> None:
    before = gc.isenabled()
    (gc.enable if enabled else gc.disable)()
    try:
        with loading():
            assert not gc.isenabled()
        assert gc.isenabled() == enabled
        with pytest.raises(ImportError), loading():
            raise ImportError
        assert gc.isenabled() == enabled
    finally:
        (gc.enable if before else gc.disable)()
