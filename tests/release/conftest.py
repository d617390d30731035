"""The scripts of ``release/``, which import each other as they do when they are run."""

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

SCRIPTS = Path(__file__).parents[2] / "release"
NAMES = ("changelog", "contents", "environments", "tagged", "commit_hook", "check")


@pytest.fixture
def script(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The script that a test module names as ``SCRIPT``."""
    monkeypatch.syspath_prepend(str(SCRIPTS))
    yield importlib.import_module(request.module.SCRIPT)
    for name in NAMES:
        sys.modules.pop(name, None)
