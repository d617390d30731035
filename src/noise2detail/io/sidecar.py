"""What was done to a file: a JSON file beside the output, and one line inside it."""

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from noise2detail.errors import UnreadableFileError
from noise2detail.plans import Provenance

SIDECAR_SUFFIX = ".n2d.json"

_ORDER = ("version", "commit", "input_name", "input_sha256", "seconds_denoise", "libraries", "plan")
_BLOCK = 2**20


def sidecar_path(output: Path) -> Path:
    """Where the provenance of an output lies: its whole name and ``.n2d.json``."""
    return output.with_name(output.name + SIDECAR_SUFFIX)


def sidecar_text(provenance: Provenance) -> str:
    """The provenance as JSON, ends with a newline."""
    said = plain(provenance)
    ordered = {key: said[key] for key in _ORDER} | said
    return json.dumps(ordered, indent=2, ensure_ascii=False) + "\n"


def summary(provenance: Provenance) -> str:
    """One line for the place that a format has for a description."""
    plan = provenance.plan
    return (
        f"Denoised with noise2detail {provenance.version}: method {plan.method}, recipe {plan.recipe}, seed {plan.seed}"
    )


def sha256(path: Path | str) -> str:
    """Digest of a file, in hexadecimal.

    Raises
    ------
    UnreadableFileError
        The file cannot be read.
    """
    digest = hashlib.sha256()
    try:
        with Path(path).open("rb") as stream:
            while block := stream.read(_BLOCK):
                digest.update(block)
    except OSError as error:
        raise UnreadableFileError(
            path, f"cannot be read ({error.strerror})", "check its name and permissions"
        ) from error
    return digest.hexdigest()


def plain(value: Any) -> Any:
    """The value as JSON can hold it: records as objects."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    if value is None or isinstance(value, str | bool | int | float):
        return value
    return value.item() if hasattr(value, "item") else str(value)
