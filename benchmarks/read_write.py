"""What it costs to read and write with everything kept and checked, beside the bare libraries; and the memory it takes.

    python benchmarks/read_write.py --gib 2

Time: an image is copied by ``open_image`` and ``save_image``, which read what they wrote again, and by the library that
both sides use: page by page with tifffile, row of chunks by row of chunks with zarr, with the same chunks and
compression. Both flush every file to the disk (fsync) before the clock stops. The two take turns, which begins changes
from round to round, and the ratio is that of each round; the median of the rounds counts. The source has just been
written, so as much of it as fits is in the memory of the system, for both.

Memory: the peak of a fresh process that runs ``n2d convert --max-memory`` (``VmHWM``: what ``ru_maxrss`` says, without
what the parent held when it started the process).
"""

import argparse
import json
import logging
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import tifffile
import zarr
from pydicom.dataset import FileDataset, FileMetaDataset

from noise2detail.io import open_image, save_image
from noise2detail.types import Pixels
from record import write_result

RESULT = Path(__file__).resolve().parent / "results" / "read-write.md"
SIDE = 1024
CHUNK = (1, SIDE, SIDE)
OVERHEAD, OVER_LIMIT = 0.15, 150
"""Bars: time over that of the bare library; MiB over ``--max-memory``."""
CT = "1.2.840.10008.5.1.4.1.1.2"

LONG, MOST = 60, 15
"""Seconds and rounds, until one of which is reached further rounds are run."""

Copy = Callable[[Path, Path], object]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gib", type=float, default=2.0, help="size of each image")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--max-memory", type=int, default=512, metavar="MIB")
    parser.add_argument("--folder", type=Path, help="where the images are made; default: that for temporary files")
    args = parser.parse_args()
    logging.disable(logging.WARNING)
    planes = max(8, round(args.gib * 2**30 / (2 * SIDE**2)))
    with tempfile.TemporaryDirectory(dir=args.folder) as folder:
        sources = {kind: make(Path(folder), planes) for kind, make in MADE.items()}
        times = {kind: timed(sources[kind], bare, args.rounds) for kind, bare in BARE.items()}
        peaks = {kind: peak(source, args.max_memory) for kind, source in sources.items()}
    keep(args, planes, times, peaks)


def pages(planes: int) -> Iterator[Pixels]:
    """Photon noise: eight planes of it, each time a little brighter, because the generator is slow."""
    generator = np.random.default_rng(0)
    drawn = [generator.poisson(200, (SIDE, SIDE)).astype(np.uint16) for _ in range(8)]
    for number in range(planes):
        yield drawn[number % 8] + np.uint16(number // 8)


def make_tiff(folder: Path, planes: int) -> Path:
    path = folder / "source.ome.tif"
    metadata = {"axes": "ZYX", "PhysicalSizeX": 0.2, "PhysicalSizeY": 0.2, "PhysicalSizeZ": 0.5}
    with tifffile.TiffWriter(path, ome=True, bigtiff=True) as writer:
        writer.write(pages(planes), shape=(planes, SIDE, SIDE), dtype=np.uint16, metadata=metadata)
    return path


def make_zarr(folder: Path, planes: int) -> Path:
    path = folder / "source.ome.zarr"
    axes: Any = [{"name": axis, "type": "space", "unit": "micrometer"} for axis in "zyx"]
    scale = [{"type": "scale", "scale": [0.5, 0.2, 0.2]}]
    datasets = [{"path": "0", "coordinateTransformations": scale}]
    said: Any = {"version": "0.5", "multiscales": [{"axes": axes, "datasets": datasets}]}
    group = zarr.open_group(path, mode="w", zarr_format=3, attributes={"ome": said})
    array = group.create_array("0", shape=(planes, SIDE, SIDE), chunks=CHUNK, dtype="uint16")
    for number, page in enumerate(pages(planes)):
        array[number] = page
    return path


def make_series(folder: Path, planes: int) -> Path:
    path = folder / "series"
    path.mkdir()
    study, series = pydicom.uid.generate_uid(), pydicom.uid.generate_uid()
    for number, page in enumerate(pages(planes)):
        meta = FileMetaDataset()
        meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
        meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = pydicom.uid.UID(CT), pydicom.uid.generate_uid()
        one: Any = FileDataset("", {}, file_meta=meta, preamble=bytes(128))
        one.SOPClassUID, one.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
        one.StudyInstanceUID, one.SeriesInstanceUID, one.Modality = study, series, "CT"
        one.ImageOrientationPatient, one.ImagePositionPatient = [1, 0, 0, 0, 1, 0], [0, 0, number]
        one.PixelSpacing, one.RescaleSlope, one.RescaleIntercept = [0.5, 0.5], "1", "-1024"
        one.Rows, one.Columns, one.SamplesPerPixel, one.PhotometricInterpretation = SIDE, SIDE, 1, "MONOCHROME2"
        one.BitsAllocated, one.BitsStored, one.HighBit, one.PixelRepresentation = 16, 12, 11, 0
        one.PixelData = page.tobytes()
        one["PixelData"].VR = "OW"
        one.save_as(path / f"{number:05}.dcm", enforce_file_format=True)
    return path


MADE: dict[str, Callable[[Path, int], Path]] = {"OME-TIFF": make_tiff, "OME-Zarr": make_zarr, "DICOM": make_series}


def bare_tiff(source: Path, target: Path) -> None:
    with tifffile.TiffFile(source) as tif, tifffile.TiffWriter(target, ome=True, bigtiff=True) as writer:
        series: Any = tif.series[0]
        read = (page.asarray() for page in series.pages)
        writer.write(read, shape=series.shape, dtype=series.dtype, metadata={"axes": series.axes})


def bare_zarr(source: Path, target: Path) -> None:
    before: Any = zarr.open_group(source, mode="r")
    after = zarr.open_group(target, mode="w", zarr_format=3, attributes=before.attrs.asdict())
    array: Any = before["0"]
    copied = after.create_array(
        "0", shape=array.shape, chunks=array.chunks, dtype=array.dtype, compressors=array.compressors
    )
    together = 32  # chunks, of 2 MiB each: they are packed at the same time
    for start in range(0, array.shape[0], together * CHUNK[0]):
        copied[start : start + together * CHUNK[0]] = array[start : start + together * CHUNK[0]]


BARE: dict[str, Copy] = {"OME-TIFF": bare_tiff, "OME-Zarr": bare_zarr}


def ours(source: Path, target: Path) -> None:
    save_image(open_image(source), target, source=source)


def timed(source: Path, bare: Copy, rounds: int) -> list[tuple[float, float]]:
    """Seconds of our copy and of the bare one, round by round: so many, and more where they are short and so vary."""
    found: list[tuple[float, float]] = []
    while len(found) < rounds or (len(found) < MOST and sum(map(sum, found)) < LONG):
        number = len(found)
        sides = {"ours": ours, "bare": bare}
        order = list(sides) if number % 2 else list(sides)[::-1]
        seconds = {name: seconds_of(sides[name], source, flushed=name == "ours") for name in order}
        found.append((seconds["ours"], seconds["bare"]))
    return found


def seconds_of(copy: Copy, source: Path, *, flushed: bool) -> float:
    """Of one copy, until it is on the disk; ours flushes by itself."""
    target = source.with_name("copy" + "".join(source.suffixes))
    os.sync()
    start = time.perf_counter()
    copy(source, target)
    if not flushed:
        flush(target)
    seconds = time.perf_counter() - start
    remove(target)
    return seconds


def flush(path: Path) -> None:
    for file in path.rglob("*") if path.is_dir() else (path,):
        if file.is_file():
            with file.open("rb+") as stream:
                os.fsync(stream.fileno())


def remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()


def peak(source: Path, limit: int) -> float:
    """MiB at the peak of the command."""
    target = source.with_name("converted" + "".join(source.suffixes))
    program = [sys.executable, "-c", "from noise2detail.cli.main import main; main()"]
    words = ["convert", str(source), str(target), "--max-memory", f"{limit}MiB", "--json"]
    done = subprocess.run([*program, *words], capture_output=True, text=True, check=True)
    remove(target)
    return max(float(json.loads(line)["peak_mib"]) for line in done.stdout.splitlines())


def keep(
    args: argparse.Namespace, planes: int, times: dict[str, list[tuple[float, float]]], peaks: dict[str, float]
) -> None:
    size = f"{planes * SIDE**2 * 2 / 2**30:.3g} GiB, {planes} planes of {SIDE}x{SIDE}, uint16"
    ratios = {kind: [ours / bare for ours, bare in rounds] for kind, rounds in times.items()}
    lines = [f"Each image: {size}. Bars: {OVERHEAD:.0%} of time, {OVER_LIMIT} MiB of memory over the limit.", ""]
    lines += [
        "| copy, read again, on the disk | ours, s | bare, s | overhead, median | of each round |",
        "|---|---|---|---|---|",
    ]
    for kind, rounds in times.items():
        middle = [statistics.median(side) for side in zip(*rounds, strict=True)]
        each = ", ".join(f"{ratio - 1:+.0%}" for ratio in ratios[kind])
        lines.append(
            f"| {kind} | {middle[0]:.2f} | {middle[1]:.2f} | {statistics.median(ratios[kind]) - 1:+.0%} | {each} |"
        )
    lines += ["", f"| n2d convert --max-memory {args.max_memory}MiB | peak, MiB |", "|---|---|"]
    lines += [f"| {kind} | {found:.0f} |" for kind, found in peaks.items()]
    print("\n".join(lines))
    figures = {"gib": args.gib, "seconds": times, "ratios": ratios, "peak_mib": peaks, "limit_mib": args.max_memory}
    write_result(RESULT, "Reading and writing beside the bare libraries", lines, figures)


if __name__ == "__main__":
    main()
