#!/bin/sh
# Runs a command on one CPU: the first of those that this process may use, which needn't be CPU 0.
exec taskset --cpu-list "$(taskset --cpu-list --pid $$ | sed 's/.*: \([0-9]*\).*/\1/')" "$@"
