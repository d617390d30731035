"""The scoring program as a module: its images, and how it compares."""

import importlib.util
from pathlib import Path
from typing import Any


def scorer(program: Path) -> Any:
    """The module; it has no types."""
    spec = importlib.util.spec_from_file_location("score", program)
    if spec is None or spec.loader is None or not program.exists():
        raise SystemExit(f"the scorer and its images are needed at {program}")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
