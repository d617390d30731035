"""The output before its first unit: begun, or gone on with if it is the same work."""

import functools
from collections.abc import Callable, Iterator

from noise2detail.errors import OtherWorkError, OutputExistsError, UnreadableFileError
from noise2detail.io.sidecar import SIDECAR_SUFFIX
from noise2detail.method import Step, ignore
from noise2detail.scale.geometry import region
from noise2detail.scale.identity import glanced, identity_of, metadata_digest
from noise2detail.scale.markers import DONE, FINISHED, done_units, work_place
from noise2detail.scale.opened import ANEW, DENOISER, opened
from noise2detail.scale.place import Place, apart, beside, place_of
from noise2detail.scale.plan import ScalePlan, Wish, check_versions, plan_from_text, plan_text
from noise2detail.scale.preparing import Asked, Prepared, prepare, wish_of
from noise2detail.scale.store import Store, open_store, put_node

PLAN = "plan.json"
"""File with the plan, beside the markers."""


def begin(asked: Asked, *, overwrite: bool = False, on_step: Callable[[Step], None] = ignore) -> ScalePlan:
    """The plan of an output that is begun, or was begun by the same wishes before.

    Parameters
    ----------
    asked
        What is asked for.
    overwrite
        Remove what is there and begin anew.
    on_step
        Hears of the training.

    Raises
    ------
    OtherWorkError
        What was begun there is something else.
    OutputExistsError
        Something is there that no run of units has begun.
    SettingError, InputError, FileError
        As ``prepare``.
    """
    found = None if overwrite else begun(asked.target, asked)
    if found is not None:
        check_same(found, asked)
        return found
    refuse_target(asked.source, asked, overwrite=overwrite)
    return begin_prepared(prepare(asked, on_step), overwrite=overwrite)


def begun(target: str, asked: Asked | None = None) -> ScalePlan | None:
    """The plan of an output that was begun; None where there is none.

    Raises
    ------
    UnreadableFileError
        There is one, and it is damaged.
    """
    storage = dict(asked.storage or {}) if asked is not None else {}
    where = beside(place_of(target, storage).url, ".n2d")
    text = place_of(where, storage).read(PLAN)
    return None if text is None else plan_from_text(f"{where}/{PLAN}", text, storage)


def begin_prepared(prepared: Prepared, *, overwrite: bool = False) -> ScalePlan:
    """The plan, after its output was begun: arrays without pixels, and beside them the plan and the denoiser.

    What describes the image is written last of all, when every unit is done; until then no program takes the output for
    an image.
    """
    plan = prepared.plan
    work, target = work_place(plan), place_of(plan.target, plan.storage)
    if overwrite:
        _clear(plan, work, target)
    work.write(DENOISER, prepared.denoiser)
    for array in opened(plan).outputs:
        put_node(target, array.node)
    work.write(PLAN, plan_text(plan))
    return plan


def _clear(plan: ScalePlan, work: Place, target: Place) -> None:
    """Remove all but the claim, what tells of the output first."""
    folder, name = apart(plan.target)
    place_of(folder, plan.storage).remove(name + SIDECAR_SUFFIX)
    work.remove(FINISHED)
    work.remove(PLAN)
    work.clear(DONE)
    target.clear()


def refuse_target(source: str, asked: Asked, *, overwrite: bool) -> None:
    """Raise where the output must not be written.

    Raises
    ------
    OutputExistsError
        It is there, or is the input.
    """
    storage = dict(asked.storage or {})
    target = place_of(asked.target, storage)
    inside = place_of(source, storage).url.rstrip("/") + "/"
    if (target.url + "/").startswith(inside) or inside.startswith(target.url + "/"):
        raise OutputExistsError(asked.target, "is the input, or lies in it", "choose another output")
    if not overwrite and (next(target.files(), None) or next(target.folders(), None)):
        raise OutputExistsError(asked.target, "is there already", "give --overwrite to replace it, or another output")


def check_same(plan: ScalePlan, asked: Asked) -> None:
    """Raise unless what was begun is what is asked for, from the same input, with the same versions.

    Raises
    ------
    OtherWorkError
        With everything that differs.
    """
    check_versions(plan)
    storage = dict(asked.storage or {})
    differences = list(_other_wishes(plan, wish_of(asked)))
    if place_of(asked.source, storage).url != plan.source:
        differences.append(f"it was begun from {plan.source}, and {asked.source} is named now")
    elif asked.image != plan.image or (asked.axes or plan.axes) != plan.axes:
        differences.append(f"it was begun with axes {plan.axes} and image {plan.image}")
    else:
        differences += _other_input(plan, open_store(plan.source, storage, plan.axes, plan.image))
    if differences:
        raise OtherWorkError(plan.target, tuple(differences), ANEW)


def _other_wishes(plan: ScalePlan, wish: Wish) -> Iterator[str]:
    for name in ("method", "recipe", "seed", "channels", "device", "precision"):
        before, now = getattr(plan.wish, name), getattr(wish, name)
        if before != now:
            yield f"it was begun with {name} {before}, and {now} is asked for"
    if dict(plan.wish.settings) != dict(wish.settings):
        yield "it was begun with other settings of the method"
    if wish.threads is not None and wish.threads != plan.fit.threads:
        yield f"it was begun with {plan.fit.threads} threads for a unit, and {wish.threads} are asked for"


def _other_input(plan: ScalePlan, store: Store) -> Iterator[str]:
    """What has changed in the input, as far as anything that is done was made of it."""
    if metadata_digest(store) != plan.identity.metadata:
        yield f"the metadata of {plan.source} have changed"
        return
    now, array = identity_of(store).files, store.levels[0]
    changed = [name for name in now if now[name] != plan.identity.files.get(name)]
    if not changed:
        return
    boxes, done = glanced(array), done_units(plan)
    for name in changed:
        # a pixel is part of whatever is as near to it as its own halo reaches
        around = region(plan.axes, array.layout.shape, boxes[name], plan.reach).read
        made = next((index for index in plan.levels[0].touching(around) if index in done), None)
        if made is not None:
            yield f"the input has changed: its file {name} is another one, and unit {made} was made of it"
            return


@functools.lru_cache(maxsize=1)
def expected_plan() -> str:
    """What a file of a plan should be."""
    return "expected what n2d plan --units has written"


def read_prepared(file: str, asked_storage: dict[str, object]) -> Prepared:
    """A plan and its denoiser, from the files that ``n2d plan --units`` has written.

    Raises
    ------
    UnreadableFileError
        Absent or damaged, or the denoiser beside it is another one.
    """
    folder, name = apart(place_of(file).url)
    place = place_of(folder)
    text = place.read(name)
    if text is None:
        raise UnreadableFileError(file, "there is no such file", expected_plan())
    plan = plan_from_text(file, text, asked_storage)
    content = place.read(denoiser_beside(name))
    if content is None:
        raise UnreadableFileError(f"{folder}/{denoiser_beside(name)}", "there is no such file", expected_plan())
    return Prepared(plan, content)


def denoiser_beside(name: str) -> str:
    """Name of the file with the weights that go with the file of a plan."""
    return name.removesuffix(".json") + ".safetensors"


__all__ = [
    "PLAN",
    "OtherWorkError",
    "begin",
    "begin_prepared",
    "begun",
    "check_same",
    "denoiser_beside",
    "read_prepared",
    "refuse_target",
]
