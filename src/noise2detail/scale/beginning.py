"""The output before its first unit: begun, or gone on with if it is the same work."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from noise2detail.errors import OtherWorkError, OutputExistsError, UnreadableFileError
from noise2detail.io.sidecar import SIDECAR_SUFFIX
from noise2detail.method import Step, ignore
from noise2detail.scale.geometry import region
from noise2detail.scale.identity import glanced, identity_of, metadata_digest
from noise2detail.scale.markers import DONE, FINISHED, done_units, work_place
from noise2detail.scale.opened import ANEW, DENOISER, file_digest, opened
from noise2detail.scale.place import Place, apart, beside, place_of
from noise2detail.scale.plan import WORK, ScalePlan, Wish, check_versions, plan_from_text, plan_text
from noise2detail.scale.preparing import Asked, Prepared, prepare, wish_of
from noise2detail.scale.store import Store, open_store, put_node

PLAN = "plan.json"
"""File with the plan, beside the markers."""

EXPECTED = "expected the two files that n2d plan --units has written"


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
    found = None if overwrite else begun(asked.target, asked.storage)
    if found is not None:
        check_same(found, asked)
        return _complete_arrays(found)
    refuse_target(asked.source, asked.target, asked.storage, overwrite=overwrite)
    return begin_prepared(prepare(asked, on_step), overwrite=overwrite)


def begun(target: str, storage: Mapping[str, Any] | None = None) -> ScalePlan | None:
    """The plan of an output that was begun; None where there is none.

    Raises
    ------
    UnreadableFileError
        There is one, and it is damaged.
    """
    where = beside(place_of(target, storage).url, WORK)
    text = place_of(where, storage).read(PLAN)
    return None if text is None else plan_from_text(f"{where}/{PLAN}", text, storage)


def begin_planned(prepared: Prepared, *, overwrite: bool = False) -> ScalePlan:
    """The plan of an output that is begun as was planned before, or was begun by the same plan.

    Raises
    ------
    OtherWorkError
        What was begun there is something else, or the input is not the one that was planned for.
    OutputExistsError
        Something is there that no run of units has begun.
    """
    plan = prepared.plan
    check_versions(plan)
    found = None if overwrite else begun(plan.target, plan.storage)
    if found is None:
        refuse_target(plan.source, plan.target, plan.storage, overwrite=overwrite)
    elif found.fingerprint != plan.fingerprint:
        raise OtherWorkError(plan.target, ("it was begun with another plan",), ANEW)
    changed = tuple(_other_input(plan, open_store(plan.source, plan.storage, plan.axes, plan.image), begun=bool(found)))
    if changed:
        raise OtherWorkError(plan.target, changed, "make the plan anew")
    return begin_prepared(prepared, overwrite=overwrite) if found is None else _complete_arrays(found)


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
    work.write(PLAN, plan_text(plan))  # before the first file of the output: a killed process leaves it to be found
    _complete_arrays(plan)
    return plan


def _complete_arrays(plan: ScalePlan) -> ScalePlan:
    """The plan, after the arrays of its output were described that a process was killed before it came to."""
    target = place_of(plan.target, plan.storage)
    for array in opened(plan).outputs:
        if any(target.read(f"{array.node.path}/{name}") is None for name in array.node.files):
            put_node(target, array.node)
    return plan


def _clear(plan: ScalePlan, work: Place, target: Place) -> None:
    """Remove all but the claim, what tells of the output first."""
    folder, name = apart(plan.target)
    place_of(folder, plan.storage).remove(name + SIDECAR_SUFFIX)
    work.remove(FINISHED)
    work.remove(PLAN)
    work.clear(DONE)
    target.clear()


def refuse_target(source: str, where: str, storage: Mapping[str, Any] | None, *, overwrite: bool) -> None:
    """Raise where the output must not be written.

    Raises
    ------
    OutputExistsError
        It is there, or is the input.
    """
    target = place_of(where, storage)
    inside = place_of(source, storage).url.rstrip("/") + "/"
    if (target.url + "/").startswith(inside) or inside.startswith(target.url + "/"):
        raise OutputExistsError(where, "is the input, or lies in it", "choose another output")
    if not overwrite and (next(target.files(), None) or next(target.folders(), None)):
        raise OutputExistsError(where, "is there already", "give --overwrite to replace it, or another output")


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


def _other_input(plan: ScalePlan, store: Store, *, begun: bool = True) -> Iterator[str]:
    """What has changed in the input; where work has begun, as far as anything that is done was made of it."""
    if metadata_digest(store) != plan.identity.metadata:
        yield f"the metadata of {plan.source} have changed"
        return
    now, array = identity_of(store).files, store.levels[0]
    changed = [name for name in now if now[name] != plan.identity.files.get(name)]
    if not changed:
        return
    if not begun:
        yield f"the input has changed since it was planned for: its file {changed[0]} is another one"
        return
    boxes, done = glanced(array), done_units(plan)
    for name in changed:
        # a pixel is part of whatever is as near to it as its own halo reaches
        around = region(plan.axes, array.layout.shape, boxes[name], plan.reach).read
        made = next((index for index in plan.levels[0].touching(around) if index in done), None)
        if made is not None:
            yield f"the input has changed: its file {name} is another one, and unit {made} was made of it"
            return


def read_prepared(file: str, storage: Mapping[str, Any]) -> Prepared:
    """A plan and its denoiser, from the files that ``n2d plan --units`` has written.

    Parameters
    ----------
    file
        The plan.
    storage
        Options of the storage that are added to those that were written down.

    Raises
    ------
    UnreadableFileError
        Absent or damaged, or the denoiser beside it is another one.
    """
    folder, name = apart(place_of(file).url)
    place = place_of(folder)
    text = place.read(name)
    if text is None:
        raise UnreadableFileError(file, "there is no such file", EXPECTED)
    plan = plan_from_text(file, text, storage)
    content = place.read(denoiser_beside(name))
    if content is None or file_digest(content) != plan.denoiser:
        found = "there is no such file" if content is None else "is not the denoiser of the plan"
        raise UnreadableFileError(f"{folder}/{denoiser_beside(name)}", found, EXPECTED)
    return Prepared(plan, content)


def denoiser_beside(name: str) -> str:
    """Name of the file with the weights that go with the file of a plan."""
    return name.removesuffix(".json") + ".safetensors"
