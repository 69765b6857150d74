#!/bin/bash
# Checks that a tunnel renews its keys every two minutes for an hour, and that pings still pass.
set -e
two() { nsenter --net --target "$(cat /tmp/two.pid)" "$@"; }
umask 077
wg genkey >/tmp/one.key
wg genkey >/tmp/two.key
ip link add wg0 type wireguard
two ip link add wg0 type wireguard
wg set wg0 listen-port 51820 private-key /tmp/one.key \
  peer "$(wg pubkey </tmp/two.key)" allowed-ips 10.0.0.2/32 endpoint "$VNET_IP4_TWO:51820"
two wg set wg0 listen-port 51820 private-key /tmp/two.key \
  peer "$(wg pubkey </tmp/one.key)" allowed-ips 10.0.0.1/32
ip addr add 10.0.0.1/24 dev wg0
two ip addr add 10.0.0.2/24 dev wg0
ip link set wg0 up
two ip link set wg0 up

# The first byte of a handshake initiation is 1.
tcpdump -lntt -i two 'udp[8] = 1' >/tmp/handshakes 2>/dev/null &
tcpdump=$!
sleep 1
ping -q -i 10 -c 360 10.0.0.2 | tee /tmp/pings
kill "$tcpdump"
wait "$tcpdump" || true
# A lost handshake is repeated after 5 s, which makes the next one early, but never late.
awk 'NR > 1 { seconds = $1 - before; if (seconds > 131) late++; if (seconds >= 120) right++ }
  { before = $1 }
  END { print right + 0, "handshakes after two minutes,", late + 0, "late"; exit late > 0 || right < 25 }' /tmp/handshakes
awk '/received/ { exit $4 < 330 }' /tmp/pings
