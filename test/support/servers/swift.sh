#!/usr/bin/env bash
# Starts OpenStack Swift with the API of S3 on loopback ports: one of each server, and one copy of everything. Its keys are the ones below.
# Arguments: an empty directory, in whose run/ the process ids are; the ports of the proxy, the servers of objects, containers and
# accounts, and memcached.
set -euo pipefail
dir=$1 proxy=$2 object=$3 container=$4 account=$5 cache=$6
here=$(cd "$(dirname "$0")" && pwd)
user=$(id -un)
mkdir -p "$dir"/{conf,devices/d1,run,log}
exec > "$dir/log/start.log" 2>&1
cd "$dir/conf"

cat > swift.conf <<CONF
[swift-hash]
swift_hash_path_suffix = test
swift_hash_path_prefix = test
[storage-policy:0]
name = default
default = yes
CONF

defaults() {
  cat <<CONF
[DEFAULT]
user = $user
swift_dir = $dir/conf
devices = $dir/devices
mount_check = false
bind_ip = 127.0.0.1
bind_port = $1
workers = 0
log_level = WARNING
log_address = /dev/null
CONF
}

server() {
  { defaults "$2"; cat <<CONF
[pipeline:main]
pipeline = $1-server
[app:$1-server]
use = egg:swift#$1
disable_fallocate = true
CONF
  } > "$1-server.conf"
  swift-ring-builder "$1.builder" create 6 1 1
  swift-ring-builder "$1.builder" add "r1z1-127.0.0.1:$2/d1" 1
  # It warns of one device for all copies.
  swift-ring-builder "$1.builder" rebalance || [ $? -eq 1 ]
}
server object "$object"
server container "$container"
server account "$account"

{ defaults "$proxy"; cat <<CONF
[pipeline:main]
pipeline = catch_errors gatekeeper healthcheck cache listing_formats s3api tempauth copy slo dlo versioned_writes symlink proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
allow_account_management = true
[filter:catch_errors]
use = egg:swift#catch_errors
[filter:gatekeeper]
use = egg:swift#gatekeeper
[filter:healthcheck]
use = egg:swift#healthcheck
[filter:cache]
use = egg:swift#memcache
memcache_servers = 127.0.0.1:$cache
[filter:listing_formats]
use = egg:swift#listing_formats
[filter:s3api]
use = egg:swift#s3api
location = us-east-1
allow_multipart_uploads = true
[filter:tempauth]
use = egg:swift#tempauth
user_test_tester = testing .admin
[filter:copy]
use = egg:swift#copy
[filter:slo]
use = egg:swift#slo
[filter:dlo]
use = egg:swift#dlo
[filter:versioned_writes]
use = egg:swift#versioned_writes
allow_object_versioning = true
[filter:symlink]
use = egg:swift#symlink
CONF
} > proxy-server.conf

memcached -u "$user" -l 127.0.0.1 -p "$cache" -m 16 > "$dir/log/memcached.log" 2>&1 &
echo $! > "$dir/run/memcached.pid"
/usr/bin/python3 "$here/swift-servers.py" "$dir"
for ((i = 0; i < 300; i++)); do
  # The proxy is there before it answers.
  if exec 3<> "/dev/tcp/127.0.0.1/$proxy"; then
    printf 'GET /healthcheck HTTP/1.0\r\n\r\n' >&3
    if grep -q OK <&3; then exit 0; fi
  fi
  sleep 0.2
done
exit 1
