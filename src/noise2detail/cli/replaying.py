"""A plan from a file, settled for this machine: the other way to say what is wanted."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from noise2detail.cli.images import find_choice
from noise2detail.cli.options import refuse_contradiction
from noise2detail.cli.pixel_type import find_pixel_type
from noise2detail.cli.voice import Voice
from noise2detail.cli.wishes import Settled, Wishes, find_run
from noise2detail.errors import SettingError, UnreadableFileError
from noise2detail.io.plan_file import EXPECTED, read_plan
from noise2detail.pipeline.replaying import Replay, plan_from_data, replay
from noise2detail.pipeline.run import Run
from noise2detail.version import __version__


def settle_again(path: Path, wishes: Wishes, contradicting: Sequence[str], voice: Voice) -> Settled:
    """What a plan file says, with this machine measured.

    Parameters
    ----------
    path
        What ``n2d plan -o`` has written, or the provenance of an output.
    wishes
        The command line; of it, only what is about files and about how to run.
    contradicting
        Options that were typed and say what the plan has decided.
    voice
        Hears of a plan of another version.

    Raises
    ------
    SettingError
        The command line contradicts the plan, or asks for what does not exist.
    UnreadableFileError
        The file holds no plan that this version understands.
    """
    refuse_contradiction(path, contradicting)
    again, version = read_replay(path)
    origin = f"as the plan in {path.name} says"
    if version not in {None, __version__}:
        voice.warning(f"{path}: made by noise2detail {version}, this is {__version__}: bits may differ")
        origin += f", which was made by noise2detail {version}"
    return Settled(
        method=again.method,
        recipe=again.recipe or "",
        seed=again.seed,
        axes=wishes.axes.upper() if wishes.axes else None,
        pixel_type=find_pixel_type(wishes.pixel_type),
        run=_run(again, wishes),
        frames=wishes.frames,
        image=find_choice(wishes.image),
        notes=(origin,),
    )


def read_replay(path: Path) -> tuple[Replay, str | None]:
    """What the plan in a file says, and the version that wrote it, if told.

    Raises
    ------
    UnreadableFileError
        The file holds no plan that this version understands.
    """
    data, version = read_plan(path)
    try:
        return replay(plan_from_data(data)), version
    except RecursionError as error:
        raise UnreadableFileError(path, "is no plan: nested too deeply", EXPECTED) from error
    except SettingError as error:
        told = f" of noise2detail {version}" if version not in {None, __version__} else ""
        raise UnreadableFileError(path, f"is no plan{told} that can be replayed: {error}", "make it again") from error


def _run(again: Replay, wishes: Wishes) -> Run:
    """How the plan ran, except for what the command line says about this machine."""
    own = again.run
    asked = replace(
        wishes,
        device=own.device if wishes.device == "auto" else wishes.device,
        precision=own.precision if wishes.precision == "auto" else wishes.precision,
        threads=str(own.threads) if wishes.threads is None else wishes.threads,
    )
    found = find_run(asked)
    return replace(
        own,
        device=found.device,
        precision=found.precision,
        threads=found.threads,
        machine=found.machine,
        max_memory=own.max_memory if wishes.max_memory is None else found.max_memory,
        anyway=own.anyway or wishes.anyway,
    )
