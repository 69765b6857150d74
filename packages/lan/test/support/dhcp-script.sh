#!/bin/sh
# Called by dhclient (with $reason) and udhcpc (with $1): sets and removes the address only. An
# address that answers ARP is refused, which makes dhclient decline it. A file beside the script
# shows that the address is set. dhcpcd calls `dhcpcd-script.sh` and sets addresses itself.
case $0:${reason:-$1} in
*dhcpcd-script.sh:*) ;;
*:BOUND | *:RENEW | *:REBIND | *:REBOOT)
  if [ "$reason" = BOUND ]; then arping -q -D -c 1 -w 1 -I "$interface" "$new_ip_address" || exit 1; fi
  ip address replace "$new_ip_address/24" dev "$interface"
  ;;
*:bound | *:renew) ip address replace "$ip/24" dev "$interface" ;;
*:PREINIT) ip link set "$interface" up ;;
*:EXPIRE | *:FAIL | *:RELEASE | *:STOP | *:deconfig) ip -4 address flush dev "$interface" ;;
esac
echo "${reason:-$1}" >>"${0%/*}/called"
