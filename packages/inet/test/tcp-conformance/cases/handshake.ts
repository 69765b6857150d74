/** Connecting to a peer. */
import { tcp } from '../notation.ts'

export const handshake = [
  tcp(
    'SYN offers MSS, SACK, timestamps and window scale',
    `
    connect
    out syn 0, mss 1460, sack-ok, ts, scale
    in syn 0, ack 1, mss 1460, sack-ok, ts 1000, scale 7
    out ack 1, seq 1, ts 1000
    connected
    state ESTAB
    `,
  ),
  tcp(
    'without an MSS option segments have at most 536 bytes',
    `
    connect
    out syn 0
    in syn 0, ack 1
    out ack 1
    connected
    write 600
    out data 1..601 536, ack 1
    `,
  ),
  tcp(
    'a connection to a peer without timestamps has none',
    `
    connect
    out syn 0, mss 1460, sack-ok, ts, scale
    in syn 0, ack 1, mss 1460, sack-ok, scale 7
    out ack 1
    connected
    write 10
    out data 1..11, ack 1
    `,
  ),
  tcp(
    'a SYN is repeated after a second, and again after another',
    `
    connect
    out syn 0, mss 1460, sack-ok, ts, scale
    +1000..1010 out syn 0, mss 1460, sack-ok, ts, scale
    +1000..1020 out syn 0
    in syn 0, ack 1, mss 1460
    out ack 1
    connected
    `,
    { sysctls: { tcp_syn_linear_timeouts: 4 } },
  ),
  tcp(
    'connecting ends when no SYN gets a reply',
    `
    connect
    out syn 0
    +1000..1010 out syn 0
    +1000..1010 out syn 0
    +1000..1010 error ETIMEDOUT
    `,
    { sysctls: { tcp_syn_retries: 1, tcp_syn_linear_timeouts: 4 } },
  ),
  tcp(
    'a reset refuses a connection',
    `
    connect
    out syn 0
    in rst 0, ack 1
    error ECONNREFUSED
    `,
  ),
  tcp(
    'a reset without ACK does not refuse a connection',
    `
    connect
    out syn 0
    in rst 0
    quiet 20
    in syn 0, ack 1, mss 1460
    out ack 1
    connected
    `,
  ),
  tcp(
    'a reset that acknowledges something else repeats the SYN early',
    `
    connect
    out syn 0
    in rst 0, ack 2
    +4..10 out syn 0
    in syn 0, ack 1, mss 1460
    out ack 1
    connected
    `,
  ),
  tcp(
    'a SYN-ACK that acknowledges something else is reset, and the SYN repeated early',
    `
    connect
    out syn 0
    in syn 0, ack 2, mss 1460
    out rst 2
    +4..10 out syn 0
    in syn 0, ack 1, mss 1460
    out ack 1
    connected
    `,
  ),
  tcp(
    'ICMP port unreachable refuses a connection',
    `
    connect
    out syn 0
    icmp port-unreachable
    error ECONNREFUSED
    `,
  ),
  tcp(
    'ICMP host unreachable ends connecting',
    `
    connect
    out syn 0
    icmp host-unreachable
    error EHOSTUNREACH
    `,
  ),
  tcp(
    'an ICMP error about another sequence number does not end connecting',
    `
    connect
    out syn 0
    icmp port-unreachable seq 100
    quiet 20
    in syn 0, ack 1, mss 1460
    out ack 1
    connected
    `,
  ),
  tcp(
    'two SYNs that cross make a connection',
    `
    connect
    out syn 0
    in syn 0, mss 1460
    out syn 0, ack 1
    in syn 0, ack 1, mss 1460
    out ack 1
    connected
    state ESTAB
    write 10
    out data 1..11, ack 1
    `,
  ),
  tcp(
    'connecting to a closed port of an own address fails immediately',
    `
    connect own
    error ECONNREFUSED
    `,
  ),
  tcp(
    'a repeated SYN-ACK is acknowledged again',
    `
    open
    in syn 0, ack 1, mss 1460
    out ack 1
    state ESTAB
    `,
  ),
  tcp(
    'bytes that come with the SYN-ACK acknowledgment of the peer are received',
    `
    open
    in data 1..11, ack 1, push
    out ack 11
    read 10
    read nothing
    `,
  ),
  tcp(
    'a larger MSS of the peer does not make larger segments',
    `
    open mss 9000
    write 2000
    out data 1..2001 1460, ack 1
    `,
  ),
  tcp(
    'segments have at least 48 bytes, whatever MSS the peer offers',
    `
    open mss 10
    write 96
    out data 1..97 48, ack 1
    `,
  ),
  tcp(
    'close ends connecting without a segment',
    `
    connect
    out syn 0
    close
    quiet 20
    in syn 0, ack 1, mss 1460
    out rst 1
    `,
  ),
  tcp(
    'a reset after SYNs that crossed ends the connection',
    `
    connect
    out syn 0
    in syn 0, mss 1460
    out syn 0, ack 1
    in rst 1, ack 1
    error ECONNRESET
    `,
  ),
  tcp(
    'after SYNs that cross, the window of a SYN-ACK is scaled',
    `
    connect
    out syn 0
    in syn 0, mss 1000, scale 1, win 2000
    out syn 0, ack 1
    in syn 0, ack 1, mss 1000, scale 1, win 2000
    out ack 1
    connected
    write 5000
    out data 1..4001 1000, ack 1
    quiet 20
    `,
  ),
]
