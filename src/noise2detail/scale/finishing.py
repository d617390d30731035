"""What makes the output an image: what describes it, written after the last unit."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from noise2detail.errors import UnreadableFileError
from noise2detail.host.versions import commit, libraries
from noise2detail.io.extremes import Extremes
from noise2detail.io.ome_zarr_write import like_template
from noise2detail.io.sidecar import SIDECAR_SUFFIX, plain, sidecar_text, summary
from noise2detail.io.zarr_nodes import with_copies
from noise2detail.plans import Provenance
from noise2detail.scale.markers import FINISHED, pending, work_place
from noise2detail.scale.opened import opened
from noise2detail.scale.place import apart, place_of
from noise2detail.scale.plan import ScalePlan
from noise2detail.scale.store import put_node
from noise2detail.version import __version__


def finish(plan: ScalePlan, seconds: float = 0.0) -> None:
    """Make the output an image: describe it as the input is described, and say beside it what was done.

    Parameters
    ----------
    plan
        Whose units are all done.
    seconds
        That the units took together.

    Raises
    ------
    UnreadableFileError
        Some are not done.
    """
    missing = pending(plan)
    if missing:
        raise UnreadableFileError(
            plan.target, f"{len(missing)} of its {plan.count} units are not done, first {missing[0]}", "run again"
        )
    target, template = place_of(plan.target, plan.storage), opened(plan).source.described.template
    history = _history(plan, seconds)
    described = like_template(template, np.dtype(plan.dtype), summary(history))
    for name, content in described.files.items():
        target.write(name, content)
    groups = described.groups(Extremes(np.dtype(plan.dtype), None))
    folder, name = apart(plan.target)
    place_of(folder, plan.storage).write(name + SIDECAR_SUFFIX, _sidecar(plan, history))
    # the group of the image itself is the last: it is what makes a folder of arrays an image
    for group in sorted(with_copies(groups, described.levels, described.consolidated), key=lambda one: one.path == ""):
        put_node(target, group)
    work_place(plan).write(FINISHED, json.dumps({"fingerprint": plan.fingerprint}).encode())


def is_finished(plan: ScalePlan) -> bool:
    """Whether the whole output of this plan is there."""
    content = work_place(plan).read(FINISHED)
    try:
        return content is not None and json.loads(content).get("fingerprint") == plan.fingerprint
    except (AttributeError, ValueError):
        return False


def _history(plan: ScalePlan, seconds: float) -> Provenance:
    return Provenance(
        plan=plan.fit,
        seconds_denoise=round(seconds, 3),
        version=__version__,
        commit=commit(),
        libraries=libraries(),
        input_name=Path(apart(plan.source)[1]).name,
        input_sha256="",
        input_image=plan.image,
    )


def _sidecar(plan: ScalePlan, history: Provenance) -> bytes:
    said: dict[str, Any] = json.loads(sidecar_text(history))
    units: Mapping[str, Any] = {
        "count": plan.count,
        "levels": plain(plan.levels),
        "reach": plain(plan.reach),
        "fingerprint": plan.fingerprint,
        "denoiser_sha256": plan.denoiser,
        "input_identity": plain(plan.identity),
    }
    return (json.dumps({**said, "units": units}, indent=2, ensure_ascii=False) + "\n").encode()
