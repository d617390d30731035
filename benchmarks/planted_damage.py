"""How often known damage is found in good results, and how often results without it are accused.

    python benchmarks/planted_damage.py --score ../shared/tools/score.py --cache FOLDER [--made | --measured] [--whole]

Clean images with noise of a known model, measured by the program as a user would have it; results of good methods, and
one that loses nothing; damage planted into them. Thresholds come from one half of the images, rates from the other.
Noisy images and results are kept in the folder ``--cache``; ``--made`` takes only those that are there
already, ``--measured`` only those whose figures are there too. ``--whole`` also gives the verdict as users see it on
every undamaged result, and on the clean image itself, which is a perfect one.
Results go to ``benchmarks/results/planted-damage.md`` and ``planted-damage.json``.
"""

import argparse
import json
import math
import pickle
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from scipy.fft import dctn, idctn
from scipy.ndimage import gaussian_filter

from noise2detail.metrics.levels import CHANCE, brightness_kept
from noise2detail.metrics.standardised import Standardised, standardised
from noise2detail.metrics.structure import added_map, band_loss, lost_map
from noise2detail.report.evidence import gather_evidence
from noise2detail.report.verdict import LIMITS, verdict
from planted_cases import FIELD, PEDESTAL, Case, Spots, Values, cases, stamp
from record import write_result

RESULTS = Path(__file__).resolve().parent / "results"
FALSE_ALARMS = 0.05
AREA, STRENGTH = 0.01, 0.3
"""Of added texture: share of the image, and deviation in those of the noise."""

GAIN = 0.02
SHARE = 0.05
"""Of the spots that are removed."""

FIGURES = {
    "blur by half the band": "band",
    "spots removed": "lost",
    "white texture": "added",
    "texture of the optics": "added",
    "gain, whole image": "overall",
    "gain, one level": "level",
}
"""Damage, and the figure that is to show it."""

INTRODUCTION = (
    "Thresholds are those at which 1 of 20 undamaged results of the first half of the images is accused; all rates "
    "are those of the other half. A result whose own error, seen without the noise, has as much of the damage as is "
    "planted is no false alarm: such results are counted beside. Levels of brightness are told by their height above "
    "black over the noise."
)

WHOLE = (
    "The whole verdict on undamaged results of all images: how many are not trusted, for any reason. Results whose own "
    "error has as much of a planted damage are counted beside."
)

WHOLE_HEADER = (
    "| method | undamaged | not trusted | because of | truly damaged | of these not trusted "
    "| texture score of 1 in 20 |"
)

PERFECT = "the clean image"
"""As a result: what a method without any error would give."""

ACCUSED = {
    "lost": LIMITS.spot[0],
    "added": LIMITS.texture[0],
    "band": LIMITS.band[0],
    "level": LIMITS.gain[0],
    "overall": LIMITS.gain[0],
}
"""From where the verdict is no longer the best."""

Row = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--score", type=Path, required=True)
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--made", action="store_true")
    parser.add_argument("--measured", action="store_true")
    parser.add_argument("--whole", action="store_true")
    args = parser.parse_args()
    found: list[Row] = []
    kept = args.cache / "figures"
    kept.mkdir(parents=True, exist_ok=True)
    if args.measured:
        found = [row for file in sorted(kept.glob("*.json")) for row in json.loads(file.read_text())]
    for case in () if args.measured else made(args.cache) if args.made else cases(args.score, args.cache):
        file = kept / f"{case.name} {case.noise}.json".replace(" ", "-")
        if not file.exists():
            figures = [row for method in case.results for row in rows(case, method)]
            if args.whole:
                figures += [verdict_row(case, method) for method in (*case.results, PERFECT)]
            file.write_text(json.dumps(figures))
            print(case.name, case.noise, flush=True)
        found += json.loads(file.read_text())
    summary = rates([row for row in found if row["damage"] != "whole"])
    whole = accused(found)
    text = [*lines(summary), "", *whole_lines(whole)] if whole else lines(summary)
    write_result(
        RESULTS / "planted-damage.md", "Planted damage", text, {"rates": summary, "whole": whole, "rows": found}
    )


def made(cache: Path) -> Iterator[Case]:
    # in an order that mixes kinds of images, so that a part of them is like the whole
    for file in sorted(cache.glob("*.pickle"), key=lambda one: zlib.crc32(one.stem.encode())):
        yield pickle.loads(file.read_bytes())


def rows(case: Case, method: str) -> Iterator[Row]:
    """Figures of one result as it is, and with every damage."""
    rng = np.random.default_rng(zlib.crc32(f"{case.name} {case.noise} {method}".encode()))
    result, model, band = case.results[method], case.measurement.model, case.measurement.band
    name = {"image": case.name, "noise": case.noise, "method": method}
    plain = standardised(case.noisy, result, model)
    truth = standardised(case.clean, result, model)
    gains = level_figures(plain, result, case)
    yield name | {
        "damage": "none",
        "lost": float(np.nanmax(np.abs(lost_map(plain)))),
        "added": float(np.nanmax(added_map(plain))),
        "band": band_loss(plain, None, band).ratio,
        **gains,
        "truly lost": float(np.nanmax(np.abs(lost_map(truth)))),
        "truly blurred": power_lost(truth, band) / planted_power(case, band),
        **{f"true {figure}": value for figure, value in level_figures(truth, result, case).items()},
    }
    removed = without_spots(result, case.spots, rng)
    if removed is not None:
        lost = lost_map(standardised(case.noisy, removed[0], model))
        yield name | {"damage": "spots removed", "count": removed[1], "lost": float(np.nanmax(np.abs(lost)))}
    if case.clean.shape != (FIELD, FIELD):  # too small for a hundredth of the area, and for levels of 10,000 pixels
        yield from planted(case, method, rng)


def planted(case: Case, method: str, rng: np.random.Generator) -> Iterator[Row]:
    """Figures with every damage but lost spots."""
    result, model, band = case.results[method], case.measurement.model, case.measurement.band
    name = {"image": case.name, "noise": case.noise, "method": method}
    blurred = standardised(case.noisy, low_passed(result, band / 2), model)
    yield name | {"damage": "blur by half the band", "band": band_loss(blurred, None, band).ratio}
    for damage, width in (("white texture", 0.0), ("texture of the optics", 1.2)):
        textured = standardised(case.noisy, with_texture(result, case.deviation, width, rng), model)
        yield name | {"damage": damage, "added": float(np.nanmax(added_map(textured)))}
    whole = PEDESTAL + (1 + GAIN) * (result - PEDESTAL)
    figure = level_figures(standardised(case.noisy, whole, model), whole, case)
    snr = float(np.median((result - PEDESTAL) / case.deviation))
    yield name | {"damage": "gain, whole image", "snr": snr, **figure}
    for own, damaged in one_level(result, case):
        figure = level_figures(standardised(case.noisy, damaged, model), damaged, case)
        yield name | {"damage": "gain, one level", "snr": own, **figure}


def level_figures(residual: Standardised, result: Values, case: Case) -> Row:
    """Largest gain of levels, and that of the whole, as shares; 0 where they are not beyond chance."""
    kept = brightness_kept(residual, result, case.measurement.model)
    if kept is None:
        return {"level": 0.0, "overall": 0.0}
    certain = math.isfinite(kept.whole.gain) and abs(kept.whole.score) > CHANCE
    return {
        "level": abs(kept.worst.gain) if kept.worst else 0.0,
        "overall": abs(kept.whole.gain) if certain else 0.0,
    }


def verdict_row(case: Case, method: str) -> Row:
    """What the verdict says of an undamaged result, and why."""
    result = case.clean if method == PERFECT else case.results[method]
    found = verdict(gather_evidence(case.noisy, result, case.measurement))
    score = float(np.nanmax(added_map(standardised(case.noisy, result, case.measurement.model))))
    return {
        "image": case.name,
        "noise": case.noise,
        "method": method,
        "damage": "whole",
        "level": found.level,
        "kinds": sorted({reason.kind for reason in found.reasons if reason.severity != "good"}),
        "added": score,
    }


def accused(found: list[Row]) -> list[Row]:
    """By method, the share of undamaged results, without fault of their own, that the whole verdict does not trust."""
    faulty = {
        (row["image"], row["noise"], row["method"])
        for row in found
        if row["damage"] == "none" and any(truly(row, figure) for figure in set(FIGURES.values()))
    }
    whole = [row for row in found if row["damage"] == "whole"]
    result = []
    for method in ["all methods", *sorted({row["method"] for row in whole})]:
        own = [row for row in whole if method in (row["method"], "all methods")]
        if method == "all methods":
            own = [row for row in own if row["method"] != PERFECT]
        good = [row for row in own if (row["image"], row["noise"], row["method"]) not in faulty]
        bad = [row for row in own if (row["image"], row["noise"], row["method"]) in faulty]
        kinds = sorted({kind for row in good for kind in row["kinds"]})
        result.append(
            {
                "method": method,
                "undamaged": len(good),
                "not trusted": float(np.mean([row["level"] != "trust" for row in good])) if good else None,
                "by kind": {kind: float(np.mean([kind in row["kinds"] for row in good])) for kind in kinds},
                "truly damaged": len(bad),
                "of these not trusted": float(np.mean([row["level"] != "trust" for row in bad])) if bad else None,
                "texture score of 1 in 20": float(np.quantile([row["added"] for row in own], 1 - FALSE_ALARMS)),
            }
        )
    return result if whole else []


def whole_lines(whole: list[Row]) -> list[str]:
    text = [WHOLE, "", WHOLE_HEADER, "|---|---:|---:|---|---:|---:|---:|"]
    for row in whole:
        shares = ["-" if row[key] is None else f"{row[key]:.0%}" for key in ("not trusted", "of these not trusted")]
        kinds = ", ".join(f"{kind} {share:.0%}" for kind, share in row["by kind"].items())
        text.append(
            f"| {row['method']} | {row['undamaged']} | {shares[0]} | {kinds or '-'} | {row['truly damaged']} "
            f"| {shares[1]} | {row['texture score of 1 in 20']:.2f} |"
        )
    return text


def low_passed(image: Values, cutoff: float) -> Values:
    """Frequencies above the cutoff taken away, with a soft edge a hundredth of a cycle wide."""
    y, x = (np.arange(size) / (2 * size) for size in image.shape)
    kept = 1 / (1 + np.exp((np.hypot(y[:, None], x[None]) - cutoff) / 0.01))
    return np.asarray(idctn(dctn(image, norm="ortho") * kept, norm="ortho"))


def power_lost(residual: Standardised, band: float) -> float:
    return float(band_loss(residual, None, band).ratio)


def planted_power(case: Case, band: float) -> float:
    """Power that the planted blur takes from the clean image, over that of the noise."""
    blurred = low_passed(case.clean, band / 2)
    return max(power_lost(standardised(case.clean, blurred, case.measurement.model), band), 1e-9)


def with_texture(image: Values, deviation: Values, width: float, rng: np.random.Generator) -> Values:
    side = round(np.sqrt(AREA * image.size))
    top, left = (int(rng.integers(0, size - side)) for size in image.shape)
    texture = rng.normal(size=(side + 32, side + 32))
    texture = (gaussian_filter(texture, width) if width else texture)[16:-16, 16:-16]
    place = slice(top, top + side), slice(left, left + side)
    result = image.copy()
    result[place] += STRENGTH * deviation[place] * (texture - texture.mean()) / texture.std()
    return result


def one_level(image: Values, case: Case) -> Iterator[tuple[float, Values]]:
    """Two of the levels of at least 10,000 pixels, a dim and a bright one, brighter by the gain, each by itself."""
    edges = np.quantile(image, np.linspace(0, 1, max(image.size // 16000, 1) + 1))
    for number in (len(edges) // 2 - 1, len(edges) - 2):
        inside = (image >= edges[number]) & (image <= edges[number + 1])
        if np.count_nonzero(inside) < 10_000:
            continue
        snr = float(np.mean((image[inside] - PEDESTAL) / case.deviation[inside]))
        yield snr, np.where(inside, PEDESTAL + (1 + GAIN) * (image - PEDESTAL), image)


def without_spots(image: Values, spots: Spots, rng: np.random.Generator) -> tuple[Values, int] | None:
    """A twentieth of the clear spots taken out of a result, among those that it has kept by at least half."""
    clear = np.flatnonzero(spots.snr >= 5)
    kept: list[tuple[int, float]] = []
    for number in clear:
        place, shape = stamp(spots.y[number], spots.x[number], spots.sigma)
        design = np.stack([shape.ravel(), np.ones(shape.size)], 1)
        height = float(np.linalg.lstsq(design, image[place].ravel(), rcond=None)[0][0])
        if height >= 0.5 * spots.height[number]:
            kept.append((int(number), height))
    count = max(round(SHARE * len(clear)), 1)
    if len(kept) < count:
        return None
    result = image.copy()
    for chosen in rng.choice(len(kept), count, replace=False):
        number, height = kept[chosen]
        place, shape = stamp(spots.y[number], spots.x[number], spots.sigma)
        result[place] -= height * shape
    return result, count


def truly(row: Row, figure: str) -> bool:
    """Whether an undamaged result has, by its own fault, as much of the damage as is planted."""
    return bool(
        {
            "lost": row["truly lost"] >= 5,
            "band": row["truly blurred"] >= 0.5,
            "added": False,
            "level": row["true level"] >= GAIN / 2,
            "overall": row["true overall"] >= GAIN / 2,
        }[figure]
    )


def rates(found: list[Row]) -> list[Row]:
    """For each damage and group: threshold from the first half of the images, rates on the second."""
    images = sorted({row["image"] for row in found})
    first = set(images[::2])
    result = []
    for damage, figure in FIGURES.items():
        plain = [row for row in found if row["damage"] == "none"]
        innocent = [row for row in plain if not truly(row, figure)]
        threshold = float(np.quantile([row[figure] for row in innocent if row["image"] in first], 1 - FALSE_ALARMS))
        for group, chosen in groups(found):
            own = [row for row in found if row["damage"] == damage and row["image"] not in first and chosen(row)]
            null = [row for row in innocent if row["image"] not in first and chosen(row)]
            guilty = [row for row in plain if truly(row, figure) and row["image"] not in first and chosen(row)]
            result.append(
                {
                    "damage": damage,
                    "group": group,
                    "threshold": threshold,
                    "found": share(own, figure, threshold),
                    "of": len(own),
                    "false alarms": share(null, figure, threshold),
                    "of undamaged": len(null),
                    "truly damaged by the method": len(guilty),
                    "of these found": share(guilty, figure, threshold),
                    "found by the verdict": share(own, figure, ACCUSED[figure]),
                    "false alarms of the verdict": share(null, figure, ACCUSED[figure]),
                }
            )
    return result


def groups(found: list[Row]) -> Iterator[tuple[str, Any]]:
    yield "all", lambda _row: True
    for key in ("method", "noise"):
        for value in sorted({row[key] for row in found}):
            yield value, lambda row, key=key, value=value: row[key] == value
    for low, high in ((0, 2), (2, 5), (5, 10), (10, 1e9)):
        name = f"level / noise {low} to {high}" if high < 1e9 else f"level / noise above {low}"
        yield name, lambda row, low=low, high=high: low <= row.get("snr", -1) < high


HEADER = (
    "| damage | group | threshold | found | of | false alarms | of | truly damaged | of these found "
    "| found by the verdict | false alarms of it |"
)
SHARES = ("found", "false alarms", "of these found", "found by the verdict", "false alarms of the verdict")


def share(own: list[Row], figure: str, threshold: float) -> float | None:
    return float(np.mean([row[figure] > threshold for row in own])) if own else None


def lines(summary: list[Row]) -> list[str]:
    text = [
        INTRODUCTION,
        "",
        HEADER,
        "|---|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for row in summary:
        if not row["of"]:
            continue
        cells = ["-" if row[key] is None else f"{row[key]:.0%}" for key in SHARES]
        text.append(
            f"| {row['damage']} | {row['group']} | {row['threshold']:.4g} | {cells[0]} | {row['of']} | {cells[1]} | "
            f"{row['of undamaged']} | {row['truly damaged by the method']} | {cells[2]} | {cells[3]} | {cells[4]} |"
        )
    return text


if __name__ == "__main__":
    main()
