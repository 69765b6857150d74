/** Timeouts with Linux's default settings. The kernel may be later by an eighth. */
import { tcp } from '../notation.ts'

/** Lines for repetitions of a segment after pauses in seconds. */
const repeated = (segment: string, pauses: readonly number[]): string =>
  pauses.map(pause => `+${pause * 1000}..${pause * 1010} out ${segment}`).join('\n')

export const long = [
  tcp(
    'SYN is sent 11 times, and connecting ends after 131 s',
    `
    connect
    out syn 0
    ${repeated('syn 0', [1, 1, 1, 1, 1, 2, 4, 8, 16, 32])}
    +64000..64640 error ETIMEDOUT
    `,
    { memoryOnly: 'it takes 131 s' },
  ),
  tcp(
    'SYN-ACK is sent 6 times, and its connection forgotten after 63 s',
    `
    listen
    in syn 0, mss 1460
    out syn 0, ack 1
    ${repeated('syn 0, ack 1', [1, 2, 4, 8, 16])}
    +37000 in ack 1
    out rst 1
    accept nothing
    `,
    { memoryOnly: 'it takes 68 s' },
  ),
  tcp(
    'a connection ends 924.6 s after its first segment without an acknowledgment',
    `
    open
    write 10
    out data 1..11, ack 1
    ${repeated('data 1..11, ack 1', [0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 51.2, 102.4, 120, 120, 120, 120, 120])}
    +120000..121200 error ETIMEDOUT
    `,
    { memoryOnly: 'it takes 925 s' },
  ),
  tcp(
    'TIME-WAIT ends after a minute, which a repeated FIN starts again',
    `
    open
    close
    out fin 1, ack 1
    in fin 1, ack 2
    out ack 2, seq 2
    +59000 in fin 1, ack 2
    out ack 2, seq 2
    +50000 in fin 1, ack 2
    out ack 2, seq 2
    +68000 in fin 1, ack 2
    out rst 2
    `,
    { memoryOnly: 'the kernel has no setting for the time of TIME-WAIT' },
  ),
  tcp(
    'FIN-WAIT-2 without a user ends after a minute',
    `
    open
    close
    out fin 1, ack 1
    in ack 2
    +68000 in fin 1, ack 2
    out rst 2
    `,
    { memoryOnly: 'it takes 68 s' },
  ),
]
