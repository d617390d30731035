"""MRC files written: the original's bytes but for pixels and statistics; mrcfile opens and validates them."""

import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import mrcfile
import numpy as np
import pytest

from noise2detail.errors import UnwritableFileError
from noise2detail.image import Image
from noise2detail.io import default_output, open_image, save_image
from noise2detail.io.wish import wishing
from noise2detail.plans import Provenance

mrc: Any = mrcfile

Noise = Callable[..., Any]
Real = Callable[[str], Path]

STATISTICS = {"dmin", "dmax", "dmean", "rms"}
NOTE = b"Denoised with noise2detail 0.1.0: method noise2detail, recipe fast, seed 7"


def volume(path: Path, pixels: Any, labels: int = 1, extended: int = 160) -> Path:
    """A file in which every field of the header that may be set is set."""
    with mrc.new(path, overwrite=True) as file:
        file.set_data(pixels)
        file.voxel_size = (2.0, 3.0, 4.0)
        if extended:
            file.set_extended_header(np.frombuffer(bytes(range(extended)), f"V{extended}"))
            file.header.exttyp = b"FEI1"
        file.header.origin = (1.5, -2.5, 3.5)
        file.header.nxstart, file.header.nystart, file.header.nzstart = -4, 5, 6
        file.header.cellb = (80.0, 90.0, 100.0)
        file.header.nlabl = labels
        file.header.label[0] = b""
        for at in range(labels):
            file.header.label[at] = f"label {at}".encode()
    return path


def patch(path: Path, form: str, at: int, *values: Any) -> Path:
    content = bytearray(path.read_bytes())
    struct.pack_into(form, content, at, *values)
    path.write_bytes(content)
    return path


def header_of(path: Path) -> dict[str, Any]:
    with mrc.open(path, permissive=True) as file:
        return {name: file.header[name].tolist() for name in file.header.dtype.names}


def differing(one: Path, other: Path) -> set[str]:
    before, after = header_of(one), header_of(other)
    return {name for name in before if repr(before[name]) != repr(after[name])}


def back(path: Path, **changes: Any) -> Path:
    return save_image(replace(open_image(path), **changes), default_output(path), source=path)


@pytest.mark.parametrize("shape", [(9, 8), (3, 9, 8), (4, 3, 9, 8)])
@pytest.mark.parametrize("dtype", ["i1", "<i2", ">i2", "<u2", ">u2", "<f4", ">f4", "<f2", ">f2"])
def test_every_byte_comes_back(tmp_path: Path, noise: Noise, dtype: str, shape: tuple[int, ...]) -> None:
    pixels = noise(shape, np.dtype(dtype).newbyteorder("=").name).astype(dtype)
    path = volume(tmp_path / "v.mrc", pixels)
    output = back(path)
    assert output.name == "v_denoised.mrc"
    assert differing(path, output) <= STATISTICS
    assert output.read_bytes()[1024:] == path.read_bytes()[1024:]
    assert mrc.validate(output)
    with mrc.open(output) as file:
        np.testing.assert_array_equal(file.data, pixels, strict=True)


@pytest.mark.parametrize("order", ["<", ">"])
def test_statistics_are_those_of_the_new_pixels(tmp_path: Path, noise: Noise, order: str) -> None:
    path = volume(tmp_path / "v.mrc", noise((3, 9, 8), "float32").astype(f"{order}f4"))
    values = noise((3, 9, 8), "float32", seed=5) * np.float32(7) + np.float32(100)
    output = back(path, array=values)
    assert mrc.validate(output)
    after = header_of(output)
    assert (after["dmin"], after["dmax"]) == (values.min(), values.max())
    assert after["dmean"] == pytest.approx(values.mean(dtype="f8"))
    assert after["rms"] == pytest.approx(values.std(dtype="f8"))
    assert differing(path, output) == STATISTICS


def test_statistics_without_what_is_no_number(tmp_path: Path, noise: Noise) -> None:
    values = noise((3, 9, 8), "float32")
    values[1, 2, 3:6] = np.nan, np.inf, -np.inf
    path = save_image(Image(values, "ZYX"), tmp_path / "v.mrc")
    finite = values[np.isfinite(values)]
    assert [header_of(path)[name] for name in ("dmin", "dmax")] == [finite.min(), finite.max()]
    assert header_of(path)["rms"] == pytest.approx(finite.std(dtype="f8"))
    np.testing.assert_array_equal(open_image(back(path)).array, values)
    nothing = save_image(Image(np.full((3, 9, 8), np.nan, np.float32), "ZYX"), tmp_path / "nan.mrc")
    assert mrc.validate(nothing), "marked as not determined"


@pytest.mark.parametrize(("labels", "expected"), [(0, 1), (1, 2), (9, 10), (10, 10)])
def test_note_is_a_label_where_there_is_room(
    tmp_path: Path, noise: Noise, labels: int, expected: int, provenance: Provenance
) -> None:
    path = volume(tmp_path / "v.mrc", noise((3, 9, 8), "int16"), labels)
    output = save_image(open_image(path), tmp_path / "out.mrc", provenance=provenance)
    assert mrc.validate(output)
    before, after = header_of(path), header_of(output)
    assert after["nlabl"] == expected
    assert after["label"][:labels] == before["label"][:labels]
    assert (NOTE in b"".join(after["label"])) == (labels < 10)
    assert differing(path, output) <= STATISTICS | {"nlabl", "label"}


def test_label_that_was_not_counted_stays(tmp_path: Path, noise: Noise, provenance: Provenance) -> None:
    path = patch(volume(tmp_path / "v.mrc", noise((9, 8), "int16"), 3), "<i", 220, 1)
    output = save_image(open_image(path), tmp_path / "out.mrc", provenance=provenance)
    assert header_of(output)["label"][:3] == header_of(path)["label"][:3]
    assert mrc.validate(output)


def test_half_floats(tmp_path: Path, noise: Noise, caplog: pytest.LogCaptureFixture) -> None:
    path = volume(tmp_path / "v.mrc", noise((3, 9, 8), "float16"))
    values = noise((3, 9, 8), "float32") * np.float32(1e5)
    values[0, 0, :2] = np.nan, np.inf
    output = back(path, array=values)
    assert "rounded to half floats (mode 12), as in the original" in caplog.text
    with mrc.open(output) as file:
        assert int(file.header.mode) == 12
        limited = np.where(np.isfinite(values), np.clip(values, -65504, 65504), values)
        np.testing.assert_array_equal(file.data, limited.astype(np.float16), strict=True)


@pytest.mark.parametrize("stored", ["float16", "int16", "uint16", "int8"])
def test_floats_that_were_asked_for(tmp_path: Path, noise: Noise, stored: str) -> None:
    path = volume(tmp_path / "v.mrc", noise((3, 9, 8), stored))
    values = noise((3, 9, 8), "float32")
    output = save_image(wishing(replace(open_image(path), array=values), np.dtype("float32")), tmp_path / "out.mrc")
    with mrc.open(output) as file:
        np.testing.assert_array_equal(file.data, values, strict=True)
    assert mrc.validate(output)
    assert differing(path, output) == STATISTICS | {"mode"}
    assert output.read_bytes()[1024:1184] == path.read_bytes()[1024:1184]


def test_axes_that_are_stored_in_another_order(tmp_path: Path, noise: Noise) -> None:
    for order in ((3, 1, 2), (2, 3, 1), (2, 1, 3)):
        path = volume(tmp_path / "v.map", noise((3, 9, 8), "int16"))
        patch(path, "<3i", 64, *order)
        output = save_image(open_image(path), tmp_path / "out.map", overwrite=True)
        assert output.read_bytes()[1024:] == path.read_bytes()[1024:]
        assert differing(path, output) <= STATISTICS


@pytest.mark.parametrize("flags", [0, 1])
def test_bytes_of_imod(tmp_path: Path, noise: Noise, flags: int) -> None:
    path = patch(volume(tmp_path / "v.st", noise((3, 9, 8), "int8")), "<4si", 152, b"IMOD", flags)
    output = back(path)
    assert output.read_bytes()[1024:] == path.read_bytes()[1024:]
    assert output.read_bytes()[152:160] == path.read_bytes()[152:160]
    values = noise((3, 9, 8), "int8", seed=3)
    signed = save_image(wishing(replace(open_image(path), array=values), np.dtype("int8")), tmp_path / "out.st")
    np.testing.assert_array_equal(open_image(signed).array, values, strict=True)


def test_colours_come_back(tmp_path: Path, noise: Noise) -> None:
    path = volume(tmp_path / "v.mrc", noise((9, 8), "int8"), extended=0)
    path.write_bytes(path.read_bytes()[:1024] + noise((9, 8, 3), "uint8").tobytes())
    output = back(patch(path, "<i", 12, 16))
    assert output.read_bytes()[1024:] == path.read_bytes()[1024:]
    assert output.read_bytes()[:76] == path.read_bytes()[:76]
    image = open_image(path)
    with pytest.raises(UnwritableFileError, match=r"cannot hold colours of float32"):
        save_image(replace(image, array=np.asarray(image.array, np.float32)), tmp_path / "out.mrc")


def deltavision(path: Path, pixels: Any, order: str, swapped: bool) -> Path:
    content = bytearray(1024)
    struct.pack_into(f"{order}4i", content, 0, 8, 9, len(pixels), 6)
    struct.pack_into(f"{order}3i3f", content, 28, 1, 1, 1, 0.25, 0.25, 0.5)
    struct.pack_into(f"{order}3i", content, 64, 1, 2, 3)
    for at, pair in ((96, (-16224, 0)), (180, (2, 2)), (196, (3, 525))):
        struct.pack_into(f"{order}2h", content, at, *(pair[::-1] if swapped else pair))
    struct.pack_into(f"{order}3f", content, 208, 1.5, 2.5, 3.5)
    struct.pack_into(f"{order}i80s", content, 220, 1, b"a title")
    struct.pack_into(f"{order}i", content, 92, 64)
    path.write_bytes(bytes(content) + bytes(range(64)) + pixels.astype(f"{order}u2").tobytes())
    return path


@pytest.mark.parametrize("swapped", [False, True])
@pytest.mark.parametrize("order", ["<", ">"])
def test_deltavision(tmp_path: Path, noise: Noise, order: str, swapped: bool, provenance: Provenance) -> None:
    path = deltavision(tmp_path / "v.dv", noise((12, 9, 8)), order, swapped)
    image = open_image(path)
    assert image.axes == "TCZYX"
    values = noise((2, 3, 2, 9, 8), seed=4)
    output = save_image(replace(image, array=values), default_output(path), provenance=provenance)
    assert output.name == "v_denoised.dv"
    before, after = path.read_bytes(), output.read_bytes()
    changed = {at for at in range(1088) if before[at] != after[at]}
    for at, channel in zip((76, 136, 144), np.moveaxis(values, 1, 0), strict=True):
        assert struct.unpack_from(f"{order}2f", after, at) == (channel.min(), channel.max())
        changed -= set(range(at, at + 8))
    assert struct.unpack_from(f"{order}f", after, 84)[0] == pytest.approx(values[:, 0].mean())
    changed -= set(range(84, 88))
    assert changed <= (set() if swapped else set(range(220, 224)) | set(range(304, 384))), "one more title at most"
    assert (NOTE in after) != swapped
    assert after[1088:] == values.astype(f"{order}u2").tobytes()


def test_axes_that_only_the_user_knows(tmp_path: Path, noise: Noise) -> None:
    path = volume(tmp_path / "v.mrc", noise((3, 9, 8), "int16"))
    samples = replace(open_image(path, "SYX"), array=noise((3, 9, 8), "float32"))
    assert open_image(save_image(samples, tmp_path / "s.mrc")).array.dtype == np.float32
    output = save_image(open_image(path, "TYX"), tmp_path / "out.mrc")
    assert output.read_bytes()[1024:] == path.read_bytes()[1024:]
    assert differing(path, output) <= STATISTICS


@pytest.mark.parametrize("change", ["crop", "pixel size"])
def test_what_no_longer_fits_is_said(
    tmp_path: Path, noise: Noise, change: str, caplog: pytest.LogCaptureFixture
) -> None:
    image = open_image(volume(tmp_path / "v.mrc", noise((3, 9, 8), "int16")))
    changed = {
        "crop": replace(image, array=image.array[:, 1:]),
        "pixel size": replace(image, pixel_size_um={"X": 5.0, "Y": 5.0, "Z": 5.0}),
    }[change]
    output = save_image(changed, tmp_path / "out.mrc")
    np.testing.assert_array_equal(open_image(output).array, changed.array)
    assert open_image(output).pixel_size_um == pytest.approx(dict(changed.pixel_size_um))
    assert mrc.validate(output)
    assert "fields of the MRC header" in caplog.text


@pytest.mark.parametrize(
    ("dtype", "stored"),
    [
        *(("int8", "int8"), ("bool", "int8"), ("uint8", "uint16"), ("int16", "int16"), ("uint16", "uint16")),
        *(("float16", "float32"), ("float32", "float32"), ("float64", "float32"), (">f4", "float32")),
    ],
)
def test_types_from_elsewhere(
    tmp_path: Path, noise: Noise, dtype: str, stored: str, caplog: pytest.LogCaptureFixture
) -> None:
    pixels = noise((3, 9, 8), np.dtype(dtype).newbyteorder("=").name).astype(dtype)
    path = save_image(Image(pixels, "ZYX", {"X": 2e-4, "Y": 3e-4, "Z": 4e-4}), tmp_path / "v.mrc")
    assert mrc.validate(path)
    with mrc.open(path) as file:
        np.testing.assert_array_equal(file.data, pixels.astype(stored), strict=True)
        assert file.is_volume()
        assert file.voxel_size.tolist() == pytest.approx((2.0, 3.0, 4.0))
    assert (f"is written as {stored}" in caplog.text) == (stored != np.dtype(dtype).newbyteorder("=").name)


@pytest.mark.parametrize(
    ("shape", "axes", "read"),
    [
        ((9, 8), "YX", (9, 8)),
        ((3, 9, 8), "ZYX", (3, 9, 8)),
        ((5, 9, 8), "TYX", (5, 1, 9, 8)),
        ((5, 3, 9, 8), "TZYX", (5, 3, 9, 8)),
        ((1, 3, 1, 9, 8), "TZCYX", (3, 9, 8)),
    ],
)
def test_axes_from_elsewhere(
    tmp_path: Path, noise: Noise, shape: tuple[int, ...], axes: str, read: tuple[int, ...]
) -> None:
    path = save_image(Image(noise(shape, "int16"), axes, {"X": 0.1, "Y": 0.1}, 2.0), tmp_path / "v.mrc")
    assert mrc.validate(path)
    with mrc.open(path) as file:
        assert file.data.shape == read


@pytest.mark.parametrize(
    ("name", "shape", "axes", "dtype", "found"),
    [
        ("v.mrc", (2, 9, 8), "CYX", "uint16", "axes CYX (2, 9, 8)"),
        ("v.mrc", (2, 3, 9, 8), "ZTYX", "uint16", "axes ZTYX"),
        ("v.mrc", (9, 8, 3), "YXS", "uint8", "axes YXS"),
        ("v.mrc", (9, 8, 1), "YXC", "uint16", "axes YXC"),
        ("v.mrc", (9, 8), "YX", "int32", "cannot hold int32"),
        ("v.dv", (9, 8), "YX", "uint16", "only from DeltaVision files"),
    ],
)
def test_refused(
    tmp_path: Path, noise: Noise, name: str, shape: tuple[int, ...], axes: str, dtype: str, found: str
) -> None:
    with pytest.raises(UnwritableFileError) as caught:
        save_image(Image(noise(shape, dtype), axes), tmp_path / name)
    assert found in str(caught.value)
    assert caught.value.remedy
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["v.mrc", "v.mrcs", "v.map", "v.rec", "v.st", "v.ali", "v.preali", "v.MRC"])
def test_every_name(tmp_path: Path, noise: Noise, name: str) -> None:
    output = back(volume(tmp_path / name, noise((9, 8), "int16")))
    assert output.name == name.replace("v.", "v_denoised.")


def test_real_file_comes_back(real: Real, tmp_path: Path, provenance: Provenance) -> None:
    source = real("biosr/Microtubules_mrc/SIM_gt.mrc")
    image = open_image(source)
    values = np.ascontiguousarray(image.array[::-1])
    output = save_image(replace(image, array=values), tmp_path / "out.mrc", source=source, provenance=provenance)
    before, after = source.read_bytes(), output.read_bytes()
    assert len(after) == len(before)
    assert before[:76] == after[:76]
    assert struct.unpack_from("<2f", after, 76) == (values.min(), values.max())
    assert before[88:1024] == after[88:1024], "its text has changed byte order, so no label is put between"
    with pytest.warns(RuntimeWarning), mrc.open(output, permissive=True) as file:
        np.testing.assert_array_equal(file.data, values, strict=True)
