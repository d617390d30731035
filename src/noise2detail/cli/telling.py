"""Facts about each of many images, on standard output: one that fails does not stop the rest."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from noise2detail.cli.batch import tell_left_out
from noise2detail.cli.exit_codes import ExitCode
from noise2detail.cli.inputs import find_inputs
from noise2detail.cli.voice import Voice
from noise2detail.errors import Noise2DetailError, SettingError, UnreadableFileError
from noise2detail.io.source import Source

Told = Iterable[tuple[Mapping[str, Any], str]]
"""What is known about an image, for programs and for people."""


def tell_each(paths: Sequence[Path], tell: Callable[[Source], Told], voice: Voice, *, single: str = "") -> ExitCode:
    """Print what is known about files, and about the images in folders.

    Parameters
    ----------
    paths
        As they were typed.
    tell
        Finds it out.
    voice
        Hears of facts and failures.
    single
        An option that allows for one image alone, if it was given.

    Raises
    ------
    SettingError
        What was asked for fits no image, or one alone, and there are several.
    Noise2DetailError
        The only file cannot be read.
    """
    found = find_inputs(paths)
    if single and len(found.sources) > 1:
        raise SettingError(f"{single} is for one image, and {len(found.sources)} are named; expected one")
    if found.sources and not found.collection:
        for record, text in tell(found.sources[0]):
            voice.result(record, text)
        return ExitCode.DONE
    done, failed = 0, sum(_report(error.path, error, voice) for error in found.absent)
    tell_left_out(found.skipped, found.told, voice)
    if not found.sources and not failed:
        expected = "expected image files in it, such as TIFF, PNG or DICOM"
        failed += _report(paths[0], UnreadableFileError(paths[0], "holds no image", expected), voice)
    for source in found.sources:
        try:
            told = list(tell(source))
        except SettingError:
            raise
        except Noise2DetailError as error:
            failed += _report(source.path, error, voice)
        else:
            for record, text in told:
                voice.result(record, text + "\n")
            done += 1
    if not failed:
        return ExitCode.DONE
    return ExitCode.SOME_FAILED if done else ExitCode.FAILED


def title_of(source: Source, paths: Sequence[Path]) -> str:
    """A line that says which image is meant, empty where that is the only path that was typed."""
    return f"{source.path}\n" if len(paths) > 1 or source.path != paths[0] else ""


def _report(path: Path, error: Exception, voice: Voice) -> int:
    said = voice.error(error, str(path))
    if voice.json:
        voice.result({"file": str(path), "error": said}, "")
    return 1
