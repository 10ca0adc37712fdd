#!/usr/bin/env bash
# Makes a Windows of Wine's, and keeps its server running.
# Arguments: an empty directory, in whose run/ the process id is; prefix/drive_c/ in it is C:. Prints nothing.
set -euo pipefail
dir=$1
mkdir -p "$dir"/{run,log,home,tmp}
exec > "$dir/log/start.log" 2>&1 < /dev/null
# Neither .NET nor a browser, which it would ask for.
export WINEPREFIX=$dir/prefix WINEARCH=win64 WINEDEBUG=-all WINEDLLOVERRIDES='mscoree,mshtml=' HOME=$dir/home TMPDIR=$dir/tmp
mkdir "$WINEPREFIX"
setsid wineserver --foreground --persistent &
echo $! > "$dir/run/wineserver.pid"
wineboot --init
# Node.js looks for what it knows.
wine reg add 'HKCU\Software\Wine' /v Version /d win10 /f
# Vite has a part that wants a function which this Wine lacks.
! command -v x86_64-w64-mingw32-gcc || x86_64-w64-mingw32-gcc -shared -O1 -s \
  -o "$WINEPREFIX/drive_c/windows/system32/bcryptprimitives.dll" "$(dirname "$0")/../native/bcryptprimitives.c" -ladvapi32
