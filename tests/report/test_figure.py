"""Figures as they lie in the file: pixels, bars, text and fonts are read back."""

import io
import re
import zlib
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from noise2detail.errors import InputError, SettingError
from noise2detail.report.figure import FORMATS, SIZES, Drawn, Picture, draw
from noise2detail.report.figure_layout import Box, Content, Page, Sheet, lay_out
from noise2detail.report.figure_marks import Marks
from noise2detail.report.insets import Part
from noise2detail.report.lettering import shortened, shown, width_of, wrapped
from noise2detail.report.line_profile import Line, check_line, profile
from noise2detail.report.scale_bar import scale_bar
from noise2detail.report.shades import NO_DATA, Shades, limits_of, symmetric

ABOUT = {"program": "noise2detail 0", "command": "n2d figure a.tif b.tif", "shown": "black is 0, white 100"}
PAGE = Page(85, 72)
RNG = np.random.default_rng(0)
NOISY = RNG.uniform(-20, 120, (20, 30))
CLEAN = RNG.uniform(0, 30, (20, 30))
SHADES = Shades(0, 100, 0.5)
PART = Part(4, 6, 8, 10)


def figure(marks: Marks, kind: str = "png", page: Page = PAGE, label: str = "clean") -> Drawn:
    pictures = [Picture(NOISY, "noisy", SHADES), Picture(CLEAN, label, SHADES, ("PSNR 30.00 dB",))]
    return draw(pictures, marks, page, kind, ABOUT)


def pixels_of(drawn: Drawn) -> NDArray[np.uint8]:
    with Image.open(io.BytesIO(drawn.content)) as picture:
        return np.asarray(picture.convert("RGB"))


def sheet_of(marks: Marks, page: Page = PAGE) -> Sheet:
    down, across = marks.pixel_size_um or (1.0, 1.0)
    return lay_out(Content(2, (20, 30), marks.parts, 1, marks.line is not None, down / across), page)


def within(values: NDArray[np.uint8], box: Box) -> NDArray[np.uint8]:
    return values[box.top : box.top + box.height, box.left : box.left + box.width]


def mapped(plane: NDArray[np.float64]) -> NDArray[np.float64]:
    """The map of the shades, written down once more."""
    return np.floor(255 * np.sqrt(np.minimum(np.maximum(plane, 0), 100) / 100) + 0.5)


def test_pixels_are_squares_of_dots_with_the_mapped_value() -> None:
    sheet, values = sheet_of(Marks()), pixels_of(figure(Marks()))
    assert values.shape[:2] == (sheet.height, sheet.width)
    for plane, panel in zip((NOISY, CLEAN), sheet.panels, strict=True):
        found = within(values, panel.overview)
        dots = panel.overview.width // 30
        assert found.shape == (20 * dots, 30 * dots, 3)
        expected = mapped(plane).repeat(dots, 0).repeat(dots, 1)
        assert np.array_equal(found, np.repeat(expected[..., None], 3, -1))


def test_a_magnified_part_shows_its_pixels() -> None:
    marks = Marks(parts=(PART,))
    sheet, values = sheet_of(marks), pixels_of(figure(marks))
    for plane, panel in zip((NOISY, CLEAN), sheet.panels, strict=True):
        (box,) = panel.insets
        dots = box.width // PART.width
        assert dots > panel.overview.width // 30
        assert np.array_equal(within(values, box)[..., 0], mapped(plane[4:12, 6:16]).repeat(dots, 0).repeat(dots, 1))
        # the frame is around the part, not upon it
        across = panel.overview.width // 30
        inner = within(values, panel.overview)[4 * across : 12 * across, 6 * across : 16 * across, 0]
        assert np.array_equal(inner, mapped(plane[4:12, 6:16]).repeat(across, 0).repeat(across, 1))


@pytest.mark.parametrize("grey", [0.0, 100.0])
@pytest.mark.parametrize("pixel_size", [0.05, 0.9])
def test_the_bar_is_as_long_as_it_says(grey: float, pixel_size: float) -> None:
    flat, page = np.full((100, 150), grey), Page(85, 150)
    drawn = draw([Picture(flat, "flat", SHADES)], Marks(pixel_size_um=(pixel_size,) * 2), page, "png", ABOUT)
    panel = lay_out(Content(1, (100, 150)), page).panels[0].overview
    found = within(pixels_of(drawn), panel)[..., 0]
    front = 255 if grey == 0 else 0
    runs = [len(run) for row in found == front for run in re.findall("1+", "".join("01"[int(v)] for v in row))]
    expected = scale_bar(150, pixel_size).pixels * panel.width / 150
    assert max(runs) == pytest.approx(expected, abs=1)


def test_without_a_pixel_size_there_is_no_bar() -> None:
    flat = np.zeros((100, 150))
    drawn = draw([Picture(flat, "flat", SHADES)], Marks(), PAGE, "png", ABOUT)
    panel = lay_out(Content(1, (100, 150)), PAGE).panels[0].overview
    assert not within(pixels_of(drawn), panel).any()


def test_long_pixels_are_drawn_long() -> None:
    marks = Marks(pixel_size_um=(2.0, 1.0))
    panel = sheet_of(marks).panels[0].overview
    assert panel.height / panel.width == pytest.approx(2 * 20 / 30, rel=0.02)


@pytest.mark.parametrize("kind", FORMATS)
def test_the_same_again_is_the_same_file(kind: str) -> None:
    marks = Marks((PART,), Line(2, 3, 15, 20), (0.1, 0.1))
    first, second = (figure(marks, kind).content for _ in range(2))
    assert first == second
    # nothing that looks like a date
    assert not re.search(rb"20\d\d-\d\d-\d\d|D:20\d\d", first)


def test_the_width_is_as_asked_and_the_density_at_least() -> None:
    for width, dpi in ((85.0, 150.0), (60.0, 72.0)):
        drawn = figure(Marks(parts=(PART,)), page=Page(width, dpi))
        assert drawn.width_mm == pytest.approx(width, abs=3 * 25.4 / drawn.dpi)
        assert drawn.dpi >= dpi
        with Image.open(io.BytesIO(drawn.content)) as picture:
            assert picture.width * 25.4 / drawn.dpi == pytest.approx(drawn.width_mm)
            assert picture.info["dpi"][0] == pytest.approx(drawn.dpi, rel=1e-3)
            assert picture.info["Software"] == "noise2detail 0"
            assert picture.info["Comment"] == ABOUT["command"]


def streams(content: bytes) -> list[bytes]:
    """Everything in a PDF that was compressed."""
    found = []
    for raw in re.findall(rb"stream\r?\n(.*?)endstream", content, re.DOTALL):
        try:
            found.append(zlib.decompress(raw))
        except zlib.error:
            continue
    return found


def test_a_pdf_has_text_and_truetype_fonts() -> None:
    marks = Marks((PART,), Line(2, 3, 15, 20), (0.1, 0.1))
    content = figure(marks, "pdf", Page(180, 300), label="clean $x_1$").content
    assert b"/FontFile2" in content
    assert b"/Type3" not in content
    drawing = b"\n".join(streams(content)).decode("latin-1")
    # letters are of one byte or of two, and a line is broken where two of them move together
    shown_text = "".join(re.findall(r"\(((?:[^()\\]|\\.)*)\)", drawing)).replace("\0", "")
    assert b"/ToUnicode" in content
    for text in ("noisy", "clean $x_1$", "PSNR 30.00 dB", "intensity"):
        assert text in shown_text
    sizes = [float(size) for size in re.findall(r"/F\d+(?:-\d+)? ([\d.]+) Tf", drawing)]
    assert sizes
    assert min(sizes) >= 6
    assert b"/CreationDate" not in content


def test_the_pixels_of_a_pdf_are_those_of_the_image() -> None:
    content = figure(Marks(), "pdf").content
    assert len(re.findall(rb"/Width 30\b", content)) == 2
    assert len(re.findall(rb"/Height 20\b", content)) == 2


def test_an_svg_has_text_and_pixels() -> None:
    root = ElementTree.fromstring(figure(Marks(), "svg", label='<b>&"').content)
    texts = [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]
    assert {"noisy", '<b>&"', "PSNR 30.00 dB"} <= set(texts)
    assert len(list(root.iter("{http://www.w3.org/2000/svg}image"))) == 2


def test_letters_are_large_enough() -> None:
    assert min(SIZES.values()) >= 6


@settings(deadline=None, max_examples=40)
@given(
    st.integers(1, 9),
    st.tuples(st.integers(16, 3000), st.integers(16, 9000)),
    st.sampled_from([85.0, 180.0]),
    st.integers(0, 3),
    st.sampled_from([0.5, 1.0, 1.7]),
)
def test_nothing_overlaps(panels: int, shape: tuple[int, int], width: float, parts: int, stretch: float) -> None:
    chosen = tuple(Part(2 * n, 3, 8 + n, 10) for n in range(parts))
    sheet = lay_out(Content(panels, shape, chosen, 2, True, stretch), Page(width))
    boxes = [box for panel in sheet.panels for box in (panel.title, panel.overview, *panel.insets, panel.facts)]
    boxes += [sheet.profile] if sheet.profile else []
    for number, one in enumerate(boxes):
        assert min(one.left, one.top, one.width, one.height) >= 0
        assert one.left + one.width <= sheet.width
        assert one.top + one.height <= sheet.height
        for other in boxes[:number]:
            assert (
                one.left >= other.left + other.width
                or other.left >= one.left + one.width
                or one.top >= other.top + other.height
                or other.top >= one.top + one.height
            )
    for panel in sheet.panels:
        assert panel.overview.width % -(-shape[1] // sheet.every) == 0
        for part, box in zip(chosen, panel.insets, strict=True):
            assert (box.width % part.width, box.height % part.height) == (0, 0)
    assert sheet.dpi >= 300 - 1e-6


def test_huge_images_show_every_nth_pixel() -> None:
    sheet = lay_out(Content(2, (9000, 9000)), Page(180))
    assert sheet.every == 3
    assert sheet.dpi <= 1200


def test_what_has_no_value_has_a_colour_of_its_own() -> None:
    shades = Shades(0, 10).of(np.array([[0.0, np.nan], [10.0, np.inf]]))
    assert shades.tolist() == [[[0, 0, 0], list(NO_DATA)], [[255, 255, 255], list(NO_DATA)]]
    assert len(set(NO_DATA)) > 1


def test_limits_and_residuals() -> None:
    values = np.arange(101.0).reshape(1, -1)
    assert limits_of(values, (5, 95)) == (5.0, 95.0)
    assert limits_of(np.full((4, 4), 7), (5, 95)) == (7.0, 8.0)
    with pytest.raises(InputError, match="no pixel"):
        limits_of(np.full((4, 4), np.nan), (5, 95))
    for wrong in ((95, 5), (-1, 50), (50, 101)):
        with pytest.raises(SettingError, match="percentiles"):
            limits_of(values, wrong)
    shades = symmetric([np.array([[-3.0, 3.0, 0.0]])])
    assert shades.low == -shades.high
    assert shades.of(np.zeros((1, 1)))[0, 0].tolist() == [128, 128, 128]
    with pytest.raises(SettingError, match="lower one first"):
        Shades(3, 3)
    with pytest.raises(SettingError, match="gamma"):
        Shades(0, 1, 0)


def test_a_profile_has_the_values_of_pixels() -> None:
    plane = np.add.outer(100 * np.arange(10), np.arange(12)).astype(float)
    assert profile(plane, Line(3, 2, 3, 6)).tolist() == [302, 303, 304, 305, 306]
    assert profile(plane, Line(6, 1, 2, 1)).tolist() == [601, 501, 401, 301, 201]
    assert profile(plane, Line(0, 0, 2, 4)).tolist() == [0, 101, 102, 203, 204]
    assert Line(0, 0, 3, 4).distances((2.0, 2.0))[-1] == 10
    for wrong in (Line(0, 0, 10, 0), Line(0, 0, 0, 12), Line(-1, 0, 3, 3), Line(2, 2, 2, 2)):
        with pytest.raises(SettingError, match="profile"):
            check_line(wrong, plane.shape)


def test_text_is_made_to_fit() -> None:
    long = "a name of a file that goes on and on and says at its end which one it is.tif"
    short = shortened(long, 7, 100)
    assert width_of(short, 7) <= 100
    assert short[:4] == long[:4]
    assert short[-4:] == long[-4:]
    assert shortened("short", 7, 100) == "short"
    assert len(shortened("x" * 10_000, 7, 100)) < 60
    lines = wrapped(long, 7, 100)
    assert " ".join(lines) == long
    assert max(width_of(line, 7) for line in lines) <= 100
    assert shown("tab\tand 日") == "tab\N{REPLACEMENT CHARACTER}and \N{REPLACEMENT CHARACTER}"


def test_pages_that_hold_nothing_are_refused() -> None:
    for wrong in ({"width_mm": 10}, {"dpi": 10}, {"columns": 0}, {"width_mm": float("nan")}):
        with pytest.raises(SettingError, match="expected"):
            Page(**wrong)
    with pytest.raises(SettingError, match="fewer columns"):
        lay_out(Content(8, (20, 20)), Page(85, columns=8))
