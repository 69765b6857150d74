/** Retransmission timeouts, and the congestion window. */
import { tcp } from '../notation.ts'

export const retransmission = [
  tcp(
    'bytes are sent again after 200 ms, and then with twice the timeout each time',
    `
    open
    write 10
    out data 1..11, ack 1
    +200..210 out data 1..11, ack 1
    +400..420 out data 1..11, ack 1
    +800..840 out data 1..11, ack 1
    in ack 11
    write 10
    out data 11..21, ack 1
    `,
  ),
  tcp(
    'the timeout follows the round-trip time',
    `
    open +300
    write 10
    out data 1..11, ack 1
    +900..910 out data 1..11, ack 1
    `,
  ),
  tcp(
    'a connection starts with ten segments, and each ACK adds a segment',
    `
    open mss 1000
    write 20000
    out data 1..10001 1000, ack 1
    quiet 20
    in ack 1001
    out data 10001..12001 1000, ack 1
    in ack 3001
    out data 12001..16001 1000, ack 1
    quiet 20
    `,
  ),
  tcp(
    'after a timeout one segment is sent, and ACKs double the window',
    `
    open mss 1000
    write 4000
    out data 1..4001 1000, ack 1
    +200..210 out data 1..1001, ack 1
    quiet 100
    in ack 1001
    out data 1001..3001 1000, ack 1
    in ack 3001
    out data 3001..4001, ack 1
    in ack 4001
    quiet 20
    `,
  ),
  tcp(
    'an ACK of everything after a timeout sends nothing again',
    `
    open mss 1000
    write 4000
    out data 1..4001 1000, ack 1
    +200..210 out data 1..1001, ack 1
    in ack 4001
    quiet 250
    `,
  ),
  tcp(
    'a part of a segment that is acknowledged is not sent again',
    `
    open
    write 1000
    out data 1..1001, ack 1
    in ack 401
    +200..210 out data 401..1001, ack 1
    in ack 1001
    `,
  ),
  tcp(
    'ICMP fragmentation needed makes the segments smaller',
    `
    open
    write 1460
    out data 1..1461, ack 1
    icmp too-big 1000
    out data 1..1461 960, ack 1
    in ack 1461
    write 1000
    out data 1461..2461 960, ack 1
    `,
  ),
  tcp(
    'an ACK of ten segments in flight lets twenty be sent',
    `
    open mss 1000
    write 10000
    out data 1..10001 1000, ack 1
    in ack 10001
    write 12000
    out data 10001..22001 1000, ack 1
    in ack 22001
    quiet 20
    `,
  ),
  tcp(
    'after a pause the window is ten segments again',
    `
    open mss 1000
    write 10000
    out data 1..10001 1000, ack 1
    in ack 10001
    +250 write 15000
    out data 10001..20001 1000, ack 1
    quiet 20
    `,
  ),
  tcp(
    'after a timeout the window doubles to half of what it was, and then grows slowly',
    `
    open mss 1000
    write 30000
    out data 1..10001 1000, ack 1
    +200..210 out data 1..1001, ack 1
    in ack 1001
    out data 1001..3001 1000, ack 1
    in ack 3001
    out data 3001..7001 1000, ack 1
    in ack 7001
    out data 7001..12001 1000, ack 1
    in ack 12001
    out data 12001..18001 1000, ack 1
    in ack 15001
    out data 18001..21001 1000, ack 1
    in ack 19001
    out data 21001..26001 1000, ack 1
    quiet 20
    `,
  ),
  tcp(
    'ICMP fragmentation needed about bytes that were not sent is ignored',
    `
    open
    write 1460
    out data 1..1461, ack 1
    icmp too-big 1000 seq 5000
    quiet 20
    in ack 1461
    `,
  ),
  tcp(
    'two round trips after the last segment it is sent again as a probe',
    `
    opened +100 mss 1000, sack-ok
    write 3000
    out data 1..3001 1000, ack 1
    +208..216 out data 2001..3001, ack 1
    in ack 3001
    `,
    { sysctls: { tcp_early_retrans: 3 } },
  ),
  tcp(
    'a loss probe is a new segment if there is one, and its SACK block shows the loss',
    `
    opened +100 mss 1000, sack-ok
    write 12000
    out data 1..10001 1000, ack 1
    +208..216 out data 10001..11001, ack 1
    +100 in ack 1, sack 10001..11001
    out data 1..1001, ack 1
    `,
    { sysctls: { tcp_early_retrans: 3 } },
  ),
  tcp(
    'ICMP fragmentation needed with a larger MTU is ignored',
    `
    open
    write 1460
    out data 1..1461, ack 1
    icmp too-big 1600
    quiet 20
    `,
  ),
  tcp(
    'small segments are sent again one after the other',
    `
    open
    nodelay on
    write 10
    out data 1..11, ack 1
    write 10
    out data 11..21, ack 1
    +200..210 out data 1..11, ack 1
    in ack 11
    out data 11..21, ack 1
    in ack 21
    `,
  ),
  tcp(
    'the doubled timeout remains until a segment is acknowledged that was sent once',
    `
    open
    write 10
    out data 1..11, ack 1
    +200..210 out data 1..11, ack 1
    in ack 11
    write 10
    out data 11..21, ack 1
    +400..420 out data 11..21, ack 1
    in ack 21
    write 10
    out data 21..31, ack 1
    in ack 31
    write 10
    out data 31..41, ack 1
    +200..210 out data 31..41, ack 1
    `,
  ),
]
