#!/bin/sh
# dhcp-client.sh DIR PROGRAM ...: a DHCP client whose files lie in DIR, run by `ip netns exec`, which gave us mounts of our own:
# the machine's resolver and the state of its own clients are not to be seen.
set -e
dir=$1
shift
mkdir -p "$dir/lib" "$dir/run" /var/lib/dhcpcd /run/dhcpcd
: >"$dir/resolv.conf"
mount --bind "$dir/resolv.conf" /etc/resolv.conf
mount --bind "$dir/lib" /var/lib/dhcpcd
mount --bind "$dir/run" /run/dhcpcd
exec "$@"
