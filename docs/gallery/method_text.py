"""The page ``method-in-pictures.md``: its text, ``method.txt``, with the measured figures put in."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

TEMPLATE = Path(__file__).with_name("method.txt")

STAGES = {
    "stage1": "stage 1",
    "refined_stride2": "refined, stride 2",
    "refined_stride4": "refined, stride 4",
    "stage2": "stage 2",
    "stage3": "stage 3",
    "blend": "result",
}


def page(figures: Mapping[str, Any]) -> str:
    """The page."""
    down, across = figures["correlation"]
    residual_down, residual_across = figures["residual_correlation"]
    weights = [
        f"| {name} | {weight:.2f} | {figures['apart'][name]:.2f} |" for name, weight in figures["weights"].items()
    ]
    roughness = [f"| {STAGES[name]} | {value:.1f} |" for name, value in figures["roughness"].items()]
    circumstances = [f"| {name.replace('_', ' ')} | {value} |" for name, value in figures["circumstances"].items()]
    scalars = {name: value for name, value in figures.items() if isinstance(value, int | float)}
    return TEMPLATE.read_text(encoding="utf-8").format(
        **scalars,
        down=down,
        across=across,
        residual_down=residual_down,
        residual_across=residual_across,
        weights="\n".join(weights),
        roughness="\n".join(roughness),
        circumstances="\n".join(circumstances),
    )
