/** Resets of the peer, and segments that do not belong to the connection. */
import { tcp } from '../notation.ts'

export const resets = [
  tcp(
    'a reset ends a connection',
    `
    open
    in rst 1
    error ECONNRESET
    `,
  ),
  tcp(
    'a write after a reset of the peer fails, first with the reset and then with EPIPE',
    `
    open
    in rst 1
    write 10 = ECONNRESET
    write 10 = EPIPE
    `,
  ),
  tcp(
    'a read after a reset of the peer fails',
    `
    open
    in rst 1
    read ECONNRESET
    `,
  ),
  tcp(
    'bytes that arrived before a reset are read, and then the error',
    `
    open
    in data 1..11, ack 1
    out ack 11
    in rst 11
    read 10
    read ECONNRESET
    `,
  ),
  tcp(
    'a reset elsewhere in the window gets an ACK',
    `
    open
    in rst 100
    out ack 1
    in rst 1
    error ECONNRESET
    `,
  ),
  tcp(
    'a reset outside the window is ignored',
    `
    open
    in rst 1000000
    quiet 20
    state ESTAB
    `,
  ),
  tcp(
    'a SYN in a connection gets an ACK',
    `
    open
    in syn 1, mss 1460
    out ack 1
    state ESTAB
    `,
  ),
  tcp(
    'an ACK of bytes that were not sent gets an ACK',
    `
    open
    in ack 1000
    out ack 1
    state ESTAB
    `,
  ),
  tcp(
    'bytes outside the window get an ACK',
    `
    open
    in data 1000001..1000011, ack 1
    out ack 1
    read nothing
    `,
  ),
  tcp(
    'a segment without ACK is ignored',
    `
    open
    in data 1..11
    quiet 20
    read nothing
    `,
  ),
  tcp(
    'a reset in FIN-WAIT-1 ends the connection',
    `
    open
    shutdown
    out fin 1, ack 1
    in rst 1
    error ECONNRESET
    `,
  ),
  tcp(
    'a reset in FIN-WAIT-2 ends the connection',
    `
    open
    shutdown
    out fin 1, ack 1
    in ack 2
    in rst 1
    error ECONNRESET
    `,
  ),
  tcp(
    'a reset in CLOSE-WAIT breaks the pipe',
    `
    open
    in fin 1, ack 1
    out ack 2
    in rst 2
    error EPIPE
    `,
  ),
  tcp(
    'a reset in LAST-ACK ends the connection without another segment',
    `
    open
    in fin 1, ack 1
    out ack 2
    close
    out fin 1, ack 2
    in rst 2
    quiet 20
    in ack 2, seq 2
    out rst 2
    `,
  ),
  tcp(
    'a reset in CLOSING ends the connection',
    `
    open
    shutdown
    out fin 1, ack 1
    in fin 1, ack 1
    out ack 2, seq 2
    in rst 2
    read end
    in ack 2, seq 2
    out rst 2
    `,
  ),
  tcp(
    'a connection survives ICMP errors',
    `
    open
    write 10
    out data 1..11, ack 1
    icmp host-unreachable
    icmp port-unreachable
    quiet 20
    in ack 11
    state ESTAB
    `,
  ),
  tcp(
    'a reset right after a SACK block ends the connection',
    `
    open mss 1460, sack-ok
    in data 101..201, ack 1
    out ack 1, sack 101..201
    in rst 201
    error ECONNRESET
    `,
  ),
  tcp(
    'an older ACK is ignored, and a much older one gets an ACK',
    `
    open
    write 100
    out data 1..101, ack 1
    in ack 101
    in ack 50
    quiet 20
    in ack -100000
    out ack 1
    `,
  ),
  tcp(
    'bytes that arrive after close get a reset',
    `
    open
    close
    out fin 1, ack 1
    in ack 2
    in data 1..11, ack 2
    out rst 2
    in fin 11, ack 2
    out rst 2
    `,
  ),
  tcp(
    'bytes that arrive before the ACK of FIN get a reset after close',
    `
    open
    close
    out fin 1, ack 1
    in data 1..11, ack 1
    out rst 1
    `,
  ),
  tcp(
    'close with unread bytes sends a reset',
    `
    open
    in data 1..11, ack 1
    out ack 11
    close
    out rst 1, ack 11
    `,
  ),
  tcp(
    'reset sends a reset and no FIN',
    `
    open
    write 10
    out data 1..11, ack 1
    reset
    out rst 11, ack 1
    `,
  ),
  tcp(
    'at most one ACK in 500 ms replies to resets and SYNs in the window',
    `
    open
    in rst 100
    out ack 1
    in rst 100
    in syn 1
    quiet 20
    state ESTAB
    `,
  ),
]
