/** Lost segments: fast retransmit and recovery. */
import { tcp } from '../notation.ts'

export const recovery = [
  tcp(
    'three duplicate ACKs retransmit a segment before its timeout',
    `
    opened +100 mss 1000
    write 5000
    out data 1..5001 1000, ack 1
    +100 in ack 1
    in ack 1
    in ack 1
    out data 1..1001, ack 1
    quiet 100
    in ack 5001
    `,
  ),
  tcp(
    'the first two duplicate ACKs each send a new segment',
    `
    opened +100 mss 1000
    write 14000
    out data 1..10001 1000, ack 1
    +100 in ack 1
    out data 10001..11001, ack 1
    in ack 1
    out data 11001..12001, ack 1
    in ack 1
    out data 1..1001, ack 1
    quiet 20
    `,
  ),
  tcp(
    'an ACK of a part during recovery retransmits the next missing segment',
    `
    opened +100 mss 1000
    write 5000
    out data 1..5001 1000, ack 1
    +100 in ack 1
    in ack 1
    in ack 1
    out data 1..1001, ack 1
    +100 in ack 2001
    out data 2001..3001, ack 1
    +100 in ack 5001
    quiet 20
    `,
  ),
  tcp(
    'with SACK all missing segments are sent again, and no others',
    `
    opened +100 mss 1000, sack-ok
    write 8000
    out data 1..8001 1000, ack 1
    +100 in ack 1, sack 1001..2001
    in ack 1, sack 3001..4001 1001..2001
    in ack 1, sack 3001..5001 1001..2001
    out data 1..1001, ack 1
    in ack 1, sack 3001..6001 1001..2001
    out data 2001..3001, ack 1
    in ack 1, sack 3001..8001 1001..2001
    +100 in ack 2001, sack 3001..8001
    in ack 8001
    quiet 20
    `,
  ),
  tcp(
    'fast retransmit needs duplicate ACKs: an ACK with another window is none',
    `
    opened +100 mss 1000
    write 3000
    out data 1..3001 1000, ack 1
    +100 in ack 1, win 60000
    in ack 1, win 50000
    in ack 1, win 60000
    quiet 100
    in ack 3001
    `,
  ),
  tcp(
    'after recovery the window is half of what it was',
    `
    opened +100 mss 1000
    write 20000
    out data 1..10001 1000, ack 1
    +100 in ack 1
    out data 10001..11001, ack 1
    in ack 1
    out data 11001..12001, ack 1
    in ack 1
    out data 1..1001, ack 1
    +100 in ack 12001
    out data 12001..17001 1000, ack 1
    quiet 20
    `,
  ),
  tcp(
    'a few duplicate ACKs do not retransmit anything',
    `
    opened +100 mss 1000
    write 4000
    out data 1..4001 1000, ack 1
    +100 in ack 1
    in ack 1
    in ack 4001
    quiet 20
    `,
  ),
  tcp(
    'after recovery with SACK the window is half of what it was, and grows',
    `
    opened +100 mss 1000, sack-ok
    write 20000
    out data 1..10001 1000, ack 1
    +100 in ack 1, sack 1001..2001
    in ack 1, sack 1001..3001
    in ack 1, sack 1001..4001
    out data 10001..12001 1000, ack 1
    out data 1..1001, ack 1
    +100 in ack 12001
    out data 12001..18001 1000, ack 1
    quiet 20
    `,
  ),
  tcp(
    'a retransmission that is lost is sent again after a timeout',
    `
    opened +100 mss 1000, sack-ok
    write 5000
    out data 1..5001 1000, ack 1
    +100 in ack 1, sack 1001..5001
    out data 1..1001, ack 1
    +290..310 out data 1..1001, ack 1
    in ack 5001
    `,
  ),
  tcp(
    'a segment before a SACK block is lost after a quarter of a round trip',
    `
    opened +100 mss 1000, sack-ok
    write 3000
    out data 1..3001 1000, ack 1
    +100 in ack 1, sack 2001..3001
    +25..34 out data 1..1001, ack 1
    +100 in ack 1001, sack 2001..3001
    out data 1001..2001, ack 1
    +100 in ack 3001
    `,
  ),
  tcp(
    'after a duplicate ACK for a single segment the next one retransmits immediately',
    `
    opened mss 1000
    write 1000
    out data 1..1001, ack 1
    in ack 1
    quiet 20
    in ack 1001
    write 4000
    out data 1001..5001 1000, ack 1
    in ack 1001
    out data 1001..2001, ack 1
    quiet 20
    `,
  ),
  tcp(
    'after many duplicate ACKs as many are needed to retransmit',
    `
    opened mss 1000
    write 5000
    out data 1..5001 1000, ack 1
    in ack 1
    in ack 1
    in ack 1
    in ack 1
    in ack 1
    out data 1..1001, ack 1
    in ack 5001
    write 4000
    out data 5001..8001 1000, ack 1
    in ack 6001
    out data 8001..9001, ack 1
    in ack 6001
    in ack 6001
    in ack 6001
    quiet 20
    `,
  ),
  tcp(
    'an ACK during recovery that shows more losses retransmits two segments',
    `
    opened +100 mss 1000, sack-ok
    write 8000
    out data 1..8001 1000, ack 1
    +100 in ack 1, sack 1001..2001
    in ack 1, sack 1001..3001
    in ack 1, sack 1001..4001
    in ack 1, sack 1001..5001
    out data 1..1001, ack 1
    quiet 20
    +100 in ack 5001
    out data 5001..7001 1000, ack 1
    quiet 20
    `,
  ),
  tcp(
    'in congestion avoidance the window grows by what an ACK newly reports',
    `
    opened +100 mss 1000, sack-ok
    write 6000
    out data 1..6001 1000, ack 1
    +100 in ack 1, sack 1001..2001
    in ack 1, sack 1001..3001
    in ack 1, sack 1001..6001
    out data 1..1001, ack 1
    +100 in ack 6001
    write 5000
    out data 6001..11001 1000, ack 1
    +100 in ack 6001, sack 7001..8001
    in ack 6001, sack 7001..9001
    in ack 6001, sack 7001..11001
    out data 6001..7001, ack 1
    +100 in ack 11001
    write 8000
    out data 11001..13001 1000, ack 1
    quiet 20
    `,
  ),
  tcp(
    'after a timeout all bytes are sent again if the peer has taken its SACK back (RFC 2018 sec. 8)',
    `
    open mss 1000, sack-ok
    write 4000
    out data 1..4001 1000, ack 1
    in ack 1, sack 2001..4001
    +0..600 out data 1..1001, ack 1
    in ack 2001
    +0..900 out data 2001..3001, ack 1
    in ack 3001
    +0..900 out data 3001..4001, ack 1
    `,
  ),
]
