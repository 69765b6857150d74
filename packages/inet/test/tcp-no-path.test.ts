/** A sender that repeats a segment while routers report that no path leads to its peer. */

import { parseCases, runCase } from '@vnet/conform'
import { expect, test } from 'vitest'
import { MemoryWorld } from './tcp-conformance/memory-world.ts'

// The kernel does the same in each of them.
const CASES = `
case reverts: doubles its timeout no more while a router has no path
    may RFC 6069, 4
    open
    write 100
    out data 1..101, ack 1
    +200..210 out data 1..101, ack 1
    +100 in data 1..2, ack 1
    out ack 2
    icmp host-unreachable seq 1
    +100..110 out data 1..101, ack 2
    icmp net-unreachable seq 1
    +200..210 out data 1..101, ack 2
    +400..410 out data 1..101, ack 2

case late: repeats a segment immediately once a router has no path and the single timeout has passed
    may RFC 6069, 4
    open
    write 100
    out data 1..101, ack 1
    +200..210 out data 1..101, ack 1
    +300 in data 1..2, ack 1
    out ack 2
    icmp host-unreachable seq 1
    +0..10 out data 1..101, ack 2

case others: doubles its timeout after other errors, and after those about another segment
    may RFC 6069, 4
    open mss 1000
    write 2000
    out data 1..2001 1000, ack 1
    +200..210 out data 1..1001, ack 1
    icmp port-unreachable seq 1
    icmp host-unreachable seq 1001
    +400..410 out data 1..1001, ack 1

case first: keeps the timeout of a segment that was not repeated
    may RFC 6069, 4
    open
    write 100
    out data 1..101, ack 1
    icmp host-unreachable seq 1
    +200..210 out data 1..101, ack 1
`

for (const one of parseCases(CASES)) {
  test(`it ${one.title}`, async () => {
    expect(await runCase(one, new MemoryWorld(one.family, one.sysctls))).toBeUndefined()
  })
}
