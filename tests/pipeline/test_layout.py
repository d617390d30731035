"""Axes to planes and back."""

from math import prod

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from noise2detail.pipeline.layout import Layout, lay_out

AXES = st.permutations("TCZYXS").flatmap(
    lambda letters: st.sets(st.sampled_from("TCZS")).map(
        lambda wanted: "".join(a for a in letters if a in wanted | {"Y", "X"})
    )
)
SIZES = st.fixed_dictionaries(dict.fromkeys("TCZS", st.integers(1, 3)) | dict.fromkeys("YX", st.integers(8, 10)))


@given(axes=AXES, sizes=SIZES)
def test_what_is_read_and_written_is_the_array(axes: str, sizes: dict[str, int]) -> None:
    shape = tuple(sizes[a] for a in axes)
    array = np.arange(prod(shape)).reshape(shape)
    copy = np.zeros_like(array)
    layout = lay_out(array, axes)
    assert len(layout.planes) == prod(sizes[a] for a in axes if a in "TZ")
    for index in layout.planes:
        channels = layout.channels_of(layout.view(array), index)
        targets = layout.channels_of(layout.view(copy), index)
        assert [channel.shape for channel in channels] == [(sizes["Y"], sizes["X"])] * layout.channels
        for channel, target in zip(channels, targets, strict=True):
            assert np.shares_memory(channel, array)
            target[...] = channel
    np.testing.assert_array_equal(copy, array)


@given(axes=AXES, sizes=SIZES)
def test_a_plane_is_what_its_letters_say(axes: str, sizes: dict[str, int]) -> None:
    """Against a transposition to a fixed order."""
    shape = tuple(sizes[a] for a in axes)
    array = np.arange(prod(shape)).reshape(shape)
    layout = lay_out(array, axes)
    order = [a for a in axes if a in "TZ"] + [a for a in axes if a in "CS"] + ["Y", "X"]
    ordered = np.moveaxis(array, [axes.index(a) for a in order], list(range(len(axes))))
    planes = ordered.reshape(-1, layout.channels, sizes["Y"], sizes["X"])
    for number, index in enumerate(layout.planes):
        np.testing.assert_array_equal(layout.channels_of(layout.view(array), index), planes[number])
    for channel, view in enumerate(layout.channel_views(layout.view(array))):
        np.testing.assert_array_equal(view.reshape(-1, sizes["Y"], sizes["X"]), planes[:, channel])


@pytest.mark.parametrize(
    ("axes", "shape", "planes", "channels"),
    [
        ("YX", (8, 9), 1, 1),
        ("YXS", (8, 9, 3), 1, 3),
        ("CYX", (2, 8, 9), 1, 2),
        ("TZCYX", (2, 3, 4, 8, 9), 6, 4),
        ("XY", (9, 8), 1, 1),
        ("TCYXS", (2, 2, 8, 9, 3), 2, 6),
    ],
)
def test_counts(axes: str, shape: tuple[int, ...], planes: int, channels: int) -> None:
    layout = Layout(axes, shape)
    assert (len(layout.planes), layout.channels, layout.size) == (planes, channels, (8, 9))
