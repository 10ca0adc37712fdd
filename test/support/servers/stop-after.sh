#!/usr/bin/env bash
# Waits for the end of a process, however it comes, then stops all servers below a directory, and removes that.
# Arguments: the process id, and the directory.
pid=$1 dir=$2
while kill -0 "$pid" 2> /dev/null; do sleep 0.5; done
pids() { for file in "$dir"/*/run/*.pid; do [ -s "$file" ] && echo "$(< "$file")"; done; }
alive() { for each in $(pids); do kill -0 "$each" 2> /dev/null && return 0; done; return 1; }
kill -TERM $(pids) 2> /dev/null
# An OSD takes its time.
for ((i = 0; i < 100; i++)); do alive || break; sleep 0.1; done
kill -KILL $(pids) 2> /dev/null
rm -rf "$dir"
