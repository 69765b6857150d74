/** Segments that arrive in TIME-WAIT. */
import { tcp } from '../notation.ts'

/** A connection whose closing end is in TIME-WAIT. */
const CLOSED = `
    open
    close
    out fin 1, ack 1
    in fin 1, ack 2
    out ack 2, seq 2`

/** TIME-WAIT after 100 received bytes, and a SYN with a number before them. */
const LOWER_SYN = `
    opened mss 1460
    in data 1..101, ack 1
    out ack 101
    read 100
    close
    out fin 1, ack 101
    in fin 101, ack 2
    out ack 102, seq 2
    in syn 50, mss 1460
    out ack 102, seq 2`

export const timeWait = [
  tcp(
    'a repeated FIN of the peer is acknowledged again in TIME-WAIT',
    `
    ${CLOSED}
    in fin 1, ack 2
    out ack 2, seq 2
    `,
  ),
  tcp(
    'a SYN with a higher number starts a new connection from TIME-WAIT',
    `
    opened mss 1460
    close
    out fin 1, ack 1
    in fin 1, ack 2
    out ack 2, seq 2
    in syn 1000, mss 1460
    out syn 0, ack 1001
    in ack 1, seq 1001
    accept
    `,
  ),
  tcp(
    'a SYN with a lower number is only acknowledged in TIME-WAIT',
    `
    ${LOWER_SYN}
    `,
  ),
  tcp(
    'bytes in TIME-WAIT are acknowledged and dropped',
    `
    ${CLOSED}
    in data 2..12, ack 2
    out ack 2, seq 2
    `,
  ),
  tcp(
    'a reset ends TIME-WAIT',
    `
    ${CLOSED}
    in rst 2
    in ack 2, seq 2
    out rst 2
    `,
  ),
  tcp(
    'a SYN with a lower number and a newer timestamp starts a new connection from TIME-WAIT',
    `
    opened mss 1460, ts 100
    in data 1..101, ack 1, ts 101
    out ack 101
    read 100
    close
    out fin 1, ack 101
    in fin 101, ack 2, ts 102
    out ack 102, seq 2
    in syn 50, mss 1460, ts 1000
    out syn 0, ack 51, ts 1000
    in ack 1, seq 51, ts 1001
    accept
    `,
  ),
  tcp(
    'old acknowledgments in TIME-WAIT are answered at most twice a second',
    `
    ${CLOSED}
    in ack 2, seq 1
    out ack 2, seq 2
    in ack 2, seq 1
    in ack 2, seq 1
    quiet 50
    `,
  ),
  tcp(
    'SYNs with a lower number in TIME-WAIT are answered at most twice a second',
    `
    ${LOWER_SYN}
    in syn 50, mss 1460
    quiet 50
    `,
  ),
]
