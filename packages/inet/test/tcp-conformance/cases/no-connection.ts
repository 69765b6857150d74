/** Segments that belong to no connection. */
import { tcp } from '../notation.ts'

export const noConnection = [
  tcp(
    'an ACK to a closed port gets a reset of its number',
    `
    in ack 77, seq 1
    out rst 77
    `,
  ),
  tcp(
    'a FIN to a closed port gets a reset that acknowledges it',
    `
    in data 10..20, fin
    out rst 0, ack 21
    `,
  ),
  tcp(
    'a reset to a closed port gets no reply',
    `
    in rst 5
    in rst 5, ack 7
    quiet 20
    `,
  ),
  tcp(
    'a SYN to a closed port gets a reset',
    `
    in syn 0, mss 1460
    out rst 0, ack 1
    `,
  ),
  tcp(
    'an ACK to a listener gets a reset of its number',
    `
    listen
    in ack 77, seq 1
    out rst 77
    `,
  ),
  tcp(
    'a FIN to a listener is ignored',
    `
    listen
    in fin 1
    in rst 1
    quiet 20
    `,
  ),
  tcp(
    'a SYN with FIN is ignored',
    `
    listen
    in syn 0, fin
    quiet 20
    `,
  ),
]
