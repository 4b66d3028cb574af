#!/usr/bin/env bash
# The README shows what `make demo` prints; with `--write` it is made to.
set -euo pipefail
cd "$(dirname "$0")/../.."
examples/demo.sh | python3 -c '
import re, sys
shown, path = sys.stdin.read().strip(), "README.md"
text = open(path, encoding="utf-8").read()
block = "<!-- demo -->\n```console\n" + shown + "\n```\n<!-- /demo -->"
fresh = re.sub(r"<!-- demo -->.*<!-- /demo -->", lambda _: block, text, flags=re.S)
if fresh != text and "--write" in sys.argv:
    open(path, "w", encoding="utf-8").write(fresh)
elif fresh != text:
    sys.exit("README.md does not show what `make demo` prints; tests/tools/readme.sh --write")
' "$@"
