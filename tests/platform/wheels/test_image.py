"""The table of Kaggle's image: both Pythons, versions that can be read, and all that the kit asks of it."""

from __future__ import annotations

import pytest
from packaging.requirements import Requirement
from packaging.version import Version
from wheel_makers import kit_requirements

from kaggle_utils.platform.wheels.image import PYTHONS, image


def test_the_image_table_has_a_date_and_knows_both_pythons():
    assert image("3.12").seen == "2026-10"
    assert image("3.12").versions["torch"] == "2.10.0+cu128" and image("3.13").versions["torch"] == "2.11.0+cu128"
    with pytest.raises(ValueError, match="'3.11', expected one of Kaggle's: 3.12, 3.13"):
        image("3.11")


def test_both_images_hold_the_same_packages_in_versions_that_can_be_read():
    old, new = (image(python).versions for python in PYTHONS)
    assert set(old) == set(new)
    assert all(str(Version(v)) == v for v in [*old.values(), *new.values()] if v is not None)


@pytest.mark.parametrize("python", PYTHONS)
def test_the_image_meets_what_the_kit_itself_asks_of_it(python):
    ours = image(python)
    asked = [r for r in map(Requirement, kit_requirements()) if ours.versions.get(r.name)]
    met = {r.name: r.specifier.contains(ours.versions[r.name], prereleases=True) for r in asked}
    assert met["albumentations"] and [name for name, well in met.items() if not well] == ["kaggle"], met
    assert "at home" in ours.excuses("kaggle-utils", "kaggle")
