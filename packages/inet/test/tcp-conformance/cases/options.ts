/** Timestamps, keep-alive probes and urgent bytes. */
import { tcp } from '../notation.ts'

export const options = [
  tcp(
    'a segment with an older timestamp gets an ACK and is dropped',
    `
    open mss 1460, ts 100
    in data 1..101, ack 1, ts 101
    out ack 101, ts 101
    in data 101..201, ack 1, ts 50
    out ack 101, ts 101
    in data 101..201, ack 1, ts 102
    out ack 201, ts 102
    read 200
    `,
  ),
  tcp(
    'the echoed timestamp is that of the segment after which the ACK is due',
    `
    open mss 1460, ts 100
    in data 101..201, ack 1, ts 103
    out ack 1, ts 100
    in data 1..101, ack 1, ts 102
    out ack 201, ts 102
    `,
  ),
  tcp(
    'a reset with an older timestamp is accepted',
    `
    open mss 1460, ts 100
    in rst 1, ts 50
    error ECONNRESET
    `,
  ),
  tcp(
    'a segment without the agreed timestamp is accepted',
    `
    open mss 1460, ts 100
    in data 1..101, ack 1
    out ack 101, ts 100
    read 100
    `,
  ),
  tcp(
    'an idle connection is probed, and ends when no probe gets a reply',
    `
    open
    keepalive 1000 1000 2
    +1000..1010 out ack 1, seq 0
    +1000..1010 out ack 1, seq 0
    +1000..1010 out rst 1, ack 1
    error ETIMEDOUT
    `,
  ),
  tcp(
    'a reply to a probe restarts the idle time',
    `
    open
    keepalive 1000 1000 2
    +1000..1010 out ack 1, seq 0
    in ack 1
    +1000..1010 out ack 1, seq 0
    in ack 1
    state ESTAB
    `,
  ),
  tcp(
    'an urgent byte is not part of the stream',
    `
    open
    in data 1..11, ack 1, urgent 5
    out ack 11
    read 4
    skip 1
    read 5
    `,
  ),
  tcp(
    'at most one ACK in 500 ms reports segments without data outside the window',
    `
    open
    in seq 0, ack 1
    out ack 1
    in seq 0, ack 1
    quiet 20
    +500 in seq 0, ack 1
    out ack 1
    `,
  ),
  tcp(
    'the last ACK of the handshake with an older timestamp gets an ACK and is dropped',
    `
    listen
    in syn 0, mss 1000, ts 100
    out syn 0, ack 1, ts 100
    in ack 1, ts 50
    out ack 1, seq 1, ts 100
    accept nothing
    `,
  ),
  tcp(
    'a segment that acknowledges bytes that were not sent does not change the latest timestamp',
    `
    open mss 1460, ts 100
    in data 1..11, ack 5000, ts 100000
    out ack 1
    in data 1..11, ack 1, ts 101
    out ack 11, ts 101
    read 10
    `,
  ),
  tcp(
    'a segment with an old acknowledgment does not change the latest timestamp',
    `
    open mss 1460, ts 100
    write 10
    out data 1..11, ack 1
    in ack 11, ts 101
    write 10
    out data 11..21, ack 1
    in ack 21, ts 102
    in ack 11, ts 100000
    in data 1..11, ack 21, ts 103
    out ack 11, ts 103
    read 10
    `,
  ),
]
