/** Bytes in both directions without loss: acknowledgments, segment sizes, Nagle's algorithm. */
import { tcp } from '../notation.ts'

/** Sixteen segments, each of which is acknowledged immediately. */
const quick = Array.from({ length: 16 }, (_, i) => i * 1000 + 1)
  .map(from => `in data ${from}..${from + 1000}, ack 1\nout ack ${from + 1000}\nread 1000`)
  .join('\n')

export const data = [
  tcp(
    'written bytes are sent immediately, and the last segment has PSH',
    `
    open
    write 100
    out data 1..101, ack 1, push
    in ack 101
    write 2000
    out data 101..1561, ack 1
    out data 1561..2101, ack 1, push
    `,
  ),
  tcp(
    'the first segments of a connection are acknowledged immediately',
    `
    open
    in data 1..1001, ack 1
    out ack 1001
    in data 1001..2001, ack 1
    out ack 2001
    in data 2001..3001, ack 1
    out ack 3001
    read 3000
    `,
  ),
  tcp(
    'a host that replies to requests sends its acknowledgments with them, or 40 ms later',
    `
    open
    in data 1..101, ack 1
    write 100
    out ack 101
    out data 1..101, ack 101
    in data 101..201, ack 101
    write 100
    out data 101..201, ack 201
    in data 201..301, ack 201
    +40..44 out ack 301
    `,
    { sysctls: { tcp_pingpong_thresh: 1 } },
  ),
  tcp(
    'the segment size is limited by the MSS of the peer',
    `
    open mss 500
    write 1100
    out data 1..1101 500, ack 1
    `,
  ),
  tcp(
    'timestamps take 12 bytes of each segment',
    `
    connect
    out syn 0
    in syn 0, ack 1, mss 1460, ts 1
    out ack 1, ts 1
    connected
    write 2000
    out data 1..2001 1448, ack 1, ts 1
    `,
  ),
  tcp(
    'a small segment waits while another is not acknowledged',
    `
    open
    write 10
    out data 1..11, ack 1
    write 20
    write 30
    quiet 20
    in ack 11
    out data 11..61, ack 1
    `,
  ),
  tcp(
    'a full segment neither waits for an acknowledgment nor makes others wait',
    `
    open mss 1000
    write 10
    out data 1..11, ack 1
    write 1500
    out data 11..1011, ack 1
    quiet 20
    in ack 11
    out data 1011..1511, ack 1
    `,
  ),
  tcp(
    'with TCP_NODELAY a small segment does not wait',
    `
    open
    nodelay on
    write 10
    out data 1..11, ack 1
    write 20
    out data 11..31, ack 1
    `,
  ),
  tcp(
    'turning TCP_NODELAY on sends the waiting bytes',
    `
    open
    write 10
    out data 1..11, ack 1
    write 20
    quiet 20
    nodelay on
    out data 11..31, ack 1
    `,
  ),
  tcp(
    'the bytes of an accepted connection arrive at the peer',
    `
    opened mss 1460
    write 3000
    out data 1..3001 1460, ack 1
    in ack 3001
    `,
  ),
  tcp(
    'an urgent pointer does not take bytes out of the stream beyond the urgent byte',
    `
    open
    in data 1..11, ack 1, urgent 5
    out ack 11
    read 4
    `,
  ),
  tcp(
    'an urgent pointer of 0 takes the first byte out of the stream',
    `
    open
    in data 1..11, ack 1, urgent 0
    out ack 11
    skip 1
    read 9
    `,
  ),
  tcp(
    'a keep-alive probe of the peer is acknowledged',
    `
    open
    in seq 0, ack 1
    out ack 1
    `,
  ),
  tcp(
    'bytes that arrived already are acknowledged again and not received twice',
    `
    open
    in data 1..101, ack 1
    out ack 101
    in data 1..101, ack 1
    out ack 101
    in data 51..151, ack 1
    out ack 151
    read 150
    read nothing
    `,
  ),
  tcp(
    'after 16 segments every second full one is acknowledged immediately, and others after 40 ms',
    `
    open
    ${quick}
    in data 16001..17001, ack 1
    read 1000
    in data 17001..18001, ack 1
    out ack 18001
    read 1000
    in data 18001..19001, ack 1
    +40..44 out ack 19001
    `,
  ),
  tcp(
    'small segments of a conversation are acknowledged together',
    `
    open
    in data 1..11, ack 1
    write 10
    out ack 11
    out data 1..11, ack 11
    in data 11..21, ack 11
    in data 21..31, ack 11
    in data 31..41, ack 11
    +40..44 out ack 41
    `,
    { sysctls: { tcp_pingpong_thresh: 1 } },
  ),
  tcp(
    'a read acknowledges what was pushed',
    `
    open
    ${quick}
    in data 16001..16101, ack 1, push
    read 100
    out ack 16101
    `,
  ),
  tcp(
    'an urgent pointer of a segment without bytes takes a later byte out of the stream',
    `
    open
    in ack 1, urgent 5
    in data 1..11, ack 1
    +0..44 out ack 11
    read 4
    skip 1
    read 5
    `,
  ),
]
