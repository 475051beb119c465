#!/bin/bash
# Runs tests that are in real time. On a machine that others use too, one may fail for want of a
# processor: those that fail are run once more, alone.
#   second-chance.sh FILTER
set -uo pipefail
log=$(mktemp)
trap 'rm -f "$log"' EXIT
swift test --skip-build --filter "$1" 2>&1 | tee "$log" && exit 0
failed=$(sed -n 's/^✘ Test \([A-Za-z0-9_]*\)(.*/\1/p' "$log" | sort -u | paste -sd '|')
echo "once more: ${failed:-$1}"
sleep 10
swift test --skip-build --filter "${failed:-$1}"
