"""Pixels of scans that were never measured: which they are, that nothing looks at them, and that they come back."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from tests.dicom_material import dataset, write

from noise2detail import Run, denoise, plan
from noise2detail.cli.frames import with_frames
from noise2detail.errors import InputError
from noise2detail.io import describe, open_image, save_image
from noise2detail.io.dicom_padding import outside_of_view
from noise2detail.methods.noise2fast import Noise2Fast
from noise2detail.pipeline.noise import channel_noise
from noise2detail.types import Pixels

Real = Callable[[str], Path]
SIDE = 96
CPU = Run(device="cpu", precision="float32", threads=1)


def round_scan(seed: int = 0, outside: int = -2000, top: int = 400) -> tuple[Pixels, Pixels]:
    """A noisy disc in a square that is filled with one value, and where it is."""
    y, x = np.mgrid[:SIDE, :SIDE] - (SIDE - 1) / 2
    within = np.hypot(x, y) < SIDE / 2 - 1
    body = 40 + top * (np.hypot(x - 6, y) < SIDE / 4)
    noisy = body + np.random.default_rng(seed).normal(0, 20, (SIDE, SIDE))
    return np.where(within, np.rint(noisy), outside).astype(np.int16), within


def padded(path: Path, pixels: Pixels, padding: int | None, limit: int | None = None, **fields: Any) -> Path:
    made = dataset(pixels, **({"RescaleSlope": "1", "RescaleIntercept": "-24"} | fields))
    for name, value in (("PixelPaddingValue", padding), ("PixelPaddingRangeLimit", limit)):
        if value is not None:
            made.add_new(name, "SS", value)
    made.save_as(path, enforce_file_format=True)
    return path


@pytest.mark.parametrize(
    ("padding", "limit", "modality"),
    [(-2000, None, "CT"), (-2000, None, "MR"), (-1900, -2100, "MR"), (-2100, -1900, "MR"), (None, None, "CT")],
    ids=["value", "value-mr", "range", "range-up", "unnamed"],
)
def test_what_was_not_measured(padding: int | None, limit: int | None, modality: str, tmp_path: Path) -> None:
    pixels, within = round_scan()
    image = open_image(padded(tmp_path / "a.dcm", pixels, padding, limit, Modality=modality))
    assert image.no_data is not None
    np.testing.assert_array_equal(image.no_data, ~within)
    assert f"{np.mean(~within):.1%} of the pixels" in dict(describe(image))["not measured"]


def test_what_was_measured(tmp_path: Path) -> None:
    pixels, _ = round_scan()
    assert open_image(padded(tmp_path / "a.dcm", pixels, None, Modality="MR")).no_data is None
    for change in ((0, 0, -1999), (SIDE // 2, 5, -2001)):
        other = pixels.copy()
        other[change[:2]] = change[2]
        assert open_image(padded(tmp_path / "b.dcm", other, None)).no_data is None, "corners differ, or are not lowest"
    flat = np.full((9, 8), 7, np.int16)
    assert outside_of_view(flat) is None
    flat[1:-1, 1:-1] = 8
    flat[0, 3] = 8
    assert outside_of_view(flat) is not None
    assert outside_of_view(np.pad(flat[1:-1, 1:-1], 1, mode="edge")) is None


def test_air_whose_noise_was_cut_off_is_measured() -> None:
    pixels, within = round_scan(outside=0, top=400)
    air = np.random.default_rng(1).normal(-5, 20, pixels.shape).clip(0).astype(np.int16)
    scan = np.where(within & (pixels < 200), air, pixels)
    found = outside_of_view(scan)
    assert found is not None
    assert found[~within].all()
    y, x = np.mgrid[:SIDE, :SIDE] - (SIDE - 1) / 2
    assert np.hypot(x, y)[found].min() > SIDE / 2 - 4, "but for slivers along the border"
    assert (within & (scan == 0)).sum() > 500


@pytest.mark.parametrize("method", ["median", "noise2fast"])
def test_the_work_does_not_see_it_and_it_stays(method: str, tmp_path: Path) -> None:
    results = []
    for value in (-2000, 3000):
        pixels, within = round_scan(outside=value)
        image = open_image(padded(tmp_path / "a.dcm", pixels, value))
        made: Any = method
        if method == "noise2fast":
            made = Noise2Fast(steps=6, width=8, every=2, passes=2)
        result = np.asarray(denoise(image, method=made, run=CPU).array)
        assert (result[~within] == value - 24).all()
        assert (result[within] != np.asarray(image.array)[within]).mean() > 0.5
        results.append(result[within])
    np.testing.assert_array_equal(results[0], results[1])


def test_the_noise_is_that_of_what_was_measured(tmp_path: Path) -> None:
    sigmas, plans = [], []
    for value in (-2000, 3000):
        image = open_image(padded(tmp_path / "a.dcm", round_scan(outside=value, top=0)[0], value))
        (channel,) = channel_noise(image)
        sigmas.append(channel.measurement.model.sigma)
        made = plan(image, method="auto", run=CPU)
        assert "% of the pixels were not measured" in str(made)
        plans.append((made.value_maps, made.noise, made.settings, made.why))
    assert plans[0] == plans[1]
    assert sigmas[0] == sigmas[1] == pytest.approx(20, rel=0.2)


def test_slices_with_scales_of_their_own(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    before = []
    for place, (slope, intercept) in enumerate([("1", "-24"), ("2", "-1000"), ("0.5", "3")]):
        pixels, within = round_scan(place)
        before.append(pixels)
        fields: dict[str, Any] = {"RescaleSlope": slope, "RescaleIntercept": intercept, "SeriesInstanceUID": "1.2.3"}
        fields |= {"ImageOrientationPatient": [1, 0, 0, 0, 1, 0], "ImagePositionPatient": [0, 0, place]}
        padded(folder / f"{place}.dcm", pixels, -2000, None, PixelSpacing=[1, 1], **fields)
    image = open_image(folder)
    np.testing.assert_array_equal(image.no_data, np.stack([~within] * 3))
    result = denoise(image, method="median", run=CPU)
    save_image(result, tmp_path / "out")
    values = np.asarray(result.array)
    for place, (factor, offset) in enumerate([(1, -24), (2, -1000), (0.5, 3)]):
        after = pydicom.dcmread(tmp_path / "out" / f"{place}.dcm").pixel_array
        assert (after[~within] == -2000).all()
        expected = np.rint((values[place][within].astype(np.float64) - offset) / factor)
        np.testing.assert_array_equal(after[within], expected)


def test_recordings_keep_their_masks(tmp_path: Path) -> None:
    first, second = (padded(tmp_path / f"{n}.dcm", round_scan(n)[0], -2000) for n in range(2))
    joined = with_frames(open_image(first), [second], None)
    assert isinstance(joined.array, np.ma.MaskedArray)
    np.testing.assert_array_equal(joined.array.mask, np.stack([~round_scan()[1]] * 2))


def test_a_mask_of_another_shape_is_refused(tmp_path: Path) -> None:
    image = open_image(padded(tmp_path / "a.dcm", round_scan()[0], -2000))
    with pytest.raises(InputError, match=r"no_data has the shape \(3, 3\)"):
        denoise(replace(image, no_data=np.zeros((3, 3), bool)), method="median", run=CPU)


def test_colours_have_no_padding(tmp_path: Path) -> None:
    image = open_image(write(tmp_path / "a.dcm", np.zeros((16, 16, 3), np.uint8), PixelPaddingValue=0))
    assert image.no_data is None


def test_a_real_head(real: Real) -> None:
    path = real("ct_head") / "12.dcm"
    header = pydicom.dcmread(path)
    image = open_image(path)
    np.testing.assert_array_equal(image.no_data, header.pixel_array == -1500)
    y, x = np.mgrid[:512, :512] - 255.5
    assert np.hypot(x, y)[np.asarray(image.no_data)].min() > 240, "nothing within the circle"


def test_a_real_abdomen(real: Real) -> None:
    image = open_image(real("ct_spleen") / "slice_66.dcm")
    assert image.no_data is not None
    values, mask = np.asarray(image.array), np.asarray(image.no_data)
    assert (values[mask] == -1024).all()
    y, x = np.mgrid[:512, :512] - 255.5
    assert mask[np.hypot(x, y) > 257].all()
    assert (mask & (np.hypot(x, y) < 253)).sum() < 100, "air within the circle was measured, at its lowest value too"
    assert (~mask & (values == -1024)).sum() > 10_000
