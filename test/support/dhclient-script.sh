#!/bin/sh
# Called by dhclient with $reason: sets the address, the default route and the resolver in $RESOLV.
case $reason in
PREINIT) ip link set "$interface" up ;;
BOUND | RENEW | REBIND | REBOOT)
  ip address replace "$new_ip_address/$new_subnet_mask" dev "$interface"
  ip route replace default via "$new_routers" dev "$interface"
  echo "search $new_domain_name" >"$RESOLV"
  for server in $new_domain_name_servers; do echo "nameserver $server" >>"$RESOLV"; done
  ;;
esac
