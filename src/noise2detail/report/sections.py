"""The parts of a report below the images: figures and tables of what was measured."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from noise2detail.metrics.blind import ResidualTest
from noise2detail.metrics.decorrelation import decorrelation
from noise2detail.metrics.linearity import Linearity
from noise2detail.noise.blocks import look_at
from noise2detail.pipeline.noise import ChannelNoise
from noise2detail.report.charts import Chart, Mark, Series
from noise2detail.report.curves import histogram_chart, noise_chart, radial_power, spectrum_chart
from noise2detail.report.examining import Examination, Part, pixel_size, plane_of
from noise2detail.report.page import Section, Table
from noise2detail.report.pairing import Pair
from noise2detail.report.pictures import channel_names

CALM = 0.5
"""Share of the blocks that are drawn: those with the least structure."""

EXPECTED = (
    "What was taken away should be the noise and nothing else: a variance of 1 and a mean of 0 at every brightness. "
    "More variance: structure went along. Less: noise was left in. A mean off 0: intensities were shifted."
)

SMALLEST = 32
"""Side of an image in pixels whose finest detail can be told."""

FIGURES = 4
"""Channels that get figures of their own; all others are in the tables."""


def sections_of(pair: Pair, examined: Examination) -> tuple[Section, ...]:
    """What was measured, for the plane that is shown first."""
    parts = examined.of_plane(examined.chosen)
    return (
        _by_part(examined),
        _noise(examined.noise, channel_names(pair.noisy)),
        _taken_away(parts),
        _intensities(parts),
        _values(pair, parts),
        _finest_detail(pair, parts),
    )


def _by_part(examined: Examination) -> Section:
    """One row for every plane and channel; nothing where there is one only."""
    if len(examined.parts) == 1:
        return Section("Planes and channels")
    rows = tuple((part.name, part.verdict.level, _first(part)) for part in examined.parts)
    return Section("Planes and channels", table=Table(("part", "verdict", "above all"), rows))


def _first(part: Part) -> str:
    return part.verdict.reasons[0].sentence if part.verdict.reasons else ""


def _noise(noise: Sequence[ChannelNoise], names: Sequence[str]) -> Section:
    """Variance against mean of calm blocks, and the model."""
    charts, rows = [], []
    for number, (channel, name) in enumerate(zip(noise, names, strict=True)):
        found = channel.measurement
        model, error = found.model, found.uncertainty
        down, across = found.correlation
        rows.append(
            (
                name or "image",
                f"{model.gain:.4g} ± {error.gain:.2g}",
                f"{model.pedestal:.4g}",
                f"{model.sigma:.4g} ± {error.sigma:.2g}",
                f"{across:.2f}, {down:.2f}",
                f"{model.low:.4g} to {model.high:.4g}" if model.is_clipped else "nothing",
            )
        )
        if number < FIGURES and (model.gain or model.sigma):
            charts.append(_noise_figure(channel, name if len(names) > 1 else ""))
    head = ("channel", "gain", "pedestal", "read noise", "shared with the next pixel in x, y", "cut off outside")
    missing = "" if charts else "No noise was found in this image."
    return Section("Noise of the image", charts=tuple(charts), table=Table(head, tuple(rows)), missing=missing)


def _noise_figure(channel: ChannelNoise, name: str) -> Chart:
    blocks, _ = look_at(channel.planes, channel.valid, channel.measurement.autocorrelation)
    calm = blocks.chosen(blocks.rough <= np.quantile(blocks.rough, CALM)) if len(blocks) else blocks
    chart = noise_chart(calm.near, calm.fine, channel.measurement.model)
    return _named(chart, name)


def _named(chart: Chart, name: str) -> Chart:
    return replace(chart, title=f"{chart.title}, {name}") if name else chart


def _taken_away(parts: Sequence[Part]) -> Section:
    """Mean and variance of the residual by level, beside what the noise would give."""
    charts = tuple(
        _named(_residual_figure(part.evidence.residual), part.name)
        for part in parts[:FIGURES]
        if part.evidence.residual is not None and part.evidence.residual.testable
    )
    if not charts:
        return Section("What was taken away", missing="The residual could not be tested, for the reasons given above.")
    return Section("What was taken away", text=(EXPECTED,), charts=charts)


def _residual_figure(test: ResidualTest) -> Chart:
    levels, ratios, means = (
        np.array([getattr(one, name) for one in test.bins]) for name in ("level", "variance_ratio", "mean")
    )
    return Chart(
        "Residual by brightness",
        "brightness",
        "in units of the noise",
        (Series("variance", levels, ratios, "points"), Series("mean", levels, means, "points")),
        (Mark(1, "y", "variance expected"), Mark(0, "y", "mean expected")),
    )


def _intensities(parts: Sequence[Part]) -> Section:
    """Region means after over before."""
    lines = [(part, part.evidence.linearity) for part in parts if _testable(part.evidence.linearity)]
    charts = tuple(_named(_linearity_figure(line), part.name) for part, line in lines[:FIGURES])
    rows = tuple(
        (
            part.name or "image",
            f"{line.slope:.4f} ± {line.slope_error:.4f}",
            f"{line.offset:.3g} ± {line.offset_error:.2g}",
            f"{line.flux:.4f} ± {line.flux_error:.4f}",
        )
        for part, line in lines
    )
    table = Table(("part", "slope", "offset", "flux, after over before"), rows) if rows else None
    missing = "" if rows else "The image has no two levels of brightness to compare."
    return Section("Intensities for quantitative work", charts=charts, table=table, missing=missing)


def _testable(line: object) -> bool:
    return isinstance(line, Linearity) and line.testable


def _linearity_figure(line: Linearity) -> Chart:
    before, after, error = (
        np.array([getattr(level, name) for level in line.levels]) for name in ("before", "after", "error")
    )
    return Chart(
        "Region means, after minus before",
        "mean before",
        "difference",
        (
            Series("twice the standard error", before, -2 * error, "band", high=2 * error),
            Series("difference", before, after - before, "points"),
        ),
        caption="Within the band: intensities can be measured on the denoised image as on the noisy one.",
    )


def _values(pair: Pair, parts: Sequence[Part]) -> Section:
    """Histograms and spectra."""
    charts = []
    for part in parts[:FIGURES]:
        planes = {
            name: np.ma.getdata(plane_of(np.asarray(image.array), pair, part.plane, part.channel))
            for name, image in (("noisy", pair.noisy), ("denoised", pair.denoised))
        }
        charts.append(_named(histogram_chart(planes), part.name))
        if min(pair.layout.size) >= 16:
            charts.append(
                _named(spectrum_chart({name: radial_power(plane) for name, plane in planes.items()}), part.name)
            )
    return Section("Values and frequencies", charts=tuple(charts))


def _finest_detail(pair: Pair, parts: Sequence[Part]) -> Section:
    """Decorrelation analysis of the noisy image."""
    facts = {}
    for part in parts:
        plane = np.ma.getdata(plane_of(np.asarray(pair.noisy.array), pair, part.plane, part.channel))
        measurement = part.evidence.measurement
        if min(plane.shape) < SMALLEST or not np.isfinite(plane).all() or measurement is None:
            continue
        found = decorrelation(plane, pixel_size(pair))
        period = f", {found.resolution_um:.3g} µm" if found.resolution_um else ""
        own = f"{found.cutoff:.3f} cycles per pixel{period}" if found.cutoff else "no structure was found"
        shared = "not told: neighbouring pixels share noise" if measurement.is_coloured else own
        facts[part.name or "noisy image"] = shared
    text = ("By decorrelation analysis of the noisy image, for comparison with other instruments.",) if facts else ()
    return Section("Finest detail as recorded", text=text, facts=facts)
