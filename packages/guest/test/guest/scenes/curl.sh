#!/bin/sh
# Downloads a file twice, the second time an hour later.
set -e
for pause in 0 3600; do
  sleep "$pause"
  curl -fsS -4 -o /tmp/got -w '%{size_download} bytes in %{time_total} s\n' http://server:8080/file
  head -c 300000 /dev/zero | cmp - /tmp/got
done
[ "$(cut -d. -f1 /proc/uptime)" -ge 3600 ]
