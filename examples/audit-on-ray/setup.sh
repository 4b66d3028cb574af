# What the test and the measurement share; source it, with `skip REASON` defined. Afterwards $python has Ray, pyarrow and the Python
# package as it is built here, and $work is a folder that ends with the script. Packages are installed once, into the user's cache.

environment="${XDG_CACHE_HOME:-$HOME/.cache}/verimage/python/ray-$(cksum <requirements.txt | cut -d' ' -f1)"
package="$PWD/../../bindings/python"
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$PWD/../../target}" PIP_DISABLE_PIP_VERSION_CHECK=1 PYTHONDONTWRITEBYTECODE=1
python="${PYTHON:-python3}"

"$python" -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null || skip "there is no Python 3.10 or later"
if [ ! -e "$environment/complete" ]; then
    rm -rf "$environment"
    "$python" -m venv "$environment" || skip "no environment can be made"
    "$environment/bin/pip" install --quiet -r requirements.txt "$(grep '^maturin==' "$package/tests/requirements.txt")" ||
        skip "Ray cannot be installed"
    touch "$environment/complete"
fi
python="$environment/bin/python"

work="$(mktemp -d)"
server=
trap '[ -z "$server" ] || kill "$server" 2>/dev/null; rm -rf "$work"' EXIT

(cd "$package" && "$environment/bin/maturin" build --quiet --profile "${PROFILE:-dev}" --interpreter "$python" --out "$work/wheels") 2>"$work/log" ||
    { cat "$work/log" >&2 && exit 1; }
"$environment/bin/pip" install --quiet --no-index --no-deps --force-reinstall "$work"/wheels/*.whl

# Nothing of this machine: no credentials, no maps of registries. Ray's own files go with the rest.
export HOME="$work" XDG_CONFIG_HOME="$work" XDG_RUNTIME_DIR="$work" CONTAINERS_REGISTRIES_CONF="$work/registries.conf"
export RAY_TMPDIR="$work" RAY_USAGE_STATS_ENABLED=0

# fleet REPOSITORIES REFERENCES [MILLISECONDS]: a registry with so many repositories, which takes its time, and $work/references.txt.
fleet() {
    [ -z "$server" ] || kill "$server"
    rm -rf "$work/registry" "$work/address"
    mkdir "$work/registry"
    "$python" fleet.py "$work/registry" "$1" "$2" >"$work/references.txt"
    "$python" ../registry.py "$work/registry" "$work/address" --delay "${3:-0}" &
    server=$!
    for _ in $(seq 200); do
        [ -s "$work/address" ] && break
        sleep 0.05
    done
    # Nobody listens at port 9.
    printf '[[registry]]\nprefix = "%s"\nlocation = "%s"\ninsecure = true\n' \
        registry.example "$(cat "$work/address")" nowhere.example 127.0.0.1:9 >"$work/registries.conf"
}
