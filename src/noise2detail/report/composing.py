"""A whole report: what was examined, put on a page."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from noise2detail.pipeline.noise import ChannelNoise
from noise2detail.plans import Plan
from noise2detail.report import page as shown
from noise2detail.report.examining import Examination, plane_of
from noise2detail.report.page import Overlay, Page, Remark, Section
from noise2detail.report.pairing import Pair
from noise2detail.report.pictures import viewer_of
from noise2detail.report.sections import sections_of
from noise2detail.report.subject import Subject
from noise2detail.report.verdict import Level, Severity, Verdict
from noise2detail.version import __version__

LEVELS: Mapping[Level, shown.Level] = {"trust": "good", "look closer": "caution", "do not trust": "bad"}
REMARKS: Mapping[Severity, shown.Level] = {"good": "good", "doubt": "caution", "fault": "bad"}

WORDS: Mapping[Level, str] = {
    "trust": "Nothing that was tested speaks against this result",
    "look closer": "Look closer before you rely on this result",
    "do not trust": "Do not rely on this result",
}

LOST = ("structure taken away", "How clearly a detail of the noisy image is missing; noise alone stays within 5 or so.")
ADDED = ("texture added", "How clearly the data deny the details that are shown.")
SPREAD = ("uncertainty", "Standard deviation of each pixel, had the noise been another.")
"""Names of maps, and what they mean."""

CLEAR = 8.0
"""Standard errors that have the strongest colour."""

CAUTION = (
    "The tests see what was taken away from the image. They cannot see what never rose above its noise, and no test "
    "proves an image right."
)


def compose(subject: Subject, examined: Examination, more: Sequence[Section] = ()) -> Page:
    """The page of an image before and after.

    Parameters
    ----------
    subject
        What the report is about.
    examined
        What was found.
    more
        Further parts, such as what denoising again has told; they come first.
    """
    pair = subject.pair
    chosen = examined.chosen
    viewer = viewer_of(
        {"noisy": pair.noisy, "denoised": pair.denoised},
        overlays=tuple(_overlays(subject, examined)),
        noise=tuple(weakest(examined.noise)),
        chosen=in_viewer(pair, chosen),
    )
    return Page(
        title=subject.title,
        verdict=_verdict(examined.verdict),
        viewer=viewer,
        facts=facts_of(subject),
        sections=(*more, *sections_of(pair, examined), Section("What this page cannot tell", text=(CAUTION,))),
        plan=_reasons(subject.plan),
        provenance=_origin(subject),
        command=subject.shown_command,
        made_by=f"noise2detail {__version__}",
    )


def _verdict(found: Verdict) -> shown.Verdict:
    remarks = tuple(Remark(_sentence(reason.sentence), REMARKS[reason.severity]) for reason in found.reasons)
    untested = tuple(Remark(_sentence(one), "unknown") for one in found.untested)
    return shown.Verdict(LEVELS[found.level], WORDS[found.level], remarks + untested)


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _overlays(subject: Subject, examined: Examination) -> Iterator[Overlay]:
    """Maps of the plane that is shown first."""
    number = in_viewer(subject.pair, examined.chosen)
    for part in examined.of_plane(examined.chosen):
        test = part.evidence.structure
        for (name, note), values in () if test is None else ((LOST, test.lost), (ADDED, test.added)):
            yield Overlay(name, values, "standard errors", "diverging", number, part.channel, (-CLEAR, CLEAR), note)
        if subject.uncertainty is not None:
            values = np.asarray(plane_of(subject.uncertainty, subject.pair, part.plane, part.channel), np.float32)
            yield Overlay(SPREAD[0], values, "", "sequential", number, part.channel, None, SPREAD[1])


def weakest(noise: Sequence[ChannelNoise]) -> Iterator[float]:
    """Smallest standard deviation of the noise of each channel."""
    for channel in noise:
        yield max(channel.measurement.model.variance(channel.levels[0]), 0.0) ** 0.5


def in_viewer(pair: Pair, plane: int) -> int:
    """The number of a plane where time runs before depth, as the viewer has it."""
    sizes = dict(zip(pair.layout.axes, pair.layout.shape, strict=True))
    own = [axis for axis in pair.layout.axes if axis in "TZ"]
    place = dict(zip(own, pair.layout.planes[plane], strict=True))
    return place.get("T", 0) * sizes.get("Z", 1) + place.get("Z", 0)


def facts_of(subject: Subject) -> dict[str, str]:
    """What the image is and how it was denoised, name and value."""
    noisy, denoised = subject.pair.noisy, subject.pair.denoised
    size = " x ".join(f"{axis} {length}" for axis, length in zip(noisy.axes, noisy.array.shape, strict=True))
    facts = dict(subject.identity) | {"size": size, "pixel type": str(noisy.array.dtype)}
    if noisy.array.dtype != denoised.array.dtype:
        facts["pixel type"] += f", {denoised.array.dtype} after"
    if noisy.pixel_size_um:
        facts["pixel size"] = ", ".join(f"{axis} {value:g} µm" for axis, value in noisy.pixel_size_um.items())
    if noisy.time_increment:
        facts["between time points"] = f"{noisy.time_increment:g} s"
    if subject.plan is not None:
        facts["method"] = f"{subject.plan.method}, recipe {subject.plan.recipe}"
    else:
        facts["method"] = "not known: no record of this program lies beside the denoised image"
    for number, sentence in enumerate(subject.pair.told, 1):
        facts["note" if number == 1 else f"note {number}"] = sentence
    return facts


def _reasons(plan: Plan | None) -> tuple[str, ...]:
    return () if plan is None else plan.why


def _origin(subject: Subject) -> dict[str, str]:
    own = subject.provenance
    if own is None:
        return {}
    origin = {"program": f"noise2detail {own.version}" + (f", commit {own.commit[:12]}" if own.commit else "")}
    if not subject.withheld:
        origin["input"] = own.input_name
    origin |= {"SHA-256 of the input": own.input_sha256, "seconds of denoising": f"{own.seconds_denoise:g}"}
    plan = own.plan
    origin["run"] = f"{plan.device}, {plan.precision}, {plan.threads} threads, seed {plan.seed}"
    return origin | {f"{name} version": version for name, version in own.libraries.items()}
