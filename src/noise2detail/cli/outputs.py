"""Names of outputs: beside the input, or at the same place below a folder."""

import os
import re
from pathlib import Path

import numpy as np

from noise2detail.cli.inputs import absolute
from noise2detail.errors import SettingError, UnwritableFileError
from noise2detail.io import default_output
from noise2detail.io.dicom_series import is_series
from noise2detail.io.names import FOLDERS, output_format, result_suffix, split_suffix
from noise2detail.io.source import Source

_ONLY = {".png": {"uint8", "uint16"}, ".bmp": {"uint8"}}
"""All pixel types of formats that know few."""

PixelType = np.dtype[np.generic] | None
"""Asked for; None: that of the input."""


def named_output(output: str | None, out_dir: str | None) -> str | None:
    """The output as it was typed; a folder ends in a slash.

    Raises
    ------
    SettingError
        It was named twice.
    """
    if output is not None and out_dir is not None:
        raise SettingError("--output and --out-dir both name the output; expected one of them")
    return output if out_dir is None else f"{out_dir}/"


def beside(source: Source, pixel_type: PixelType) -> Path:
    """The output of an image where the user names none; that of a series of slices is a folder too."""
    if not source.parts:
        return _holding(default_output(source.path), pixel_type)
    folder = absolute(source.path)
    return source.path.parent / folder_name("_".join(filter(None, (folder.name, source.label, "denoised"))))


def below(output: Path, source: Source, root: Path | None, pixel_type: PixelType, suffix: str | None) -> Path:
    """The output of an image in a folder for many: at the place that it has below the common root.

    Parameters
    ----------
    output
        That folder.
    source
        The image.
    root
        Of all inputs; None: there is none.
    pixel_type, suffix
        That are wished; no suffix: that of the input where such a file can be written.
    """
    place = absolute(source.path)
    folders = Path() if root is None or place == root else place.parent.relative_to(root)
    if not source.parts:
        stem, own = split_suffix(source.path)[0], suffix or result_suffix(source.path)
        kept = Path(stem + own)
        return output / folders / (_holding(kept, pixel_type) if suffix is None else kept)
    if source.label and place != root:
        folders /= place.name
    name = source.label or place.name
    return output / folders / (folder_name(name) if suffix is None else name + suffix)


def alone(output: Path, source: Source, root: Path | None) -> bool:
    """Whether a folder for outputs is itself that of the only one, a series of slices."""
    fits = not split_suffix(output)[1] and (not output.exists() or is_series(output))
    return bool(source.parts) and absolute(source.path) == root and fits


def folder_name(name: str) -> str:
    """The name for a folder of slices, which must not look like that of a file.

    >>> folder_name("scan.v2"), folder_name("1.2.840.7")
    ('scan_v2', '1.2.840.7')
    """
    return name.replace(".", "_") if split_suffix(Path(name))[1] else name


def is_folder(output: str, *, several: bool) -> bool:
    """Whether what was typed for the output means a folder for outputs, there or not.

    Raises
    ------
    SettingError
        One file for several inputs.
    """
    path = Path(output)
    if _names_store(path):
        if several:
            raise SettingError(f"{output} is named like one image, and there are several inputs; expected a folder")
        return False
    if path.is_dir() or output.endswith(("/", os.sep)) or not path.suffix:
        return True
    if not several:
        return False
    # `results.v2` may well be a folder, `results.tif` or `results.jpeg` is a mistake
    if path.is_file() or re.fullmatch(r"\.[A-Za-z]{2,11}", path.suffix):
        raise SettingError(
            f"{output} is named like a file, and the inputs are a folder or several files; expected a folder"
        )
    return True


def names_file(path: Path) -> bool:
    """Whether a name is that of a file of a format that can be written."""
    try:
        return bool(split_suffix(path)[1] and output_format(path))
    except UnwritableFileError:
        return False


def _names_store(path: Path) -> bool:
    """Whether a name is that of one image that is a folder, there or not."""
    try:
        return bool(path.suffix) and output_format(path) in FOLDERS
    except UnwritableFileError:
        return False


def _holding(name: Path, pixel_type: PixelType) -> Path:
    """The name, as a TIFF where a file named like this could not hold the pixel type that was asked for."""
    held = _ONLY.get(name.suffix.lower())
    return name if pixel_type is None or held is None or str(pixel_type) in held else name.with_suffix(".tif")
