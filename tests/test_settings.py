"""A method's settings as plain data and as text."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from typing import Any, Literal

import pytest

from noise2detail.engine.averaging import Averaging
from noise2detail.engine.crops import Crops
from noise2detail.engine.held_out import Stopping
from noise2detail.engine.optimizers import Adam, Muon
from noise2detail.engine.schedule import OneCycle
from noise2detail.engine.training import Training
from noise2detail.errors import SettingError
from noise2detail.methods.noise2detail import Noise2Detail
from noise2detail.registry import METHODS
from noise2detail.settings import check_types, from_data, to_data, with_setting
from tests.material import is_trained

RECIPES = [
    pytest.param(entry.method.recipe(recipe), id=f"{name}-{recipe}")
    for name, entry in METHODS.items()
    for recipe in entry.recipes
]
FAST = Noise2Detail.recipe("fast")
PAPER = Noise2Detail.recipe("paper")


@pytest.mark.parametrize("method", RECIPES)
def test_plain_data_survives_json_and_gives_the_method_back(method: Any) -> None:
    again = from_data(json.loads(json.dumps(to_data(method))))
    assert again == method
    assert hash(again) == hash(method)


@pytest.mark.parametrize(
    "method", [Noise2Detail(strides=()), Noise2Detail(stage1=Training(5, OneCycle(0.1, 0.2, 0.3), Crops(1, 16)))]
)
def test_own_settings_survive_too(method: Noise2Detail) -> None:
    assert from_data(json.loads(json.dumps(to_data(method)))) == method


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("strides", "2,4,8", replace(FAST, strides=(2, 4, 8))),
        ("strides", "2", replace(FAST, strides=(2,))),
        ("strides", "none", replace(FAST, strides=())),
        ("clip", "yes", replace(FAST, clip=True)),
        ("clip", "No", FAST),
        ("width", "16", replace(FAST, width=16)),
        ("consistency", "crossed", replace(FAST, consistency="crossed")),
        ("stage3_weights", "reused", replace(FAST, stage3_weights="reused")),
        ("stage1.steps", "12", replace(FAST, stage1=replace(FAST.stage1, steps=12))),
        ("stage1.crops", "none", replace(FAST, stage1=replace(FAST.stage1, crops=None))),
        ("stage3.crops.size", "64", replace(FAST, stage3=replace(FAST.stage3, crops=Crops(4, 64)))),
        ("stage1.optimizer", "adam", replace(FAST, stage1=replace(FAST.stage1, optimizer=Adam()))),
        ("stage1.optimizer.length", "4", replace(FAST, stage1=replace(FAST.stage1, optimizer=Muon(4.0)))),
        ("stage1.averaging", "averaging", replace(FAST, stage1=replace(FAST.stage1, averaging=Averaging()))),
        ("stage3.stopping.every", "20", replace(FAST, stage3=replace(FAST.stage3, stopping=Stopping(20)))),
        ("stage1.schedule.peak", "0.5", replace(FAST, stage1=replace(FAST.stage1, schedule=OneCycle(0.5)))),
    ],
)
def test_a_setting_is_changed_by_text(name: str, text: str, expected: Noise2Detail) -> None:
    before = to_data(FAST)
    assert from_data(json.loads(json.dumps(to_data(expected)))) == expected
    assert with_setting(FAST, name, text) == expected
    assert to_data(FAST) == before


@pytest.mark.parametrize(
    ("method", "name", "text", "says"),
    [
        (FAST, "stride", "2", "no setting 'stride'; did you mean 'strides'?"),
        (FAST, "stage1.step", "2", "no setting 'step'; did you mean 'steps'?"),
        (FAST, "width", "wide", "width=wide is not a value for width; expected a whole number"),
        (FAST, "width", "4.5", "expected a whole number"),
        (FAST, "clip", "perhaps", "expected yes or no"),
        (FAST, "strides", "2,four", "numbers with commas between, or none"),
        (FAST, "consistency", "loose", "expected one of same, crossed"),
        (FAST, "stage1", "12", "training, or one of its parts: steps, schedule, crops"),
        (FAST, "stage1.schedule.peak", "high", "expected a number"),
        (FAST, "width.height", "3", "it has no setting 'height'"),
        (PAPER, "stage1.optimizer", "sgd", "adam or muon, or one of its parts: beta1, beta2, length"),
        (PAPER, "stage1.crops.sizes", "16", "no setting 'sizes'"),
    ],
)
def test_text_that_means_nothing_is_refused(method: Noise2Detail, name: str, text: str, says: str) -> None:
    with pytest.raises(SettingError) as caught:
        with_setting(method, name, text)
    assert says in str(caught.value)


@pytest.mark.parametrize(
    "data",
    [{"type": "Telepathy"}, {"type": "Crops", "colour": "green"}, {"count": 3}],
    ids=["unknown-record", "unknown-field", "no-type"],
)
def test_data_of_another_version_is_refused(data: dict[str, Any]) -> None:
    with pytest.raises(SettingError, match="settings of another version"):
        from_data(data)


@dataclass(frozen=True)
class Sample:
    """A record with a field of every kind."""

    whole: int = 1
    number: float | None = 1.0
    switch: bool = True
    word: Literal["on", "off"] = "on"
    row: tuple[int, ...] = (1, 2)
    pair: tuple[float, float] = (1.0, 2.0)
    part: Crops | Adam | None = None
    anything: Any = None
    named: Mapping[str, Any] = field(default_factory=dict)


@pytest.mark.parametrize(
    "good",
    [{}, {"number": 1}, {"number": None}, {"row": ()}, {"pair": (1, 2)}, {"part": Adam()}, {"anything": Adam()},
     {"named": {"a": 1}}],
    ids=str,
)  # fmt: skip
def test_values_of_the_right_type_pass(good: dict[str, Any]) -> None:
    check_types(Sample(**good))


@pytest.mark.parametrize(
    ("bad", "expected"),
    [
        ({"whole": 4.5}, "a whole number"),
        ({"whole": True}, "a whole number"),
        ({"whole": "4"}, "a whole number"),
        ({"number": "1"}, "a number, or none"),
        ({"number": True}, "a number, or none"),
        ({"switch": 1}, "yes or no"),
        ({"word": "often"}, "one of on, off"),
        ({"word": ("on",)}, "one of on, off"),
        ({"row": 2}, "numbers with commas between"),
        ({"row": (1, "x")}, "numbers with commas between"),
        ({"pair": (1.0,)}, "numbers with commas between"),
        ({"part": OneCycle()}, "crops or adam"),
        ({"named": [1]}, "named values"),
    ],
    ids=str,
)
def test_values_of_another_type_are_refused(bad: dict[str, Any], expected: str) -> None:
    """Files may hold anything, and outside the tests nothing else checks annotations."""
    ((name, value),) = bad.items()
    with pytest.raises(SettingError, match=re.escape(f"{name} of Sample is {value!r}; expected {expected}")):
        check_types(Sample(**bad))


@pytest.mark.parametrize("change", [{"width": [1]}, {"stage1": None}, {"stage1": {"type": "Crops"}}, {"width": "x"}])
def test_what_a_method_cannot_be_made_of_is_a_setting_error(change: dict[str, Any]) -> None:
    with pytest.raises(SettingError, match="Noise2Detail"):
        from_data(to_data(FAST) | change)


@pytest.mark.parametrize("method", RECIPES)
def test_every_plain_setting_can_be_written_as_text(method: Any) -> None:
    """What is printed for a setting is understood when it is typed."""

    def check(record: Any, prefix: str) -> int:
        count = 0
        for own in fields(record):
            value = getattr(record, own.name)
            if is_dataclass(value):
                count += check(value, f"{prefix}{own.name}.")
                continue
            text = {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value).lower()
            text = ",".join(map(str, value)) if isinstance(value, tuple) else text
            if value is not None:
                assert with_setting(method, prefix + own.name, text) == method
                count += 1
        return count

    assert check(method, "") >= (5 if is_trained(method) else 0)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("stage1.steps", "-1", "steps is -1; expected a number of at least 0"),
        ("width", "0", "width is 0; expected a number of at least 1"),
        ("strides", "2,0", "a stride is 0; expected a number of at least 1"),
        ("stage1.crops.size", "34", "crops.size is 34; expected a multiple of 4 pixels"),
        ("stage1.crops.count", "0", "crops.count is 0; expected a number of at least 1"),
        ("stage1.schedule.peak", "nan", "peak is nan; expected a number of at least 0"),
        ("stage1.schedule.peak", "inf", "peak is inf; expected a number of at least 0"),
    ],
)
def test_values_that_cannot_be_trained_with(name: str, value: str, message: str) -> None:
    with pytest.raises(SettingError, match=message):
        with_setting(Noise2Detail.recipe("fast"), name, value)
