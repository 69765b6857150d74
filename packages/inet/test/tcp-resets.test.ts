/** The resets of `close` and `reset` (RFC 9293 sec. 3.10.4, 3.10.5). */

import { parseCases, runCase } from '@vnet/conform'
import { expect, test } from 'vitest'
import { MemoryWorld } from './tcp-conformance/memory-world.ts'

// The kernel does the same in each of them.
const CASES = `
case last-ack-unsent: resets a connection in LAST-ACK whose FIN waits behind bytes
    may RFC 9293, 3.10.5
    open win 0
    in fin 1, ack 1, win 0
    out ack 2
    read end
    write 10
    shutdown
    state LAST-ACK
    reset
    out rst 1, ack 2

case last-ack-sent: sends nothing at the reset of a connection in LAST-ACK with its FIN on its way
    must RFC 9293, 3.10.5
    open
    in fin 1, ack 1
    out ack 2
    read end
    shutdown
    out fin 1, ack 2
    state LAST-ACK
    reset
    quiet 20

case close-unread: resets a connection that is closed with unread bytes, with its window and SACK blocks
    may RFC 2018, 4
    open mss 1000, sack-ok
    in data 1..11, ack 1
    out ack 11
    in data 101..201, ack 1
    out ack 11, sack 101..201
    close
    out rst 1, ack 11, sack 101..201, win 64230
`

for (const one of parseCases(CASES)) {
  test(`it ${one.title}`, async () => {
    expect(await runCase(one, new MemoryWorld(one.family, one.sysctls))).toBeUndefined()
  })
}
