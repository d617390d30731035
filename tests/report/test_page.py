"""The trust page as text: what is in the file, how large it is, and that no string in it becomes markup."""

import base64
import hashlib
import html
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from noise2detail.errors import InputError
from noise2detail.image import Image
from noise2detail.report.budget import LARGEST_PAGE
from noise2detail.report.coding import foretold_bytes, pack, unpack
from noise2detail.report.grid import Grid, binned, grid_of
from noise2detail.report.page import Overlay, Page, Picture, Section, StackAxis, Table, Verdict, Viewer
from noise2detail.report.pictures import viewer_of
from noise2detail.report.render import KEYS, in_script, render, shortened

HOSTILE = "<script>alert(1)</script>\"'&</style></title>\u2028\u2029\x00{{ 7 * 7 }}{% raw %}"
Array = NDArray[Any]


class Read:
    """A page as its reader has it: the data and the planes, undone by the slow decoder."""

    def __init__(self, page: Page, largest: int = LARGEST_PAGE) -> None:
        self.content = render(page, largest)
        self.text = self.content.decode()
        found = re.search(r'<script type="application/json" id="page-data">(.*?)</script>', self.text, re.DOTALL)
        assert found is not None
        self.data: Any = json.loads(found.group(1))
        self.notes = " ".join(map(html.unescape, re.findall(r"<li>(.*?)</li>", self.text)))

    def stream(self, number: int) -> bytes:
        found = re.search(rf'<script type="text/plain" id="stream-{number}">(.*?)</script>', self.text)
        assert found is not None
        return base64.b64decode(found.group(1))

    def values(self, picture: int, plane: int = 0, channel: int = 0, layer: int = 0) -> Array:
        """What the page shows of a plane, NaN in gaps."""
        one = self.data["pictures"][picture]["planes"][plane][channel][layer]
        shape = one["height"], one["width"]
        base = None
        if one["base"] is not None:
            other = self.data["pictures"][one["base"]]["planes"][plane][channel][layer]
            base = unpack(self.stream(other["data"]), shape, None).astype(int) * other["step"] // one["step"]
            base = base.astype(np.uint16)
        codes = unpack(self.stream(one["data"]), shape, base).astype(float)
        values: Array = one["offset"] + one["scale"] * (codes * one["step"] + (one["step"] - 1) // 2)
        if one["gaps"] is not None:
            values[unpack(self.stream(one["gaps"]), shape, None) == 1] = np.nan
        return values


def pair(noisy: Array, denoised: Array, axes: str = "YX", **facts: Any) -> Page:
    return Page("x.tif", viewer=viewer_of({"noisy": Image(noisy, axes), "denoised": Image(denoised, axes)}, **facts))


def grey(shape: tuple[int, ...], seed: int = 0) -> tuple[Array, Array]:
    """A noisy and a denoised image of 16 bits."""
    rng = np.random.default_rng(seed)
    y, x = np.indices(shape[-2:])
    clean = 20000 + 9000 * np.sin(x / 40) * np.cos(y / 60) + np.zeros(shape)
    return rng.normal(clean, 300).round().astype(np.uint16), clean.round().astype(np.uint16)


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint16])
def test_whole_numbers_are_carried_exactly(dtype: Any) -> None:
    noisy = np.random.default_rng(0).integers(np.iinfo(dtype).min, np.iinfo(dtype).max, (17, 23), dtype, True)
    denoised = (noisy // 3).astype(dtype)
    read = Read(pair(noisy, denoised))
    np.testing.assert_array_equal(read.values(0), noisy)
    np.testing.assert_array_equal(read.values(1), denoised)
    assert "exactly as they are in the file" in read.notes


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int32, ">f4", ">u2", np.float16])
def test_other_numbers_are_carried_to_one_of_65536_steps(dtype: Any) -> None:
    noisy = (np.random.default_rng(0).normal(size=(20, 30)) * 1e4).clip(0).astype(dtype)
    denoised = (noisy * 0.5).astype(dtype)
    read = Read(pair(noisy, denoised))
    step = float(noisy.max()) / 65535
    np.testing.assert_allclose(read.values(0), noisy, atol=0.51 * step)
    np.testing.assert_allclose(read.values(1), denoised, atol=0.51 * step)
    assert read.data["ranges"][0]["high"] == float(noisy.max())


def test_gaps_stay_gaps() -> None:
    noisy = np.random.default_rng(0).normal(5, 1, (16, 24)).astype(np.float32)
    noisy[3:9, 4:20] = np.nan
    noisy[0, 0] = np.inf
    read = Read(pair(noisy, np.where(np.isfinite(noisy), 5, np.nan).astype(np.float32)))
    np.testing.assert_array_equal(np.isnan(read.values(0)), ~np.isfinite(noisy))
    assert Read(pair(np.full((8, 8), np.nan), np.full((8, 8), np.nan))).data["ranges"][0]["low"] == 0


def test_one_wild_value_does_not_take_all_the_steps() -> None:
    noisy = np.random.default_rng(0).normal(5, 1, (64, 64))
    noisy[2, 2] = 1e30
    read = Read(pair(noisy, noisy))
    np.testing.assert_allclose(np.delete(read.values(0), 2, 0), np.delete(noisy, 2, 0), atol=0.02)
    assert "Values beyond are shown as the nearest" in read.notes


@pytest.mark.parametrize("value", [0, 7, -3.5])
def test_constant_images_and_images_without_noise(value: float) -> None:
    flat = np.full((12, 9), value)
    read = Read(pair(flat, flat))
    np.testing.assert_allclose(read.values(0), flat)
    ramp = np.arange(108, dtype=np.uint8).reshape(12, 9)
    np.testing.assert_array_equal(Read(pair(ramp, ramp)).values(1), ramp)


def test_a_large_pair_with_overlays_stays_within_the_budget() -> None:
    noisy, denoised = (np.tile(one, (4, 4)) for one in grey((512, 512)))
    maps = tuple(Overlay(name, denoised * 0.1, "", "diverging") for name in ("uncertainty", "structure", "third"))
    read = Read(pair(noisy, denoised, overlays=maps, noise=(300.0,)))
    assert 2**20 < len(read.content) <= LARGEST_PAGE
    layer = read.data["pictures"][0]["planes"][0][0][0]
    assert (layer["height"], layer["width"], layer["factor"]) == (2048, 2048, 1)
    assert layer["step"] <= 300 / 8
    assert f"in steps of {layer['step']}" in read.notes
    assert "1/8 of the noise" in read.notes


@pytest.mark.parametrize(("largest", "parts"), [(400_000, 2), (220_000, 1)])
def test_what_is_far_too_large_is_averaged_and_the_middle_kept(largest: int, parts: int) -> None:
    noisy, denoised = grey((400, 500))
    read = Read(pair(noisy, denoised, noise=(1.0,)), largest)
    assert len(read.content) <= largest
    assert "The image is averaged over" in read.notes
    layers = read.data["pictures"][0]["planes"][0][0]
    assert len(layers) == parts
    assert 1 < layers[0]["factor"] < 8
    np.testing.assert_allclose(read.values(0), binned(noisy, layers[0]["factor"]), atol=1)
    if parts == 2:
        assert (layers[1]["top"], layers[1]["left"]) == (72, 122)
        np.testing.assert_array_equal(read.values(0, layer=1), noisy[72:328, 122:378])


def test_of_a_stack_of_500_the_middle_is_whole_and_the_others_are_thumbnails() -> None:
    noisy, denoised = grey((5, 256, 256))
    planes = [[image[number % 5 : number % 5 + 1] for number in range(500)] for image in (noisy, denoised)]
    viewer = Viewer((Picture("noisy", planes[0]), Picture("denoised", planes[1])), chosen=250)
    read = Read(Page("stack", viewer=viewer))
    assert LARGEST_PAGE / 2 < len(read.content) <= LARGEST_PAGE
    layers = [plane[0] for plane in read.data["pictures"][0]["planes"]]
    assert [len(plane) for plane in layers] == [1] * 500
    whole = [number for number, plane in enumerate(layers) if plane[0]["factor"] == 1]
    assert 1 <= len(whole) < 50
    assert 250 in whole
    np.testing.assert_array_equal(read.values(0, 250), noisy[0])
    small, factor = read.values(0, 3), layers[3][0]["factor"]
    np.testing.assert_allclose(small, binned(noisy[3], factor), atol=layers[3][0]["scale"])
    assert f"{factor} x {factor} pixels are averaged" in read.notes


def test_pixels_that_take_more_than_foretold_are_packed_anew() -> None:
    noisy, denoised = grey((1024, 512))
    starts = np.linspace(0, 1024 - 16, 8).astype(int)
    seen = np.unique([start + row for start in starts for row in range(16)])
    noisy[seen] = denoised[seen] = 20000
    read = Read(pair(noisy, denoised, noise=(300.0,)), 1_000_000)
    assert len(read.content) <= 1_000_000


def test_the_description_of_many_planes_counts_too() -> None:
    plane = np.arange(3 * 30 * 40, dtype=np.uint16).reshape(3, 30, 40)
    pictures = tuple(Picture(name, [plane] * 300) for name in ("noisy", "denoised"))
    read = Read(Page("many", viewer=Viewer(pictures, channels=("a", "b", "c"))), 1_200_000)
    assert len(read.content) <= 1_200_000


def test_a_short_stack_is_whole() -> None:
    noisy, denoised = grey((2, 3, 40, 50))
    read = Read(pair(noisy, denoised, "TZYX", chosen=4))
    for plane in range(6):
        np.testing.assert_array_equal(read.values(0, plane), noisy.reshape(6, 40, 50)[plane])
    assert [axis["name"] for axis in read.data["stack"]] == ["time", "z"]
    assert read.data["chosen"] == 4


class Tags(HTMLParser):
    """Counts elements and keeps the text outside of scripts and styles."""

    def __init__(self, content: str) -> None:
        super().__init__(convert_charrefs=True)
        self.scripts: list[tuple[dict[str, str | None], str]] = []
        self.attributes: set[str] = set()
        self.texts: list[str] = []
        self.inside = ""
        self.feed(content)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.inside = tag
        self.attributes |= {name for name, _ in attributes}
        if tag == "script":
            self.scripts.append((dict(attributes), ""))

    def handle_endtag(self, tag: str) -> None:
        self.inside = ""

    def handle_data(self, data: str) -> None:
        if self.inside == "script":
            facts, text = self.scripts[-1]
            self.scripts[-1] = facts, text + data
        elif self.inside != "style":
            self.texts.append(data)


def hostile_page(name: str) -> Page:
    noisy, denoised = grey((16, 16))
    images = {name: Image(noisy[None], "CYX", channel_names=(name,)), "other": Image(denoised[None], "CYX")}
    maps = (Overlay(name, denoised * 1.0, name, note=name),)
    sections = (Section(name, (name,), table=Table((name, name), ((name, name),)), facts={name: name}, missing=name),)
    viewer = viewer_of(images, maps, unit=name)
    return Page(name, Verdict("bad", name), viewer, {name: name}, sections, (name,), {name: name}, name, name)


@pytest.mark.parametrize(
    "name", [HOSTILE, HOSTILE + "y" * 10_000, "\udcff\udc80 bytes"], ids=["short", "long", "bytes"]
)
def test_no_string_becomes_markup(name: str) -> None:
    plain, hostile = Tags(render(hostile_page("plain")).decode()), Tags(render(hostile_page(name)).decode())
    assert [facts for facts, _ in hostile.scripts] == [facts for facts, _ in plain.scripts]
    assert hostile.attributes == plain.attributes
    assert not [name for name in hostile.attributes if name.startswith("on") or name == "style"]
    # scripts that run are ours, letter by letter
    assert [text for facts, text in hostile.scripts if not facts] == [
        text for facts, text in plain.scripts if not facts
    ]
    shown = name.encode("utf-8", "replace").decode().replace("\x00", "\ufffd")
    assert any(shown in text.replace("\x00", "\ufffd") for text in hostile.texts)
    assert "49" not in "".join(text for text in hostile.texts if "7 * 7" not in text and len(text) < 20)


def test_json_cannot_end_its_element() -> None:
    data = {"name": HOSTILE, "number": float("nan"), "more": [float("inf"), 1.5]}
    text = str(in_script(data))
    assert not set("<>&\u2028\u2029") & set(text)
    assert json.loads(text) == {"name": HOSTILE, "number": None, "more": [None, 1.5]}


def test_only_our_own_script_and_style_may_run() -> None:
    text = render(pair(*grey((16, 16)))).decode()
    policy = html.unescape(re.search(r'Content-Security-Policy" content="([^"]*)"', text).group(1))  # type: ignore[union-attr]
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'"
    assert rules["img-src"] == "data: blob:"
    assert "unsafe" not in policy
    for tag in ("script", "style"):
        (content,) = re.findall(rf"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert rules[f"{tag}-src"] == f"'sha256-{digest}'"
        assert "</" not in content
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", text)
    assert not re.search(r"\s(src|href)=\"(?!#)", text)


def test_parts_without_content_are_left_out() -> None:
    bare = render(Page("bare")).decode()
    for word in ("<canvas", "Facts", "Provenance", "<pre", 'id="page-data"'):
        assert word not in bare
    page = Page("p", sections=(Section("Empty"), Section("Uncertainty", missing="It was not asked for.")))
    text = render(page).decode()
    assert "Empty" not in text
    assert "It was not asked for." in text


def test_pictures_that_do_not_fit_together_are_refused() -> None:
    noisy, denoised = grey((16, 16))
    first, second = Picture("noisy", [noisy[None]]), Picture("other", [denoised[None, :8]])
    with pytest.raises(InputError, match="'other' has 1 planes of shape"):
        Viewer((first, second))
    with pytest.raises(InputError, match="no picture"):
        Viewer(())
    good = Viewer((first,))
    for wrong, said in (
        ({"channels": ("a", "b")}, "2 channel names for 1"),
        ({"chosen": 1}, "plane 1 is to be shown"),
        ({"stack": (StackAxis("z", 3),)}, "3 places for 1 planes"),
        ({"overlays": (Overlay("map", noisy[:4]),)}, "'map' has shape"),
    ):
        with pytest.raises(InputError, match=said):
            replace(good, **wrong)
    with pytest.raises(InputError, match="expected YX"):
        viewer_of({"noisy": Image(noisy, "YX"), "other": Image(noisy[None], "ZYX")})


@pytest.mark.parametrize("base", [True, False])
def test_packing_is_undone(base: bool) -> None:
    rng = np.random.default_rng(0)
    codes, other = rng.integers(0, 65536, (2, 19, 31)).astype(np.uint16)
    codes[:5] = 65535
    prediction = other if base else None
    np.testing.assert_array_equal(unpack(pack(codes, prediction), codes.shape, prediction), codes)
    noise = rng.normal(1000, 40, (400, 200)).round().astype(np.uint16)
    flat = np.full_like(noise, 1000) if base else None
    assert foretold_bytes(noise, flat) == pytest.approx(len(pack(noise, flat)), rel=0.06)


def test_averaging_leaves_gaps_out() -> None:
    values = np.arange(35, dtype=np.float32).reshape(5, 7)
    values[0:2, 0:2] = np.nan
    values[2, 2] = np.nan
    small = binned(values, 2)
    assert small.shape == (3, 4)
    assert np.isnan(small[0, 0])
    assert small[1, 1] == pytest.approx(np.nanmean(values[2:4, 2:4]))
    assert small[2, 3] == values[4, 6]


def test_grids_hold_every_plane_of_a_stack() -> None:
    assert grid_of([np.array([[5, 9]], np.uint16)], True) == Grid(0.0, 1.0, exact=True)
    wide = grid_of([np.array([[0.0, 1.0]])], True)
    assert wide.offset <= -0.5
    assert wide.offset + wide.scale * 65535 == pytest.approx(1.5)
    eight = grid_of([np.array([[0.0, 255.0]])], False, 255)
    np.testing.assert_array_equal(eight.codes(np.array([[-9.0, 3.4, 300.0]])), [[0, 3, 255]])


def test_every_key_is_documented() -> None:
    page = (Path(__file__).parents[2] / "docs" / "how-to" / "report.md").read_text(encoding="utf-8")
    for keys, what in KEYS:
        assert f"| {' '.join(f'`{key}`' for key in keys)} | {what} |" in page


def test_long_names_are_shortened_in_the_middle() -> None:
    assert shortened("short", 20) == "short"
    assert shortened("a" * 50 + "b" * 50, 30).startswith("a" * 20)
    assert shortened("a" * 50 + "b" * 50, 30).endswith("b" * 7)
    assert len(shortened("a" * 100, 30)) <= 30
