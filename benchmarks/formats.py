"""Real files of every format: what is read of them, and whether saving them keeps everything.

    python benchmarks/formats.py --data ../shared/data/formats

Every image of every file and Zarr store is opened, saved without a change under the name that a result would get,
and opened again. Pixels are compared bit by bit, then axes, pixel size, time increment and names of channels. Files of
the same folder and format whose rows would be alike are one row.
"""

import argparse
import logging
import tempfile
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np

from noise2detail.errors import Noise2DetailError, UnreadableFileError
from noise2detail.image import Image
from noise2detail.io import default_output, image_names, open_image, save_image
from noise2detail.io.names import output_format
from record import write_result

RESULTS = Path(__file__).resolve().parent / "results"


@dataclass(frozen=True)
class Row:
    """What became of one image."""

    place: str
    name: str
    cells: tuple[str, ...]
    """Format, axes and size, pixel type, pixel size, format of the result, what was kept; or one: why not."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    args = parser.parse_args()
    logging.disable(logging.WARNING)
    with tempfile.TemporaryDirectory() as folder:
        rows = [row for path in images(args.data) for row in rows_of(path, args.data, Path(folder))]
    figures = {"rows": [[row.place, row.name, *row.cells] for row in rows]}
    write_result(RESULTS / "formats.md", "Real files of every format", lines(rows), figures)


def images(data: Path) -> list[Path]:
    """Files and Zarr stores, but not what lies in a store."""
    found: list[Path] = []
    for path in sorted(data.rglob("*")):
        if any(store in path.parents for store in found if store.is_dir()):
            continue
        if path.suffix == ".zarr" or (path.is_file() and path.suffix not in {".txt", ".json", ".md"}):
            found.append(path)
    return found


def rows_of(path: Path, data: Path, folder: Path) -> list[Row]:
    """One for each image of a file."""
    try:
        count = len(image_names(path))
    except UnreadableFileError:
        count = 1
    return [row_of(path, data, folder, None if count == 1 else number) for number in range(count)]


def row_of(path: Path, data: Path, folder: Path, number: int | None) -> Row:
    """Open, save, open again."""
    place, name = str(path.parent.relative_to(data)), path.name + ("" if number is None else f", image {number}")
    try:
        image = open_image(path, image=number)
    except UnreadableFileError as error:
        return Row(place, name, (f"{error.found}; {error.remedy}",))
    target = folder / default_output(path).name
    try:
        found = open_image(save_image(image, target, overwrite=True))
    except Noise2DetailError as error:
        return Row(place, name, (f"not written: {error}",))
    size = " ".join(f"{axis} {n}" for axis, n in zip(image.axes, image.array.shape, strict=True))
    microns = " ".join(f"{axis} {value:.4g}" for axis, value in image.pixel_size_um.items())
    cells = (image.format, size, str(image.array.dtype), microns, output_format(target), kept(image, found))
    return Row(place, name, cells)


def kept(image: Image, found: Image) -> str:
    """What is the same; what is not, in capitals."""
    one, other = np.asarray(image.array), np.asarray(found.array)
    lengths = [
        [(axis, n) for axis, n in zip(each.axes, each.array.shape, strict=True) if n > 1 or axis in "YX"]
        for each in (image, found)
    ]
    facts = {
        "pixels": one.dtype == other.dtype and one.tobytes() == other.tobytes(),
        "axes": lengths[0] == lengths[1],
        "size": dict(image.pixel_size_um) == dict(found.pixel_size_um),
        "time": image.time_increment == found.time_increment,
        "channels": image.channel_names == found.channel_names,
    }
    lost = [name.upper() for name, same in facts.items() if not same]
    return "everything" if not lost else f"LOST {', '.join(lost)}"


def lines(rows: list[Row]) -> list[str]:
    """A table of what is read, and one of what is refused."""
    read = [row for row in rows if len(row.cells) > 1]
    refused = [row for row in rows if len(row.cells) == 1]
    text = [f"{len(read)} images are read and come back, {len(refused)} are refused.", ""]
    text += [
        "| file | format | size | type | pixel size, um | becomes | kept of pixels, axes, pixel size, time, channels |",
        "|---|---|---|---|---|---|---|",
    ]
    for (place, cells), same in groupby(read, key=lambda row: (row.place, row.cells)):
        names = [row.name for row in same]
        name = names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"
        text.append(f"| {place}/{name} | " + " | ".join(cells) + " |")
    text += ["", "| refused | because |", "|---|---|"]
    text += [f"| {row.place}/{row.name} | {row.cells[0]} |" for row in refused]
    return text


if __name__ == "__main__":
    main()
