"""The plan of a file, as ``n2d plan`` shows and keeps it."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from noise2detail.cli.exit_codes import ExitCode
from noise2detail.cli.frames import with_frames
from noise2detail.cli.pixel_type import as_planned, working_type
from noise2detail.cli.telling import Told, tell_each, title_of
from noise2detail.cli.voice import Voice
from noise2detail.cli.wishes import Settled, Wishes, settle
from noise2detail.io import write_bytes
from noise2detail.io.names import refuse_place
from noise2detail.io.plan_file import plan_record
from noise2detail.io.source import Source, open_source
from noise2detail.pipeline.input import pixels_of
from noise2detail.pipeline.planning import make_plan
from noise2detail.plans import Plan
from noise2detail.version import __version__


def tell_plans(
    paths: Sequence[Path], wishes: Wishes, output: Path | None, *, overwrite: bool, voice: Voice
) -> ExitCode:
    """Print the plans of files, and of the images in folders; keep that of a single one in a file.

    Parameters
    ----------
    paths, wishes
        As they were typed.
    output
        The file; None: no plan is kept.
    overwrite
        Replace what is there.
    voice
        Hears of plans and failures.

    Raises
    ------
    SettingError
        A wish that cannot be met, or several images for one file.
    Noise2DetailError
        The output must not be written, or the only file cannot be read.
    """
    if output is not None:
        refuse_place(output, paths[0], overwrite)
    settled = settle(wishes)

    def tell(source: Source) -> Told:
        made = planned(source, settled)
        if output is not None:
            write_plan(made, source.path, output, overwrite=overwrite)
        yield {"file": str(source.path), **record_of(made, source.path)}, title_of(source, paths) + str(made)

    with voice.warnings_shown():
        return tell_each(paths, tell, voice, single="--output" if output else "")


def planned(source: Source, settled: Settled) -> Plan:
    """What would be done with a file.

    Parameters
    ----------
    source
        An image.
    settled
        What is wanted.

    Raises
    ------
    Noise2DetailError
        It cannot be read, or would be refused.
    """
    image = open_source(replace(source, image=settled.image), settled.axes).in_memory()
    scene = with_frames(image, settled.frames, settled.axes) if settled.frames else None
    array, axes = (pixels_of(image), image.axes) if scene is None else (scene.array, scene.axes)
    target = array.dtype if settled.pixel_type is None else settled.pixel_type
    working = working_type(array.dtype, target)
    made = make_plan(array, axes, settled.method, settled.recipe, settled.seed, settled.run, working)[0]
    return as_planned(made, target, settled.notes)


def record_of(plan: Plan, source: Path) -> dict[str, Any]:
    """The plan as JSON holds it."""
    return plan_record(plan, source, __version__)


def write_plan(plan: Plan, source: Path, output: Path, *, overwrite: bool) -> None:
    """Keep a plan in a file.

    Raises
    ------
    OutputExistsError, UnwritableFileError
        It must not or cannot be written.
    """
    text = json.dumps(record_of(plan, source), indent=2, ensure_ascii=False) + "\n"
    write_bytes(output, text.encode(), overwrite=overwrite)
