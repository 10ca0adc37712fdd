#!/usr/bin/env bash
# Starts Ceph's RADOS gateway, with a monitor and an OSD in memory behind it, on loopback ports. Its keys are the ones below.
# Arguments: an empty directory, in whose run/ the process ids are; the port of the gateway, and two of the monitor.
set -euo pipefail
dir=$1 port=$2 monitor=$3 monitor_v1=$4
mkdir -p "$dir"/{mon,osd,rgw,run,log}

cat > "$dir/ceph.conf" <<CONF
[global]
fsid = $(cat /proc/sys/kernel/random/uuid)
mon host = [v2:127.0.0.1:$monitor,v1:127.0.0.1:$monitor_v1]
public addr = 127.0.0.1
cluster addr = 127.0.0.1
run dir = $dir/run
admin socket = $dir/run/\$name.asok
pid file = $dir/run/\$name.pid
log file = $dir/log/\$name.log
keyring = $dir/keyring
# Without, the monitor and the OSD wait for each other forever.
auth cluster required = cephx
auth service required = cephx
auth client required = cephx
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 1
osd pool default pgp num = 1
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
mon allow pool size one = true
mon warn on pool no redundancy = false
mon osd mon max pg per osd = 500
ms bind ipv6 = false
[mon]
keyring = $dir/mon/keyring
mon data = $dir/mon
# Nothing is written that fills the disk.
mon data avail crit = 0
mon data avail warn = 0
[osd]
keyring = $dir/osd/keyring
osd data = $dir/osd
osd objectstore = memstore
memstore device bytes = 4294967296
[client.rgw]
rgw data = $dir/rgw
# Without, each answer takes 40 ms.
rgw frontends = beast endpoint=127.0.0.1:$port tcp_nodelay=1
CONF

export CEPH_CONF="$dir/ceph.conf"
exec > "$dir/log/start.log" 2>&1
ceph-authtool --create-keyring "$dir/keyring" --gen-key -n mon. --cap mon 'allow *'
ceph-authtool "$dir/keyring" --gen-key -n client.admin --cap mon 'allow *' --cap osd 'allow *' --cap mgr 'allow *'
monmaptool --create --fsid "$(sed -n 's/^fsid = //p' "$dir/ceph.conf")" --addv a "[v2:127.0.0.1:$monitor,v1:127.0.0.1:$monitor_v1]" "$dir/monmap"
ceph-mon --mkfs -i a --monmap "$dir/monmap" --keyring "$dir/keyring"
ceph-mon -i a
ceph auth get-or-create client.rgw mon 'allow rwx' osd 'allow rwx' >> "$dir/keyring"
key=$(ceph-authtool --gen-print-key)
uuid=$(cat /proc/sys/kernel/random/uuid)
echo "{\"cephx_secret\":\"$key\"}" | ceph osd new "$uuid" 0 -i -
ceph-authtool "$dir/osd/keyring" --create-keyring -n osd.0 --add-key "$key"
ceph-osd -i 0 --mkfs --osd-uuid "$uuid"
ceph-osd -i 0
radosgw -n client.rgw --rgw-init-timeout 60
radosgw-admin user create --uid test --display-name test --access-key AKTEST0000000000 --secret-key SKTEST0000000000
# A part of that user, who owns what it writes. It may do what the policies of buckets let it do.
radosgw-admin subuser create --uid test --subuser test:other --key-type s3 --access-key AKOTHER000000000 --secret-key SKTESTOTHER00000
for ((i = 0; i < 300; i++)); do
  # Nobody has to be let in for it to be there.
  if (exec 3<> "/dev/tcp/127.0.0.1/$port") 2> /dev/null; then exit 0; fi
  sleep 0.2
done
exit 1
