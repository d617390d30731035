"""What every test starts from: reproducible property tests, and an accelerator where there is one."""

import gc
import os
import signal
from collections.abc import Generator

if "PYTEST_XDIST_WORKER" in os.environ:
    # as many workers as cores: with more threads than that each would wait for the others
    os.environ.setdefault("OMP_NUM_THREADS", "1")

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # started in the background by a shell: what tests start would inherit that Ctrl-C means nothing
    signal.signal(signal.SIGINT, signal.default_int_handler)

# the tests of the napari plugin need no screen, and the binding of Qt that the extra "dev" brings
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
os.environ.setdefault("QT_API", "pyside6")

import hypothesis
import pydantic.types  # noqa: F401 - before PySide6, whose hook breaks this import on Python 3.11.2
import pytest
import torch

hypothesis.settings.register_profile("house", deadline=None, derandomize=True, database=None, max_examples=40)
hypothesis.settings.load_profile("house")


def pytest_addoption(parser: pytest.Parser) -> None:
    """What the fixture ``make_napari_viewer`` looks for; all of that plugin would load Qt for every test there is."""
    parser.addoption("--show-napari-viewer", action="store_true", help="show the windows of the tests of the plugin")
    parser.addoption("--save-leaked-object-graph", action="store_true", help="of napari")


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Nothing collected or imported for it is ever garbage: not looked for meanwhile, nor among it afterwards."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.fixture(scope="session")
def accelerator() -> torch.device:
    """A CUDA or MPS device; tests that ask for it carry the marker ``gpu``."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    if torch.backends.mps.is_available():
        return torch.device("mps")
    pytest.skip("needs a CUDA or MPS device")
