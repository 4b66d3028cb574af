#!/usr/bin/env bash
# Builds the book under docs/ into the build folder, `book/`, and follows every link in it. The tool is installed once, into the cache;
# where that is not possible, the book is skipped aloud.
set -euo pipefail
cd "$(dirname "$0")/../.."
version=0.5.4
root="${XDG_CACHE_HOME:-$HOME/.cache}/verimage/tools/mdbook-$version"
if [ ! -x "$root/bin/mdbook" ]; then
    echo "installing mdbook $version (once, some minutes)"
    if ! CARGO_TARGET_DIR="$root/build" cargo install --quiet --locked --debug --no-default-features --root "$root" "mdbook@$version"; then
        echo "skipped: the book: mdbook $version cannot be installed"
        exit 0
    fi
    rm -rf "$root/build"
fi
book="${CARGO_TARGET_DIR:-$PWD/target}/book"
said="$("$root/bin/mdbook" build --dest-dir "$book" 2>&1)" || { echo "$said" >&2; exit 1; }
if grep -E 'WARN|ERROR' <<<"$said" >&2; then
    echo "the book is built with warnings" >&2
    exit 1
fi
tests/tools/book_links.py "$book"
