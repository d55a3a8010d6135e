#!/bin/sh
# Runs a command as a Kaggle session sees the world: no network, /kaggle/input read-only, /kaggle/working
# and /kaggle/temp writable, the rest of this machine as it is. The host's root is not touched: a fresh one
# is put together in a namespace of its own, every entry of / bound into it, and /kaggle added.
#   kaggle_root.sh KAGGLE COMMAND ...      KAGGLE: a folder with input, working and temp in it
set -eu
kaggle=$(cd "$1" && pwd)
shift

if command -v bwrap >/dev/null 2>&1; then
    set -- --chdir /kaggle/working -- "$@"
    set -- --bind "$kaggle/working" /kaggle/working --bind "$kaggle/temp" /kaggle/temp "$@"
    set -- --dev-bind /dev /dev --proc /proc --ro-bind "$kaggle/input" /kaggle/input "$@"
    for entry in /*; do
        case $entry in
        /proc | /dev | /kaggle) ;;
        *) if [ -L "$entry" ]; then set -- --symlink "$(readlink "$entry")" "$entry" "$@"; else set -- --bind "$entry" "$entry" "$@"; fi ;;
        esac
    done
    exec bwrap --unshare-net "$@"
fi

exec unshare --user --map-root-user --net --mount sh -eu -c '
    kaggle=$1
    shift
    fresh=$kaggle/root
    mkdir -p "$fresh"
    mount -t tmpfs none "$fresh"
    for entry in /*; do
        if [ -L "$entry" ]; then ln -s "$(readlink "$entry")" "$fresh$entry"
        elif [ "$entry" != /kaggle ] && [ -d "$entry" ]; then mkdir "$fresh$entry"; mount --rbind "$entry" "$fresh$entry"
        fi
    done
    for name in input working temp; do
        mkdir -p "$fresh/kaggle/$name"
        mount --bind "$kaggle/$name" "$fresh/kaggle/$name"
    done
    mount -o remount,bind,ro "$fresh/kaggle/input"
    ip link set lo up # Jupyter talks to its kernel over the loopback
    cd /
    exec chroot "$fresh" sh -c "cd /kaggle/working && exec \"\$@\"" sh "$@"
' sh "$kaggle" "$@"
