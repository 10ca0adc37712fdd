#!/usr/bin/env bash
# Starts OpenSSH's server on loopback ports, and makes keys: `user` is one that it accepts, and `known` has its own.
# Arguments: an empty directory, in whose run/ the process ids are; a port for SFTP as OpenSSH has it, or as the variable SUBSYSTEM says; optionally
# another one without anything beyond the protocol. Prints nothing; the ports are in `ports`.
set -euo pipefail
dir=$1
shift
mkdir -p "$dir"/{run,log}
exec > "$dir/log/start.log" 2>&1
for key in host user; do ssh-keygen -q -t ed25519 -N '' -f "$dir/$key"; done
# By a name that every port and every way there has in common.
echo "server-of-tests $(cut -d' ' -f1,2 "$dir/host.pub")" > "$dir/known"
echo "$@" > "$dir/ports"
# For who is root, sshd confines itself to this one.
[ "$(id -u)" -ne 0 ] || mkdir -p /run/sshd

subsystems=("${SUBSYSTEM:-internal-sftp}" 'internal-sftp -P posix-rename,hardlink,fsync,statvfs,limits')
for port in "$@"; do
  cat > "$dir/$port.conf" << CONF
Port $port
ListenAddress 127.0.0.1
HostKey $dir/host
PidFile $dir/run/$port.pid
AuthorizedKeysFile $dir/user.pub
# Directories above belong to others as well.
StrictModes no
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
PermitRootLogin prohibit-password
MaxStartups 100
Subsystem sftp ${subsystems[0]}
CONF
  subsystems=("${subsystems[@]:1}")
  /usr/sbin/sshd -f "$dir/$port.conf" -E "$dir/log/$port.log"
  for ((i = 0; i < 100; i++)); do
    [ -s "$dir/run/$port.pid" ] && break
    sleep 0.05
  done
  [ -s "$dir/run/$port.pid" ]
done
