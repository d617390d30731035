"""Figures as SVG: where points, lines and ticks stand, and what the figures of the page show of known data."""

import re
from xml.etree import ElementTree

import numpy as np
import pytest

from noise2detail.image import Image
from noise2detail.noise.model import NoiseModel
from noise2detail.report import charts, curves
from noise2detail.report.charts import Chart, Mark, Series
from noise2detail.report.pictures import Planes, viewer_of
from noise2detail.report.ticks import linear_axis, log_axis, nice_step

FLOOR, RIGHT = charts.HEIGHT - charts.BOTTOM, charts.WIDTH - charts.RIGHT


def drawn(chart: Chart) -> list[tuple[str, str]]:
    """Class and path of everything that is drawn."""
    tree = ElementTree.fromstring(str(charts.svg(chart, "c1")))
    paths = [one for one in tree.iter() if one.tag.endswith("path")]
    return [(one.get("class", ""), one.get("d", "")) for one in paths]


def test_a_line_runs_from_corner_to_corner_and_breaks_at_gaps() -> None:
    x = np.array([0.0, 1, 2, 3, 4])
    whole = dict(drawn(Chart("t", "x", "y", (Series("a", x, x),))))["s0 line"]
    assert whole.startswith(f"M{charts.LEFT}.0 {FLOOR}.0L")
    assert whole.endswith(f"L{RIGHT}.0 {charts.TOP}.0")
    broken = dict(drawn(Chart("t", "x", "y", (Series("a", x, np.array([0, 1, np.nan, 3, 4])),))))["s0 line"]
    assert broken.count("M") == 2
    assert broken.count("L") == 2


def test_steps_points_bands_and_marks_lie_where_they_should() -> None:
    x, y = np.array([0.0, 1, 2]), np.array([0.0, 2])
    shown = dict(drawn(Chart("t", "x", "y", (Series("a", x, y, "steps"),))))
    middle = (charts.LEFT + RIGHT) / 2
    top = f"{charts.TOP}.0"
    assert shown["s0 steps"] == (
        f"M{charts.LEFT}.0 {FLOOR}.0L{middle:.1f} {FLOOR}.0L{middle:.1f} {top}L{RIGHT}.0 {top}"
    )
    cloud = Series("b", x, x, "points")
    band = Series("c", x, x - 1, "band", x + 1)
    shown = dict(drawn(Chart("t", "x", "y", (cloud, band), (Mark(1.0, "x", "half"), Mark(1.0, "y", "level")))))
    assert shown["s0 points"].count("h0") == 3
    assert shown["s1 band"].count("L") == 5
    assert shown["mark"] == f"M{charts.LEFT} {(FLOOR + charts.TOP) / 2:.1f}H{RIGHT}"


@pytest.mark.parametrize(("low", "high"), [(0, 1), (-3.2, 17), (1e-9, 5e-9), (1e6, 3e6), (5, 5), (0, 0), (-2, -2)])
def test_ticks_are_round_numbers_within_the_axis(low: float, high: float) -> None:
    axis = linear_axis(low, high, 100, 500)
    assert 3 <= len(axis.ticks) <= 8
    for place, label in axis.ticks:
        assert 100 <= place <= 500
        assert axis.places(np.array([float(label)]))[0] == pytest.approx(place, abs=0.01 * 400)
    assert len({label for _, label in axis.ticks}) == len(axis.ticks)


def test_logarithmic_ticks_are_powers_of_ten() -> None:
    axis = log_axis(0.002, 30_000, 0, 80)
    assert [label for _, label in axis.ticks] == ["10⁻³", "0.1", "10", "1000", "10⁵"]
    assert [place for place, _ in axis.ticks] == pytest.approx([0, 20, 40, 60, 80])
    assert np.isnan(axis.places(np.array([-1.0, 0.0]))).all()
    assert [nice_step(value) for value in (0.9, 1.1, 2.1, 5.1, 0.03)] == pytest.approx([1, 2, 5, 10, 0.05])


def test_names_are_escaped_and_empty_series_are_no_fault() -> None:
    nothing = np.empty(0)
    text = str(charts.svg(Chart("<b>", "<i>", "&", (Series("<u>", nothing, nothing),), (Mark(0.5, "x", "<s>"),)), "c"))
    assert not re.search(r"<[bius]>", text)
    assert charts.rows(Series("n", nothing, nothing)) == []
    long = np.arange(1000.0)
    rows = charts.rows(Series("n", long, long))
    assert len(rows) == charts.MOST_ROWS
    assert (rows[0], rows[-1]) == (("0", "0"), ("999", "999"))


def test_power_of_white_noise_is_its_variance() -> None:
    frequency, power = curves.radial_power(np.random.default_rng(0).normal(7, 3, (256, 200)))
    assert 0 < frequency[0] < frequency[-1] < 0.5
    assert power[5:].mean() == pytest.approx(9, rel=0.03)


def test_histograms_have_area_one_and_no_comb() -> None:
    values = np.random.default_rng(0).normal(100, 5, 10_000)
    for image in (values, values.round(), values.round() * 1000):
        (series,) = curves.histogram_chart({"noisy": image}).series
        assert (np.diff(series.x) * series.y).sum() == pytest.approx(1, abs=0.01)
    (whole,) = curves.histogram_chart({"noisy": values.round()}).series
    assert np.count_nonzero(whole.y[5:-5] == 0) == 0


def test_the_model_of_the_noise_is_drawn_over_the_points() -> None:
    model = NoiseModel(2.0, 10.0, 3.0)
    x = np.linspace(10, 100, 50)
    cloud, line = curves.noise_chart(x, model.gain * (x - 10) + 9, model, "HU").series
    np.testing.assert_allclose(np.interp(cloud.x, line.x, line.y), cloud.y)


def test_frequencies_become_those_of_the_specimen() -> None:
    chart = curves.ring_chart({"a": ([0.1, 0.5], [1.0, 0.2])}, 0.143, pixel_size_um=0.25, cutoffs={"cutoff": 0.3})
    np.testing.assert_allclose(chart.series[0].x, [0.4, 2.0])
    assert [mark.value for mark in chart.marks] == pytest.approx([0.143, 1.2])
    assert "cycles/µm" in chart.x_label


def test_planes_of_an_image_run_through_depth_first() -> None:
    array = np.arange(2 * 3 * 4 * 5 * 6).reshape(2, 3, 4, 5, 6)
    planes = Planes(Image(array, "TCZYX"))
    assert len(planes) == 8
    np.testing.assert_array_equal(planes[6], array[1, :, 2])
    np.testing.assert_array_equal(planes[6:8][1], array[1, :, 3])
    colours = Planes(Image(array[0, 0, :, :, :3], "YXS"))
    np.testing.assert_array_equal(colours[0], array[0, 0, :, :, :3].transpose(2, 0, 1))


def test_the_viewer_of_an_image_knows_its_axes() -> None:
    array = np.zeros((4, 2, 3, 8, 9), np.uint8)
    image = Image(array, "TCZYX", {"Z": 2.0, "Y": 0.5, "X": 0.25}, 1.5, ("DAPI", "GFP"))
    viewer = viewer_of({"noisy": image})
    assert [(axis.name, axis.size, axis.step, axis.unit) for axis in viewer.stack] == [
        ("time", 4, 1.5, "s"),
        ("z", 3, 2.0, "µm"),
    ]
    assert (viewer.channels, viewer.chosen, viewer.pixel_size_um) == (("DAPI", "GFP"), 7, (0.5, 0.25))
    hidden = Image(np.ones((8, 9), np.uint16), "YX", no_data=np.eye(8, 9, dtype=bool))
    assert np.isnan(viewer_of({"noisy": hidden}).pictures[0].planes[0]).sum() == 8
