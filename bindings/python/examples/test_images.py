"""Assertions about images, for the test suite of a deployment: `pytest test_images.py`."""

import os

import pytest
import verimage


@pytest.fixture(scope="session")
def engine() -> verimage.Verimage:
    return verimage.Verimage(os.environ["POLICY"])


@pytest.mark.parametrize("image", os.environ["IMAGES"].split())
def test_every_image_is_signed(engine: verimage.Verimage, image: str) -> None:
    verdict = engine.verify(image)
    assert verdict.allowed, f"{verdict.code}: {verdict.message}"
