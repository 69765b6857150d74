/** Windows of both sides. */
import { tcp } from '../notation.ts'

export const windows = [
  tcp(
    'bytes wait while the window of the peer is closed, and a window update sends them',
    `
    open mss 1460, win 0
    write 100
    quiet 20
    in ack 1, win 1000
    out data 1..101, ack 1
    `,
  ),
  tcp(
    'a closed window is probed after a retransmission timeout, and then with backoff',
    `
    open mss 1460, win 0
    write 100
    +200..210 out ack 1, seq 0
    in ack 1, win 0
    +400..420 out ack 1, seq 0
    in ack 1, win 0
    +800..820 out ack 1, seq 0
    in ack 1, win 1000
    out data 1..101, ack 1
    `,
  ),
  tcp(
    'only as much is sent as fits into the window',
    `
    open mss 1000, win 2000
    write 4000
    out data 1..2001 1000, ack 1
    quiet 20
    in ack 1001, win 2000
    out data 2001..3001, ack 1
    quiet 20
    `,
  ),
  tcp(
    'a window smaller than a segment is filled if nothing else is on its way',
    `
    open mss 1000, win 300
    write 1000
    out data 1..301, ack 1
    in ack 301, win 300
    out data 301..601, ack 1
    `,
  ),
  tcp(
    'a window of the peer is multiplied by its scale',
    `
    open mss 1000, scale 2, win 65535
    in ack 1, win 750
    write 5000
    out data 1..3001 1000, ack 1
    quiet 20
    `,
  ),
  tcp(
    'the window of a SYN is not scaled',
    `
    open mss 1000, scale 7, win 2000
    write 5000
    out data 1..2001 1000, ack 1
    quiet 20
    `,
  ),
  tcp(
    'unread bytes close the receive window, and reading them opens it again',
    `
    open
    in data 1..60001 1000, ack 1
    +0..44 finally ack 60001, win 4240
    read 60000
    out ack 60001, win >30000
    `,
  ),
  tcp(
    'bytes beyond a closed window get an ACK and are dropped',
    `
    open
    in data 1..64001 1000, ack 1
    +0..44 finally ack 64001, win <1000
    in data 64001..66001, ack 1
    out ack 64001, win <1000
    `,
  ),
  tcp(
    'a full send buffer takes bytes again once others are acknowledged',
    `
    open mss 1000
    fill
    write 1 = 0
    drain
    writable
    write 1
    drain
    `,
  ),
  tcp(
    'the offered window is scaled if both sides agreed to',
    `
    open mss 1460, scale 7
    in data 1..101, ack 1
    out ack 101, win <600
    `,
  ),
  tcp(
    'a closed window is not probed while nothing is to be sent',
    `
    open mss 1460, win 0
    quiet 250
    write 10
    +200..210 out ack 1, seq 0
    `,
  ),
  tcp(
    'bytes beyond a window that has shrunk wait',
    `
    open mss 1000, win 4000
    write 3000
    out data 1..3001 1000, ack 1
    in ack 1001, win 1000
    write 1000
    quiet 20
    in ack 3001, win 2000
    out data 3001..4001, ack 1
    `,
  ),
  tcp(
    'bytes in flight are sent again into a closed window',
    `
    open mss 1000, win 4000
    write 1000
    out data 1..1001, ack 1
    in ack 1, win 0
    +200..210 out data 1..1001, ack 1
    in ack 1001, win 0
    quiet 300
    `,
  ),
  tcp(
    'FIN waits for a window',
    `
    open mss 1000, win 0
    shutdown
    quiet 20
    in ack 1, win 10
    out fin 1, ack 1
    `,
  ),
  tcp(
    'a window of a byte is not filled',
    `
    open mss 1000, win 0
    write 100
    in ack 1, win 1
    quiet 20
    `,
  ),
  tcp(
    'the window of a segment that arrives late is ignored',
    `
    open mss 1000, win 2000
    in data 101..201, ack 1, win 3000
    out ack 1
    in data 1..101, ack 1, win 0
    out ack 201
    write 3000
    out data 1..3001 1000, ack 201
    `,
  ),
  tcp(
    'a window that opens by less than a segment is not offered',
    `
    open
    in data 1..64001 1000, ack 1
    +0..44 finally ack 64001, win <1000
    read 1000
    quiet 20
    read 40000
    out ack 64001, win >20000
    `,
  ),
]
