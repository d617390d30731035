"""What was done to a layer, as its metadata keeps it, and the command that does it again."""

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from noise2detail.host.versions import commit, libraries
from noise2detail.io.sidecar import sha256
from noise2detail.napari.jobs import Settings
from noise2detail.napari.resolve import KEY, Subject
from noise2detail.plans import Neighbours, NoiseFound, Plan, Provenance, ValueMap
from noise2detail.version import __version__

_OPTIONS = {
    "device": "--device", "precision": "--precision", "fit": "--fit", "channels": "--channels", "target": "--target",
    "max_memory": "--max-memory", "neighbours": "--neighbours", "threads": "--threads",
}  # fmt: skip
_SWITCHES = {"stabilize": "--stabilize", "unclip": "--unclip", "anyway": "--anyway"}


def record_of(
    subject: Subject, settings: Settings, plan: Mapping[str, Any], seconds: float, *, denoiser: str = ""
) -> dict[str, Any]:
    """What was done, as plain data: for ``resolve.result_meta``, and beside a file that is saved.

    Parameters
    ----------
    subject
        What was denoised.
    settings
        By which wishes.
    plan
        ``Finished.plan``.
    seconds
        ``Finished.seconds``.
    denoiser
        Name of the layer from which was learnt, where that is another one.
    """
    found: dict[str, Any] = {
        "version": __version__,
        "commit": commit(),
        "layer": subject.name,
        "seconds": round(seconds, 3),
        "seed": settings.seed,
        "libraries": libraries(),
        "plan": dict(plan),
        "command": command_of(subject, settings),
    }
    if subject.path:
        found["path"] = subject.path
    if denoiser:
        found["learnt_from"] = denoiser
        del found["command"]
    return found


def command_of(subject: Subject, settings: Settings) -> str:
    """What to type to get the same result: on the command line where the layer is a file, else in Python."""
    if not subject.path:
        return _in_python(subject, settings)
    words = ["n2d", "denoise", subject.path, "--axes", subject.image.axes, "--method", settings.method]
    words += ["--recipe", settings.recipe] if settings.recipe else []
    for one in settings.set:
        words += ["--set", one]
    words += ["--seed", str(settings.seed)]
    for name, value in settings.run.items():
        if name in _OPTIONS and value is not None:
            words += [_OPTIONS[name], str(value)]
        elif name in _SWITCHES and value:
            words.append(_SWITCHES[name])
    return shlex.join(words)


def record_in(metadata: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The record in the metadata of a layer; None: it is no result, or one of another program."""
    found = metadata.get(KEY)
    return found if isinstance(found, Mapping) and "plan" in found else None


def plan_in(record: Mapping[str, Any]) -> Plan:
    """The plan of a record; it is our own, so that it need not be checked, and PyTorch is not needed for it."""
    data: dict[str, Any] = dict(record["plan"])
    data["value_maps"] = tuple(ValueMap(**one) for one in data["value_maps"])
    data["noise"] = tuple(NoiseFound(**one) for one in data["noise"])
    if data["neighbours"] is not None:
        data["neighbours"] = Neighbours(**data["neighbours"])
    return Plan(**data | {name: tuple(data[name]) for name in ("why", "shape", "starts")})


def provenance_of(record: Mapping[str, Any]) -> Provenance:
    """What stands beside a file that holds the result."""
    path = Path(record.get("path", ""))
    holds = record.get("holds", {})
    learnt = {"learnt_from": record["learnt_from"]} if "learnt_from" in record else {}
    return Provenance(
        plan=plan_in(record),
        seconds_denoise=record["seconds"],
        version=record["version"],
        commit=record["commit"],
        libraries=dict(record["libraries"]),
        input_name=path.name or record["layer"],
        input_sha256=sha256(path) if path.is_file() else "",
        holds=dict(holds) | learnt,
    )


def _in_python(subject: Subject, settings: Settings) -> str:
    wishes: dict[str, Any] = {
        "axes": subject.image.axes,
        "method": settings.method,
        "recipe": settings.recipe,
        "seed": settings.seed,
    }
    if settings.set:
        wishes["set"] = settings.set
    if settings.run:
        wishes["run"] = dict(settings.run)
    said = ", ".join(f"{name}={value!r}" for name, value in wishes.items() if value is not None)
    return f"noise2detail.napari.denoise_layer(viewer.layers[{subject.name!r}], {said})"
