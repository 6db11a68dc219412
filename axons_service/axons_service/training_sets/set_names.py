"""How a spec names a set of the library.

A set of the whole site has a bare name, `cats-and-dogs`, which means its newest version. What a course has published is
named with its content, `cats-and-dogs@<content_sha256>`: that version and no other, wherever the exercise goes. Such a
name works in any course of the site, so that a rerun keeps its sets; who knows the hash has had the set in hand.
"""

from django.db.models import Q

from axons_service.training_sets.models import TrainingSet


def set_name(training_set: TrainingSet) -> str:
    """The name by which specs mean this library set."""
    if not training_set.course_key:
        return training_set.name
    return f"{training_set.name}@{training_set.content_sha256}"


def named(name: str) -> Q:
    """The rows that this name means, among those of one site's library.

    With a content, that alone decides: where an operator brought the set in under another name, it is the same set.
    """
    bare, _, content = name.partition("@")
    return Q(content_sha256=content) if content else Q(name=bare, course_key="")


def any_version(name: str) -> Q:
    """The rows of the same set: a learner who began with an earlier version goes on with it."""
    bare, _, content = name.partition("@")
    return Q(name=bare) | Q(content_sha256=content) if content else named(name)


def is_version(training_set: TrainingSet, name: str | None) -> bool:
    """Whether this library set is what the name means, or an earlier or later version of it."""
    bare, _, content = (name or "").partition("@")
    if content and training_set.content_sha256 == content:
        return True
    return training_set.name == bare and (bool(content) or not training_set.course_key)
