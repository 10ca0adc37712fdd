#!/usr/bin/env bash
# Makes a Windows of Wine's, and keeps its server running.
# Arguments: an empty directory, in whose run/ the process id is; prefix/drive_c/ in it is C:. Prints nothing.
set -euo pipefail
dir=$1
mkdir -p "$dir"/{run,log,home,tmp,prefix}
exec > "$dir/log/start.log" 2>&1 < /dev/null
# Programs find the server by TMPDIR. Neither .NET nor a browser is wanted, which it would ask for.
export WINEPREFIX=$dir/prefix TMPDIR=$dir/tmp HOME=$dir/home WINEARCH=win64 WINEDEBUG=-all WINEDLLOVERRIDES='mscoree,mshtml='
setsid wineserver --foreground --persistent &
echo $! > "$dir/run/wineserver.pid"
wineboot --init
# Node.js wants Windows 10. Without `start /wait`, what has windows would go on by itself.
wine start /wait winecfg /v win10
# Vite has a part that wants a function which this Wine lacks.
! command -v x86_64-w64-mingw32-gcc || x86_64-w64-mingw32-gcc -shared -O1 -s \
  -o "$WINEPREFIX/drive_c/windows/system32/bcryptprimitives.dll" "$(dirname "$0")/../native/bcryptprimitives.c" -ladvapi32
