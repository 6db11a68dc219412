"""The architectures that runners of this version train; the names are those of `axons_runner`."""

from dataclasses import dataclass

from django.conf import settings

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
FROM_A_MIRROR = (
    Architecture(
        "resnet18",
        "ResNet-18, transfer learning",
        "Learns on top of a network that already knows photographs. A classic for comparisons.",
    ),
    Architecture(
        "resnet50",
        "ResNet-50, transfer learning",
        "The larger classic: it knows more of photographs and takes longer for each.",
    ),
    Architecture(
        "mobilenet_v3_large",
        "MobileNet V3, transfer learning",
        "Made for telephones: nearly as accurate as the large ones, and much quicker.",
    ),
)


def offered() -> tuple[Architecture, ...]:
    """What authors may choose here: what every runner has, and what this deployment's have from a mirror."""
    more: list[str] = settings.AXONS_MORE_ARCHITECTURES
    return (*ARCHITECTURES, *(each for each in FROM_A_MIRROR if each.name in more))


def names_of(task: object) -> tuple[str, ...]:
    """The names of the architectures for a task; those of all tasks when there is no such task."""
    fitting = tuple(each.name for each in offered() if each.task == task)
    return fitting or tuple(each.name for each in offered())
