/** Accepting connections. */
import { tcp } from '../notation.ts'

export const listening = [
  tcp(
    'SYN-ACK offers only what the SYN offered: nothing',
    `
    listen
    in syn 0
    out syn 0, ack 1, mss 1460
    accept nothing
    in ack 1
    accept
    state ESTAB
    `,
  ),
  tcp(
    'SYN-ACK offers only what the SYN offered: everything',
    `
    listen
    in syn 0, mss 1460, sack-ok, ts 5, scale 7
    out syn 0, ack 1, mss 1460, sack-ok, ts 5, scale
    in ack 1, ts 6
    accept
    in data 1..101, ack 1, ts 7
    out ack 101, ts 7
    read 100
    `,
  ),
  tcp(
    'SYN-ACK offers SACK alone to a SYN with SACK alone',
    `
    listen
    in syn 0, mss 1000, sack-ok
    out syn 0, ack 1, mss 1460, sack-ok
    in ack 1
    accept
    write 1500
    out data 1..1501 1000, ack 1
    `,
  ),
  tcp(
    'SYN-ACK offers window scale alone to a SYN with window scale alone',
    `
    listen
    in syn 0, mss 1460, scale 2
    out syn 0, ack 1, mss 1460, scale
    in ack 1
    accept
    `,
  ),
  tcp(
    'SYN-ACK is repeated after 1 s and then after 2 s',
    `
    listen
    in syn 0, mss 1460
    out syn 0, ack 1
    +1000..1010 out syn 0, ack 1
    +2000..2020 out syn 0, ack 1
    in ack 1
    accept
    `,
  ),
  tcp(
    'a repeated SYN gets the same SYN-ACK',
    `
    listen
    in syn 0, mss 1460
    out syn 0, ack 1, mss 1460
    in syn 0, mss 1460
    out syn 0, ack 1, mss 1460
    in ack 1
    accept
    `,
  ),
  tcp(
    'an ACK of something else gets a reset and does not complete the handshake',
    `
    listen
    in syn 0, mss 1460
    out syn 0, ack 1
    in ack 5
    out rst 5
    accept nothing
    in ack 1
    accept
    `,
  ),
  tcp(
    'a reset ends a half-open connection',
    `
    listen
    in syn 0, mss 1460
    out syn 0, ack 1
    in rst 1
    in ack 1
    out rst 1
    accept nothing
    `,
  ),
  tcp(
    'bytes that come with the last ACK of the handshake are received',
    `
    listen
    in syn 0, mss 1460
    out syn 0, ack 1
    in data 1..101, ack 1
    out ack 101
    accept
    read 100
    `,
  ),
  tcp(
    'bytes complete the handshake when the ACK before them is lost, and FIN may follow',
    `
    listen
    in syn 0, mss 1460
    out syn 0, ack 1
    in data 1..11, fin, ack 1
    +0..44 out ack 12
    accept
    read 10
    read end
    state CLOSE-WAIT
    `,
  ),
  tcp(
    'SYNs are dropped while the backlog is full of half-open connections',
    `
    listen 1
    in syn 0, mss 1460
    out syn 0, ack 1
    in syn 0, mss 1460, peer 2
    out syn 0, ack 1, peer 2
    in syn 0, mss 1460, peer 3
    quiet 20
    in ack 1
    accept
    in syn 0, mss 1460, peer 3
    out syn 0, ack 1, peer 3
    `,
  ),
  tcp(
    'the connections of a listener have their own sequence numbers and bytes',
    `
    listen
    in syn 0, mss 1460
    out syn 0, ack 1
    in ack 1
    in syn 0, mss 1460, peer 2
    out syn 0, ack 1, peer 2
    in ack 1, peer 2
    accept
    write 10
    out data 1..11, ack 1
    `,
  ),
  tcp(
    'a connection that is reset before it is accepted fails afterwards',
    `
    listen
    in syn 0, mss 1460
    out syn 0, ack 1
    in ack 1
    in rst 1
    accept
    read ECONNRESET
    `,
  ),
  tcp(
    'SYN-ACK is given up after its repetitions',
    `
    listen
    in syn 0, mss 1460
    out syn 0, ack 1
    +1000..1010 out syn 0, ack 1
    +2500 in ack 1
    out rst 1
    accept nothing
    `,
    { sysctls: { tcp_synack_retries: 1 } },
  ),
  tcp(
    'a SYN with another number ends a half-open connection with a reset',
    `
    listen
    in syn 0, mss 1000
    out syn 0, ack 1
    in syn 500, mss 1000
    out rst 0, ack 501
    in ack 1, seq 1
    out rst 1
    accept nothing
    `,
  ),
  tcp(
    'repeated SYNs are answered at most twice a second',
    `
    listen
    in syn 0, mss 1460
    out syn 0, ack 1
    in syn 0, mss 1460
    out syn 0, ack 1
    in syn 0, mss 1460
    in syn 0, mss 1460
    quiet 50
    `,
  ),
  tcp(
    'an ICMP port unreachable does not end a handshake of the peer',
    `
    listen
    in syn 0, mss 1460
    out syn 0, ack 1
    icmp port-unreachable
    in ack 1
    accept
    `,
  ),
]
