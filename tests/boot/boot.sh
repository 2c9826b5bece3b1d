#!/bin/bash
# Boot a Debian system that has the build, with a real systemd as PID 1 in a container, and let it keep our promises:
# boot.sh SUITE BUILD_DIR [PATTERN]. Each promises/PATTERN.sh is run inside, in the order of their names, and counts as a
# test; so does the shutdown.

set -u
. "$(dirname "$0")/system.sh"

suite=$1 build=$(realpath "$2") pattern=${3:-*}
log=$build/meson-logs/boot-$suite.log
set -- "$here"/promises/$pattern.sh
system_make "$suite" "$build" "$suite" "$log" "$@"
system_boot "$suite" "$log" $#
