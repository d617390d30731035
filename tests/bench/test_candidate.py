"""Methods as they take part in comparisons."""

import pytest

from noise2detail.bench.candidate import Candidate, candidate_from, candidates_from
from noise2detail.errors import SettingError
from tests.deciding import register


def test_names_tell_candidates_apart() -> None:
    plain = Candidate("noise2detail")
    others = [
        Candidate("noise2detail", "paper"),
        Candidate("noise2detail", settings=("strides=2",)),
        Candidate("noise2detail", stabilize=True),
    ]
    assert len({one.name for one in (plain, *others)}) == 4
    assert Candidate("noise2detail", label="ours").name == "ours"
    assert Candidate("noise2detail", settings=("stage1.steps=5",)).stem == "noise2detail_stage1.steps=5"


def test_settings_reach_the_method() -> None:
    recipe, method = Candidate("noise2detail", "paper", ("strides=2,4,8", "stage1.steps=7")).build()
    assert recipe == "paper"
    assert vars(method)["strides"] == (2, 4, 8)
    assert vars(method)["stage1"].steps == 7


def test_the_target_of_a_method_can_be_typed(monkeypatch: pytest.MonkeyPatch) -> None:
    register(monkeypatch)
    found = candidates_from("stub+captured, stub")
    assert found == (
        Candidate("stub", settings=("target=captured",)),
        Candidate("stub"),
    )
    with pytest.raises(SettingError, match="there is no setting 'target'"):
        candidates_from("noise2detail+captured")


def test_typed_lists() -> None:
    found = candidates_from("noise2detail, zs_n2n:paper,noise2detail+stabilize, noise2detail")
    assert found == (
        Candidate("noise2detail"), Candidate("zs_n2n", "paper"), Candidate("noise2detail", stabilize=True)
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("noise2detial", "did you mean 'noise2detail'"),
        ("zs_n2n:papre", "did you mean 'paper'"),
        ("zs_n2n+wash", "METHOD\\+stabilize"),
        (" , ", "no method is named"),
    ],
)
def test_mistakes_are_told(text: str, said: str) -> None:
    with pytest.raises(SettingError, match=said):
        candidates_from(text)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"method": "zs_n2n", "recipee": "paper"}, "did you mean 'recipe'"),
        ({"recipe": "paper"}, "has no id"),
        ({"method": "zs_n2n", "settings": ["steps"]}, "NAME=VALUE"),
        ({"method": "zs_n2n", "settings": ["width=thin"]}, "whole number"),
    ],
)
def test_mistakes_in_files_are_told(data: dict[str, object], said: str) -> None:
    with pytest.raises(SettingError, match=said):
        candidate_from(data)
