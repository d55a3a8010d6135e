#!/usr/bin/env bash
# Proves the wheels and the notebooks where Kaggle runs them: the image's Python and its versions, no
# network, inputs read-only below /kaggle/input, in today's mount layout; those of the first notebook's competition
# in the old one as well.
#   .ci/kaggle_image.sh [--python 3.12] [--input DIR] [NOTEBOOK [-p NAME VALUE ...]] ...
# Python 3.13 is the image since October 2026, 3.12 the one before. DIR is laid out like /kaggle/input with
# one folder a competition. Notebooks are paths below notebooks/ (reef/1_eda) and run in the order given;
# each finds the output of those before it attached.
# The image's packages are kept in ${XDG_CACHE_HOME:-~/.cache}/kaggle-utils-image between runs.
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)
table=$here/kaggle_utils/platform/wheels/image_2026_10.json
version=3.13
data=
while [[ "${1:-}" == --* ]]; do
    case $1 in
    --python) version=${2:?--python takes a version such as 3.12} ;;
    --input) data=${2:?--input takes a folder} ;;
    *)
        echo "$1 is no option: expected --python VERSION or --input DIR" >&2
        exit 2
        ;;
    esac
    shift 2
done

find_python() { # the first Python of the version that answers
    local found
    for found in "python$version" "$(command -v pyenv >/dev/null && pyenv prefix "$(pyenv latest "$version" 2>/dev/null)" 2>/dev/null)/bin/python"; do
        if [ "$("$found" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null)" = "$version" ]; then
            command -v "$found"
            return
        fi
    done
    echo "no Python $version on the PATH or in pyenv: install one (pyenv install $version)" >&2
    return 1
}

step() { printf '%5ds  %s\n' $((SECONDS)) "$*"; }

python=$(find_python)
step "Python $("$python" -V | cut -d' ' -f2)"

wanted=$("$python" - "$table" "$version" <<'PY'
import json, sys
table, python = json.load(open(sys.argv[1])), sys.argv[2]
if python not in table["versions"]:
    sys.exit(f"--python is {python}, expected one of Kaggle's: {', '.join(table['versions'])}")
known = dict.fromkeys(table["implied"]) | table["versions"][python]
print("\n".join(f"{name}=={version.split('+')[0]}" if version else name for name, version in sorted(known.items())))
PY
)
key=$({ "$python" -V; echo "$wanted"; } | sha256sum | cut -c1-12)
image=${XDG_CACHE_HOME:-$HOME/.cache}/kaggle-utils-image/$key
if [ ! -e "$image/complete" ]; then
    step "installing the image's packages into $image"
    rm -rf "$image"
    "$python" -m venv "$image"
    "$image/bin/python" -m pip install --quiet --disable-pip-version-check -r <(echo "$wanted")
    touch "$image/complete"
fi
packages=$("$image/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
step "the image's packages: $(du -sh "$packages" | cut -f1)"

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

PYTHONPATH=$here "$image/bin/python" - "$scratch/wheels" <<'PY'
import sys
from pathlib import Path
from kaggle_utils.platform.wheels.wheelhouse import build
build(Path(sys.argv[1]), "ci")
PY
step "the dataset of wheels: $(find "$scratch/wheels" -name '*.whl' | wc -l) wheels, $(du -sh --apparent-size "$scratch/wheels" | cut -f1)"

session() { # a fresh session: the image's packages, nothing of the kit
    local kaggle=$scratch/$1
    mkdir -p "$kaggle"/{input,working,temp}
    "$python" -m venv "$kaggle/venv"
    echo "import site; site.addsitedir('$packages')" >"$("$kaggle/venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/image.pth"
}

attach() { # layout, folder, kind, name
    local spot=$scratch/$1/input/$4
    case $1-$3 in
    new-competitions) spot=$scratch/$1/input/competitions/$4 ;;
    new-*) spot=$scratch/$1/input/$3/ci/$4 ;;
    esac
    mkdir -p "$(dirname "$spot")"
    rm -rf "$spot"
    cp -r "$2" "$spot"
}

inside() { # layout, command ...: in the session, with Kaggle's variables and none of the kit's
    local kaggle=$scratch/$1
    shift
    env -u PYTHONPATH -u VIRTUAL_ENV KAGGLE_KERNEL_RUN_TYPE=Batch PIP_CONFIG_FILE=/dev/null HOME="$kaggle/temp" \
        "$python" -I "$here/kaggle_utils/platform/rehearsal/sandbox.py" /kaggle "$kaggle" "$@"
}

expect_refusal() { # layout, Python statement that must fail
    if inside "$1" "$scratch/$1/venv/bin/python" -c "$2" 2>/dev/null; then
        echo "this should have failed in the session: $2" >&2
        exit 1
    fi
}

run_notebook() { # layout, notebook such as reef/1_eda, papermill's parameters
    local layout=$1 notebook=$2 slug
    shift 2
    slug=$(tr /_ -- <<<"$notebook")
    rm -rf "$scratch/$layout/working" && mkdir "$scratch/$layout/working"
    inside "$layout" "$scratch/$layout/venv/bin/python" -m papermill --no-progress-bar --log-level ERROR \
        "$here/notebooks/$notebook.ipynb" "/kaggle/temp/$slug.ipynb" "$@"
    attach "$layout" "$scratch/$layout/working" notebooks "$slug"
    step "$layout layout: $notebook runs"
}

for layout in new old; do
    session "$layout"
    attach "$layout" "$scratch/wheels" datasets kaggle-utils-wheels
    for competition in ${data:+"$data"/*}; do
        attach "$layout" "$competition" competitions "$(basename "$competition")"
    done
    expect_refusal "$layout" 'open("/kaggle/input/note", "w")'
    expect_refusal "$layout" 'import socket; socket.create_connection(("1.1.1.1", 53), timeout=5)'
    expect_refusal "$layout" 'import kaggle_utils'
    before=$SECONDS
    inside "$layout" "$scratch/$layout/venv/bin/python" - <"$here/kaggle_utils/platform/bootstrap.txt"
    step "$layout layout: the bootstrap cell took $((SECONDS - before)) s"
    inside "$layout" "$scratch/$layout/venv/bin/python" - <<'PY'
from importlib.metadata import distribution
from kaggle_utils.platform.wheels import attached as attached_wheels
import ultralytics, segmentation_models_pytorch, ensemble_boxes, norfair, numpy, torch, cv2
for wheel in attached_wheels.folders()[0].glob("*.whl"):
    distribution(wheel.name.split("-")[0])
held = {name: distribution(name).locate_file("") for name in ("numpy", "torch", "opencv-python", "pillow")}
assert len(set(map(str, held.values()))) == 1 and "kaggle-utils-image" in str(held["torch"]), held
print("imported beside", "numpy", numpy.__version__, "torch", torch.__version__, "cv2", cv2.__version__)
PY
    step "$layout layout: what was installed imports, the image's packages are the image's"
done

twice= # the competition that is run in both layouts
while [ $# -gt 0 ]; do
    notebook=$1
    shift
    parameters=()
    while [ "${1:-}" = -p ]; do
        parameters+=("${@:1:3}")
        shift 3
    done
    run_notebook new "$notebook" "${parameters[@]}"
    twice=${twice:-${notebook%%/*}}
    if [ "${notebook%%/*}" = "$twice" ]; then
        run_notebook old "$notebook" "${parameters[@]}"
    fi
done
