"""The colours of classes in masks: PASCAL VOC's. The picture worker and the pages are told them from here."""

MAX_CLASSES = 21


def colour_of(value: int) -> tuple[int, int, int]:
    """Red, green and blue of a class by its number (PASCAL VOC's `VOCcolormap`: its bits, spread over the channels)."""
    channels = [0, 0, 0]
    for place in range(8):
        for channel in range(3):
            channels[channel] |= (value >> channel & 1) << 7 - place
        value >>= 3
    return channels[0], channels[1], channels[2]


PALETTE = bytes(channel for value in range(MAX_CLASSES) for channel in colour_of(value)).hex()


def class_colours(classes: list[str]) -> dict[str, str]:
    """{class: "#rrggbb"} in the order of the classes, of which there are at most 21."""
    return {label: "#{:02x}{:02x}{:02x}".format(*colour_of(value)) for value, label in enumerate(classes)}
