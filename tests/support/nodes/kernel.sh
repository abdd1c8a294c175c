#!/bin/sh
# Runs first in a test machine. Its kernel is the one of the computer that runs the tests.
set -eu
# Control groups are the machine's own (a cgroup namespace); container runtimes write them.
for hierarchy in /sys/fs/cgroup/*/; do
    mount -o remount,rw,bind "$hierarchy" 2>/dev/null || true
done
# Kernel settings outside of the network concern the whole computer: the machine gets a copy of them
# that it can read and write. What it writes takes no effect there, and is gone after a restart.
for part in kernel vm fs; do
    copy=/run/lab/sys/$part
    mkdir -p "$copy"
    (cd "/proc/sys/$part" && find . -type d ! -path './binfmt_misc*' ! -path './random*') |
        (cd "$copy" && xargs mkdir -p)
    (cd "/proc/sys/$part" && find . -type f ! -path './binfmt_misc*' ! -path './random*') | while read -r file; do
        cat "/proc/sys/$part/$file" >"$copy/$file" 2>/dev/null || true
    done
done
mkdir -p /run/lab/sys/kernel/random
mount --rbind /proc/sys/kernel/random /run/lab/sys/kernel/random
for part in kernel vm fs; do
    mount --rbind "/run/lab/sys/$part" "/proc/sys/$part"
done
