"""The architectures that runners of this version train; the names are those of `axons_runner`."""

from dataclasses import dataclass

from axons_service.exercises.task_types import CLASSIFICATION, SEGMENTATION


@dataclass(frozen=True)
class Architecture:
    """What an author chooses from and what a learner reads about it."""

    name: str
    title: str
    description: str
    task: str = CLASSIFICATION


ARCHITECTURES = (
    Architecture(
        "efficientnet_lite0",
        "EfficientNet-Lite0, transfer learning",
        "Learns on top of a network that already knows photographs. Accurate after seconds, even with few pictures.",
    ),
    Architecture(
        "small_cnn",
        "Small CNN, from scratch",
        "A small convolutional network that starts knowing nothing. Slower and less accurate; shows learning itself.",
    ),
    Architecture(
        "lite0_lraspp",
        "EfficientNet-Lite0 with LR-ASPP, transfer learning",
        "Marks every pixel on top of a network that already knows photographs. Good after a minute, even with few "
        "pictures.",
        SEGMENTATION,
    ),
    Architecture(
        "small_unet",
        "Small U-Net, from scratch",
        "A small network for masks that starts knowing nothing. Slower and less accurate; shows learning itself.",
        SEGMENTATION,
    ),
)


def names_of(task: object) -> tuple[str, ...]:
    """The names of the architectures for a task; those of all tasks when there is no such task."""
    fitting = tuple(each.name for each in ARCHITECTURES if each.task == task)
    return fitting or tuple(each.name for each in ARCHITECTURES)
