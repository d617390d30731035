"""ImageJ itself opens what is written and must see what was in the image; one start of Java serves all files."""

import math
import shutil
import struct
import subprocess
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from noise2detail.image import Image
from noise2detail.io import open_image, save_image
from noise2detail.types import Pixels

tiff: Any = tifffile

JARS = [Path("/usr/share/java/ij.jar"), Path("/usr/share/java/bsh.jar")]
SCRIPT = Path(__file__).with_name("imagej_judge.bsh")
MICRONS = {"X": 0.25, "Y": 0.2, "Z": 0.5}
FRESH: dict[str, tuple[tuple[int, ...], str, str, dict[str, float], float | None]] = {
    "plane": ((6, 7), "YX", "uint8", {"X": 0.25, "Y": 0.2}, None),
    "unscaled": ((6, 7), "YX", "uint16", {}, None),
    "stack": ((3, 6, 7), "ZYX", "uint16", MICRONS, None),
    "movie": ((5, 6, 7), "TYX", "float32", {"X": 0.25, "Y": 0.2}, 1.5),
    "channels": ((2, 6, 7), "CYX", "uint8", {}, None),
    "volume movie": ((2, 3, 6, 7), "TZYX", "uint16", MICRONS, 0.25),
    "everything": ((2, 3, 4, 6, 7), "TZCYX", "uint16", MICRONS, 2.5),
    "colour": ((6, 7, 3), "YXS", "uint8", {"X": 0.25, "Y": 0.2}, None),
    "signed": ((6, 7), "YX", "int16", {}, None),
}
"""Shape, axes, type, pixel size in micrometres, seconds between frames."""

pytestmark = pytest.mark.skipif(
    shutil.which("java") is None or not all(jar.exists() for jar in JARS),
    reason="ImageJ is not installed; on Debian: imagej, and bsh which calls it",
)

Said = Mapping[str, list[list[str]]]


def roi(left: int, top: int, right: int, bottom: int) -> bytes:
    """A rectangle as ImageJ stores it, of version 1.53."""
    head = struct.pack(">4sHBB4h", b"Iout", 228, 1, 0, top, left, bottom, right)
    return head + bytes(64 - len(head))


def imagej_file(path: Path, pixels: Pixels, byteorder: str, mode: str) -> Path:
    """A hyperstack with everything that ImageJ keeps beside the pixels."""
    ramp = np.arange(256, dtype=np.uint8)
    luts = [np.stack([ramp, ramp[::-1], ramp // 2]), np.stack([ramp // 3, ramp * 0, ramp])]
    tiff.imwrite(
        path,
        pixels,
        imagej=True,
        byteorder=byteorder,
        resolution=(4.0, 5.0),
        metadata={
            "axes": "TZCYX", "unit": "\\u00B5m", "spacing": 0.5, "finterval": 2.5, "mode": mode,
            "Info": "a note", "Labels": ["GFP", "DAPI"] * 6, "Ranges": [0.0, 100.0, 5.0, 200.0], "LUTs": luts,
            "ROI": roi(1, 2, 4, 5), "Overlays": [roi(0, 0, 3, 3), roi(2, 2, 6, 5)],
        },
    )  # fmt: skip
    return path


def originals(folder: Path, noise: Callable[..., Pixels]) -> dict[str, tuple[Path, Image]]:
    """Hyperstacks of ImageJ, each with what it is to become."""
    made = {}
    for byteorder in "<>":
        for mode in ("composite", "color", "grayscale"):
            name = f"{mode} {'little' if byteorder == '<' else 'big'}"
            source = imagej_file(folder / f"{name}.tif", noise((2, 3, 2, 6, 7)), byteorder, mode)
            image = open_image(source)
            made[name] = source, replace(image, array=noise((2, 3, 2, 6, 7), seed=7))
    return made


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Image, Said, Said | None]]:
    """The image, what ImageJ says of what became of it, and what it says of the file that it came from."""
    folder = tmp_path_factory.mktemp("imagej")
    images = {name: Image(made(of[0], of[2]), of[1], of[3], of[4]) for name, of in FRESH.items()}
    sources = originals(folder, made)
    images |= {name: image for name, (_, image) in sources.items()}
    named = Image(made((2, 6, 7), "uint16"), "CYX", {"X": 0.25, "Y": 0.2}, channel_names=("GFP", "DAPI"))
    images["named channels"] = named
    written = {name: save_image(image, folder / f"{name}_out.tif") for name, image in images.items()}
    told = ask([*written.values(), *(path for path, _ in sources.values())])
    return {
        name: (image, told[written[name]], told[sources[name][0]] if name in sources else None)
        for name, image in images.items()
    }


def made(shape: tuple[int, ...], dtype: str = "uint16", seed: int = 0) -> Pixels:
    return np.random.default_rng(seed).integers(0, 250, shape).astype(dtype)


def ask(paths: list[Path]) -> Mapping[Path, Said]:
    """What ImageJ says of each file, by the first word of the line."""
    java = ["java", "-Djava.awt.headless=true", "-Dfile.encoding=UTF-8", "-cp", ":".join(map(str, JARS))]
    command = [*java, "bsh.Interpreter", str(SCRIPT), *map(str, paths)]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", timeout=120, check=True)
    told: dict[Path, dict[str, list[list[str]]]] = {}
    for line in done.stdout.splitlines():
        word, *rest = line.split("\t")
        if word == "file":
            told[Path(rest[0])] = defaultdict(list)
        else:
            list(told.values())[-1][word].append(rest)
    assert list(told) == paths, done.stdout + done.stderr
    return told


NAMES = [*FRESH, *(f"{mode} {end}" for end in ("little", "big") for mode in ("composite", "color", "grayscale"))]


@pytest.mark.parametrize("name", [*NAMES, "named channels"])
def test_size_and_scale(name: str, judged: dict[str, tuple[Image, Said, Said | None]]) -> None:
    image, said, _ = judged[name]
    lengths = dict(zip(image.axes, image.array.shape, strict=True))
    found = [int(one) for (one,) in said["length"]]
    assert found == [lengths.get(axis, 1) for axis in "XYCZT"]
    scale = {axis: float(said[word][0][0]) for axis, word in zip("XYZ", ("width", "height", "depth"), strict=True)}
    assert scale == pytest.approx({axis: image.pixel_size_um.get(axis, 1.0) for axis in "XYZ"}, rel=1e-6)
    assert said["unit"] == [["µm" if image.pixel_size_um else "pixel"]]
    assert math.isclose(float(said["interval"][0][0]), image.time_increment or 0.0)


@pytest.mark.parametrize("name", [*NAMES, "named channels"])
def test_pixels(name: str, judged: dict[str, tuple[Image, Said, Said | None]]) -> None:
    image, said, _ = judged[name]
    pixels = np.asarray(image.array)
    if "S" in image.axes:
        flat = pixels.reshape(-1, 3).astype(int)
        packed = flat[:, 0] << 16 | flat[:, 1] << 8 | flat[:, 2]
        assert [int(one) for (one,) in said["rgb"]] == [packed[0], packed[len(packed) // 3], packed[-1]]
        return
    found = np.array([[float(value) for value in plane] for plane in said["values"]])
    # ImageJ shows signed numbers of 16 bits as unsigned ones, and says so with a calibration of -32768
    offset = 32768 if pixels.dtype == np.int16 else 0
    np.testing.assert_array_equal(found, pixels.reshape(found.shape).astype(float) + offset)


@pytest.mark.parametrize("name", [name for name in NAMES if name not in FRESH])
def test_all_else_is_as_in_the_original(name: str, judged: dict[str, tuple[Image, Said, Said | None]]) -> None:
    _, after, before = judged[name]
    assert before is not None
    assert {word: value for word, value in after.items() if word != "values"} == {
        word: value for word, value in before.items() if word != "values"
    }
    assert after["values"] != before["values"]
    assert after["roi"] == [["true"]]
    assert after["overlays"] == [["2"]]
    assert len(after["lut"]) == 2
    assert len(after["label"]) == 12


def test_names_of_channels_are_labels(judged: dict[str, tuple[Image, Said, Said | None]]) -> None:
    assert judged["named channels"][1]["label"] == [["GFP"], ["DAPI"]]
    assert judged["named channels"][1]["mode"] == [["composite"]]
