"""The architectures that runners of this version train; the names are those of `axons_runner`."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Architecture:
    """What an author chooses from and what a learner reads about it."""

    name: str
    title: str
    description: str


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
)
NAMES = tuple(each.name for each in ARCHITECTURES)
