#!/usr/bin/env python3
"""A fleet to audit: a folder for ../registry.py in which many repositories hold a handful of images, and a list of what runs.

    python3 fleet.py FOLDER REPOSITORIES REFERENCES > references.txt

The images are fixtures that cosign signed, one that nobody signed, and one with a broken signature.
"""

import sys
from pathlib import Path

LAYOUTS = Path(__file__).resolve().parents[2] / "tests" / "fixtures" / "cosign" / "layouts"
# Of twenty repositories one is unsigned and one was tampered with.
IMAGES = ["p256"] * 18 + ["unsigned", "attack-tampered-signature"]


def name(number):
    """The repository of this number."""
    return f"team-{number % 50}/app-{number}"


def build(folder, repositories):
    """Each repository is a link to a layout."""
    for number in range(repositories):
        place = folder / name(number)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(LAYOUTS / IMAGES[number % len(IMAGES)])


def references(repositories, count):
    """What runs: each repository once, then some of them far more often than others."""
    for number in range(count):
        chosen = number if number < repositories else number * number % repositories
        yield f"registry.example/{name(chosen)}:v1"


def main():
    folder, repositories, count = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    build(folder, repositories)
    print("\n".join(references(repositories, count)))


if __name__ == "__main__":
    main()
