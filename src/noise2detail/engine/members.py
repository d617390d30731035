"""Several trainings on the same images that differ only in their random choices, and the mean of their results."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from torch import Tensor

from noise2detail.method import Context, Denoiser, Step
from noise2detail.types import Batch

Found = TypeVar("Found")
"""What a training gives."""

SEEDS_EACH = 2
"""Seeds that a training may draw from: its own and the next."""


@dataclass(frozen=True, eq=False)
class MeanDenoiser:
    """The mean of what denoisers of one kind give: errors that come from random choices shrink."""

    members: tuple[Denoiser, ...]

    @property
    def halo(self) -> int | None:
        """That of every member."""
        return self.members[0].halo

    @property
    def alignment(self) -> int:
        """That of every member."""
        return self.members[0].alignment

    def __call__(self, noisy: Batch) -> Batch:
        """Mean of the results."""
        return _mean([member(noisy) for member in self.members])

    def stages(self, noisy: Batch) -> Mapping[str, Batch]:
        """Mean of every stage."""
        found = [member.stages(noisy) for member in self.members]
        return {name: _mean([stages[name] for stages in found]) for name in found[0]}

    def tensors(self) -> Mapping[str, Tensor]:
        """Those of every member, with its number before their names."""
        return {
            f"member{number}.{name}": tensor
            for number, member in enumerate(self.members)
            for name, tensor in member.tensors().items()
        }


def fit_members(fit: Callable[[Context, int], Found], count: int, context: Context) -> list[Found]:
    """What ``count`` trainings give, each with seeds of its own; ``fit`` is also told the number of the training."""

    def listen(number: int) -> Callable[[Step], None]:
        def report(step: Step) -> None:
            name = f"network {number + 1}/{count}, {step.stage}" if count > 1 else step.stage
            context.on_step(replace(step, stage=name, fraction=(number + step.fraction) / count))

        return report

    return [
        fit(replace(context, seed=context.seed + SEEDS_EACH * number, on_step=listen(number)), number)
        for number in range(count)
    ]


def together(members: Sequence[Denoiser]) -> Denoiser:
    """The one member, or the mean of several."""
    return members[0] if len(members) == 1 else MeanDenoiser(tuple(members))


def member_of(start: Denoiser | None, number: int) -> Denoiser | None:
    """Member that the training of this number may begin with; the last one where there are fewer."""
    return start.members[min(number, len(start.members) - 1)] if isinstance(start, MeanDenoiser) else start


def tensors_of_members(tensors: Mapping[str, Tensor], count: int) -> list[dict[str, Tensor]]:
    """What the ``tensors`` of every member were."""
    if count == 1:
        return [dict(tensors)]
    parts: list[dict[str, Tensor]] = [{} for _ in range(count)]
    for name, tensor in tensors.items():
        member, _, own = name.partition(".")
        parts[int(member.removeprefix("member"))][own] = tensor
    return parts


def _mean(images: Sequence[Batch]) -> Batch:
    total = images[0].clone()
    for image in images[1:]:
        total += image
    return total / len(images) if len(images) > 1 else total
