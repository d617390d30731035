"""Modules of other folders of scripts, which are no packages."""

import importlib
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


def beside(folder: str, name: str) -> Any:
    """A module of a folder of the repository."""
    sys.path.append(str(ROOT / folder))
    return importlib.import_module(name)
