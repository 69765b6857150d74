/** The same over IPv6. */
import { tcp } from '../notation.ts'

export const ipv6 = [
  tcp(
    'over IPv6 a connection offers an MSS of 1440 and sends such segments',
    `
    connect
    out syn 0, mss 1440, sack-ok, ts, scale
    in syn 0, ack 1, mss 1440
    out ack 1
    connected
    write 2000
    out data 1..2001 1440, ack 1
    `,
    { family: 6 },
  ),
  tcp(
    'over IPv6 a connection is accepted and closed from both sides',
    `
    listen
    in syn 0, mss 1440
    out syn 0, ack 1, mss 1440
    in data 1..101, ack 1
    out ack 101
    accept
    read 100
    in fin 101, ack 1
    +0..44 out ack 102
    read end
    close
    out fin 1, ack 102
    in ack 2
    `,
    { family: 6 },
  ),
  tcp(
    'over IPv6 a SYN to a closed port gets a reset',
    `
    in syn 0, mss 1440
    out rst 0, ack 1
    `,
    { family: 6 },
  ),
  tcp(
    'over IPv6 ICMP port unreachable refuses a connection',
    `
    connect
    out syn 0
    icmp port-unreachable
    error ECONNREFUSED
    `,
    { family: 6 },
  ),
  tcp(
    'over IPv6 ICMP packet too big makes the segments smaller',
    `
    open mss 1440
    write 1440
    out data 1..1441, ack 1
    icmp too-big 1280
    out data 1..1441 1220, ack 1
    in ack 1441
    `,
    { family: 6 },
  ),
  tcp(
    'over IPv6 bytes are sent again after 200 ms',
    `
    open mss 1440
    write 10
    out data 1..11, ack 1
    +200..210 out data 1..11, ack 1
    in ack 11
    `,
    { family: 6 },
  ),
]
