"""What lies beside a denoised image: how it was made, if this program made it."""

from pathlib import Path
from typing import Any

from noise2detail.errors import SettingError, UnreadableFileError
from noise2detail.io.plan_file import EXPECTED, read_record
from noise2detail.io.sidecar import sidecar_path
from noise2detail.pipeline.replaying import plan_from_data
from noise2detail.plans import Provenance

_TEXTS = ("version", "input_name", "input_sha256")


def recorded(output: Path) -> Provenance | None:
    """How an output was made; None where nothing lies beside it.

    Raises
    ------
    UnreadableFileError
        What lies there is damaged, or of a version that made other records.
    """
    path = sidecar_path(output)
    if not path.exists():
        return None
    data = read_record(path)
    if not isinstance(data, dict) or any(not isinstance(data.get(name), str) for name in _TEXTS):
        raise UnreadableFileError(path, "is no record of how an image was made", EXPECTED)
    try:
        plan = plan_from_data(data.get("plan"))
    except (SettingError, RecursionError) as error:
        raise UnreadableFileError(path, f"holds no plan that this version understands: {error}", EXPECTED) from error
    return Provenance(
        plan=plan,
        seconds_denoise=_number(data.get("seconds_denoise")),
        version=data["version"],
        commit=_text(data.get("commit")) or None,
        libraries={str(name): str(version) for name, version in _pairs(data.get("libraries"))},
        input_name=data["input_name"],
        input_sha256=data["input_sha256"],
        input_image=_choice(data.get("input_image")),
    )


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) else 0.0


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _pairs(value: Any) -> list[tuple[Any, Any]]:
    return list(value.items()) if isinstance(value, dict) else []


def _choice(value: Any) -> int | str | None:
    return value if isinstance(value, int | str) else None
