#!/bin/sh
# Checks that a QUIC connection ends after 15 minutes without traffic.
now() { cut -d. -f1 /proc/uptime; }
start=$(now)
gtlsclient --quiet --download=/tmp --timeout=15m server 4433 https://server:4433/file 2>&1 | tee /tmp/end
seconds=$(($(now) - start))
echo "ended after $seconds s"
grep -q ERR_IDLE_CLOSE /tmp/end && grep -qx hello /tmp/file && [ $seconds -ge 900 ] && [ $seconds -le 901 ]
