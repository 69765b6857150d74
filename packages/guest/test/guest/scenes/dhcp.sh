#!/bin/sh
# Checks when a DHCP client gets a lease of an hour, renews it, and loses it without a server. This
# is also the client's script, which prints what happens to the lease.
case $1 in
  '')
    timeout 9600 udhcpc --foreground --interface server --script "$0" --tryagain 600 2>/dev/null | tee /tmp/lease
    exec awk '
      $2 == "bound" { address = $4; since = $1; bound++ }
      $2 == "renew" { if ($4 == address && $1 - since >= 1799 && $1 - since <= 1802) renewed++; since = $1 }
      $2 == "deconfig" && bound && !lost { lost = $1 - since }
      END { exit !(bound == 1 && renewed == 3 && lost > 3550 && lost <= 3601) }' /tmp/lease
    ;;
  bound | renew)
    ip addr replace "$ip/$mask" dev "$interface"
    ;;
  deconfig)
    ip addr flush to 198.18.0.0/16 dev "$interface"
    ;;
esac
awk -v what="$1" -v ip="$ip" '{ printf "%d %s of %s\n", $1, what, ip }' /proc/uptime
