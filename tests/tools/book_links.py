#!/usr/bin/env python3
"""Follows every link of a built book to its page and its heading; those that leave it are not asked for."""

import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag, urlsplit


class Links(HTMLParser):
    """What a page links to, and what it may be linked to by."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.anchors: set[str] = set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name == "id" and value:
                self.anchors.add(value)
            elif name in ("href", "src") and value:
                self.links.append(value)


def wrong(pages: dict[Path, Links]) -> list[str]:
    found = []
    for path, page in pages.items():
        for link in page.links:
            if urlsplit(link).scheme:
                continue
            name, anchor = urldefrag(link)
            target = (path.parent / unquote(name)).resolve() if name else path
            if not target.exists():
                found.append(f"{path.name}: {link}: there is no such file")
            elif anchor and target in pages and anchor not in pages[target].anchors:
                found.append(f"{path.name}: {link}: there is no such heading")
    return found


def main() -> None:
    folder = Path(sys.argv[1]).resolve()
    # What is printed as one page, and what is shown where a page is missing, repeat the others from other places.
    pages = {path: Links(path) for path in sorted(folder.rglob("*.html")) if path.name not in ("print.html", "404.html", "toc.html")}
    mistakes = wrong(pages)
    if mistakes:
        sys.exit("\n".join(mistakes))
    print(f"the book: {len(pages)} pages, {sum(len(page.links) for page in pages.values())} links")


main()
