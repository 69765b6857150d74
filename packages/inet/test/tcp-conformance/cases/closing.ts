/** The end of connections: FIN in both directions. */
import { tcp } from '../notation.ts'

export const closing = [
  tcp(
    'close sends FIN, and the other direction continues to a FIN of the peer',
    `
    open
    shutdown
    out fin 1, ack 1
    in ack 2
    state FIN-WAIT-2
    in data 1..101, ack 2
    out ack 101
    read 100
    in fin 101, ack 2
    out ack 102
    read end
    `,
  ),
  tcp(
    'after a FIN of the peer the host may still send',
    `
    open
    in fin 1, ack 1
    out ack 2
    read end
    state CLOSE-WAIT
    write 100
    out data 1..101, ack 2
    in ack 101
    close
    out fin 101, ack 2
    in ack 102
    `,
  ),
  tcp(
    'the last bytes and FIN share a segment',
    `
    open mss 1000
    write 10
    out data 1..11, ack 1
    write 500
    close
    in ack 11
    out data 11..511, fin, ack 1
    in ack 512
    `,
  ),
  tcp(
    'a FIN that comes with bytes is acknowledged with them',
    `
    open
    in data 1..101, fin, ack 1
    +0..44 out ack 102
    read 100
    read end
    state CLOSE-WAIT
    `,
  ),
  tcp(
    'a FIN before missing bytes ends the stream only after them',
    `
    open
    in data 101..201, fin, ack 1
    out ack 1
    read nothing
    in data 1..101, ack 1
    +0..44 out ack 202
    read 200
    read end
    `,
  ),
  tcp(
    'write after shutdown fails',
    `
    open
    shutdown
    out fin 1, ack 1
    write 10 = EPIPE
    `,
  ),
  tcp(
    'two FINs that cross are acknowledged',
    `
    open
    shutdown
    out fin 1, ack 1
    in fin 1, ack 1
    out ack 2, seq 2
    state CLOSING
    in ack 2, seq 2
    read end
    `,
  ),
  tcp(
    'a FIN is repeated after a retransmission timeout',
    `
    open
    shutdown
    out fin 1, ack 1
    +200..210 out fin 1, ack 1
    +400..420 out fin 1, ack 1
    in ack 2
    state FIN-WAIT-2
    `,
  ),
  tcp(
    'closing a listener resets connections before they are accepted',
    `
    listen
    in syn 0, mss 1460
    out syn 0, ack 1
    in ack 1
    unlisten
    out rst 1, ack 1
    `,
  ),
  tcp(
    'FIN-WAIT-2 without a user ends after tcp_fin_timeout',
    `
    open
    close
    out fin 1, ack 1
    in ack 2
    +2500 in fin 1, ack 2
    out rst 2
    `,
    { sysctls: { tcp_fin_timeout: 1 } },
  ),
  tcp(
    'close after a FIN of the peer sends FIN',
    `
    open
    in fin 1, ack 1
    +0..44 out ack 2
    close
    out fin 1, ack 2
    in ack 2, seq 2
    `,
  ),
  tcp(
    'a FIN in LAST-ACK is repeated',
    `
    open
    in fin 1, ack 1
    +0..44 out ack 2
    close
    out fin 1, ack 2
    +200..210 out fin 1, ack 2
    in ack 2, seq 2
    in ack 2, seq 2
    out rst 2
    `,
  ),
  tcp(
    'small bytes that wait leave with FIN',
    `
    open mss 1000
    write 10
    out data 1..11, ack 1
    write 10
    shutdown
    out data 11..21, fin, ack 1
    `,
  ),
  tcp(
    'FINs that cross may follow bytes',
    `
    open mss 1000
    write 10
    out data 1..11, ack 1
    shutdown
    out fin 11, ack 1
    in data 1..11, fin, ack 1
    out ack 12, seq 12
    read 10
    read end
    in ack 12, seq 12
    `,
  ),
  tcp(
    'a FIN of the peer that acknowledges the own one ends both directions',
    `
    open mss 1000
    shutdown
    out fin 1, ack 1
    in data 1..11, fin, ack 2
    out ack 12, seq 2
    read 10
    read end
    `,
  ),
  tcp(
    'a repeated FIN of the peer is acknowledged again in CLOSE-WAIT',
    `
    open
    in fin 1, ack 1
    +0..44 out ack 2
    in fin 1, ack 1
    out ack 2
    state CLOSE-WAIT
    `,
  ),
  tcp(
    'bytes after a FIN of the peer are ignored',
    `
    open
    in fin 1, ack 1
    +0..44 out ack 2
    in data 2..12, ack 1
    quiet 50
    read end
    `,
  ),
  tcp(
    'a FIN in order ends the stream, and bytes after it that came earlier are dropped',
    `
    open
    in data 21..41, ack 1
    out ack 1
    in data 1..21, ack 1, fin
    out ack 22
    read 20
    read end
    `,
  ),
  tcp(
    'the first FIN that the bytes reach counts, not one that came earlier with a higher number',
    `
    open
    in fin 31, ack 1
    out ack 1
    in data 1..11, ack 1
    +0..44 out ack 11
    in fin 11, ack 1
    +0..44 out ack 12
    read 10
    read end
    `,
  ),
]
