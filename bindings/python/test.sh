#!/usr/bin/env bash
# Builds the wheel, installs it into a clean environment and tests it there: pytest, types of everything, stubs against the
# module. Nothing is written into the repository. Without Python 3.10 or what the tests need, it is skipped aloud.
set -euo pipefail
cd "$(dirname "$0")"
package=$PWD
cache="${XDG_CACHE_HOME:-$HOME/.cache}/verimage/python"
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$package/../../target}" PIP_DISABLE_PIP_VERSION_CHECK=1 PYTHONDONTWRITEBYTECODE=1
python="${PYTHON:-python3}"

skip() {
    echo "skipped: the Python package: $1"
    exit 0
}

"$python" -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null || skip "there is no Python 3.10 or later"
mkdir -p "$cache"
environment=$(mktemp -d "$cache/environment.XXXXXX")
trap 'rm -rf "$environment"' EXIT
"$python" -m venv "$environment" >"$environment.log" 2>&1 || skip "no environment can be made: $(tail -1 "$environment.log")"
"$environment/bin/pip" install --quiet -r tests/requirements.txt >"$environment.log" 2>&1 ||
    skip "the packages for its tests cannot be installed: $(tail -1 "$environment.log")"
rm -f "$environment.log"

"$environment/bin/maturin" build --quiet --profile dev --interpreter "$environment/bin/python" --out "$environment/wheels" 2>"$environment/build.log" || {
    cat "$environment/build.log" >&2
    exit 1
}
"$environment/bin/pip" install --quiet --no-index --no-deps "$environment"/wheels/*.whl

# Away from the sources: what is tested is what was installed.
cd "$environment"
bin/python -m pytest --config-file "$package/pyproject.toml" --rootdir "$package" -p no:cacheprovider "$package/tests"
bin/mypy --config-file "$package/pyproject.toml" --cache-dir "$cache/mypy" "$package"/{benches,examples,tests}/*.py
bin/python -m mypy.stubtest verimage --mypy-config-file "$package/pyproject.toml" --allowlist "$package/tests/stubtest-allowlist.txt"
