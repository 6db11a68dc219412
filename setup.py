"""The distribution `axons-xblock`: it needs nothing that an LMS does not have already."""

import re
from pathlib import Path

from setuptools import find_packages, setup

ROOT = Path(__file__).parent
PACKAGE = ROOT / "axons_xblock"
DATA = ("static", "conf/locale", "translations")


def version() -> str:
    """The version, read without importing the package."""
    found = re.search(r'^__version__ = "(.+)"$', (PACKAGE / "__init__.py").read_text(), re.MULTILINE)
    if found is None:
        raise RuntimeError("axons_xblock/__init__.py names no __version__.")
    return found.group(1)


def data_files() -> list[str]:
    """Built front end and translations, as paths in the package."""
    return [
        str(path.relative_to(PACKAGE))
        for folder in DATA
        for path in sorted((PACKAGE / folder).glob("**/*"))
        if path.is_file()
    ]


setup(
    name="axons-xblock",
    version=version(),
    description="Open edX XBlock: students train image models on real GPUs inside a course unit",
    license="Apache-2.0",
    python_requires=">=3.11",
    packages=find_packages(include=["axons_xblock", "axons_xblock.*"], exclude=["axons_xblock.frontend*"]),
    package_data={"axons_xblock": data_files()},
    include_package_data=False,
    install_requires=["XBlock>=5.2,<7", "requests", "PyJWT[crypto]"],
    entry_points={
        "xblock.v1": ["axons = axons_xblock.block:AxonsXBlock"],
        "lms.djangoapp": ["axons_lms = axons_xblock.lms_plugin.apps:AxonsLmsConfig"],
        "cms.djangoapp": ["axons_cms = axons_xblock.lms_plugin.apps:AxonsCmsConfig"],
    },
    classifiers=[
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Framework :: Django :: 4.2",
        "Framework :: Django :: 5.2",
    ],
)
