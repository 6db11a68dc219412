"""What a model learns: one class for a whole picture, or one for every pixel."""

from django.db.models import TextChoices


class Task(TextChoices):
    CLASSIFICATION = "classification"
    SEGMENTATION = "segmentation"


CLASSIFICATION, SEGMENTATION = Task.CLASSIFICATION.value, Task.SEGMENTATION.value

# the metrics that a grading rule may use: each lies between 0 and 1 and stands in an evaluation's result
METRICS: dict[str, tuple[str, ...]] = {CLASSIFICATION: ("accuracy",), SEGMENTATION: ("miou", "accuracy")}


def classes_agree(task: str, one: list[str], other: list[str]) -> bool:
    """Whether what is trained with the one classes can be scored with the other: for masks their order counts too."""
    return one == other if task == SEGMENTATION else set(one) == set(other)
