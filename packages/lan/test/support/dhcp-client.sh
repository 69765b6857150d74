#!/bin/sh
# dhcp-client.sh DIR PROGRAM ...: runs a DHCP client whose files are in DIR. `ip netns exec` gives
# it a mount namespace, in which the machine's resolver and the state of its own clients are hidden.
set -e
dir=$1
shift
mkdir -p "$dir/lib" "$dir/run" /var/lib/dhcpcd /run/dhcpcd
: >"$dir/resolv.conf"
mount --bind "$dir/resolv.conf" /etc/resolv.conf
mount --bind "$dir/lib" /var/lib/dhcpcd
mount --bind "$dir/run" /run/dhcpcd
exec "$@"
