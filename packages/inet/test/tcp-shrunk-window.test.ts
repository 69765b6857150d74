/** A sender with a peer that takes back an offered window (RFC 9293 sec. 3.8.6). */

import { parseCases, runCase } from '@vnet/conform'
import { expect, test } from 'vitest'
import { MemoryWorld } from './tcp-conformance/memory-world.ts'

// The kernel does the same in each of them.
const CASES = `
case part: repeats only the bytes that the window of the peer still takes
    must RFC 9293, 3.8.6
    open mss 1000, win 4000
    write 1000
    out data 1..1001, ack 1
    in ack 1, win 500
    +200..210 out data 1..501, ack 1
    in ack 501, win 500
    out data 501..1001, ack 1

case byte: repeats a byte into a window of a byte
    must RFC 9293, 3.8.6
    open mss 1000, win 4000
    write 2000
    out data 1..2001 1000, ack 1
    in ack 1, win 1
    +200..210 out data 1..2, ack 1
    quiet 300
    in ack 2, win 1
    out data 2..3, ack 1

case beyond: repeats no segment beyond the window, but the first one into a closed window
    must RFC 9293, 3.8.6
    open mss 1000, win 4000
    write 3000
    out data 1..3001 1000, ack 1
    in ack 1, win 1500
    +200..210 out data 1..1001, ack 1
    in ack 1001, win 500
    out data 1001..1501, ack 1
    quiet 50
    in ack 1501, win 0
    out data 1501..2001, ack 1
    quiet 50
    in ack 1501, win 4000
    out data 2001..3001, ack 1

case recovery: repeats a part of a segment that selective acknowledgments show to be lost
    must RFC 9293, 3.8.6
    open mss 1000, win 9000, sack-ok
    write 5000
    out data 1..5001 1000, ack 1
    in ack 1, win 600, sack 1001..5001
    out data 1..601, ack 1
    quiet 50
    in ack 601, win 600, sack 1001..5001
    out data 601..1001, ack 1

case probe: sends no loss probe beyond the window
    may RFC 8985, 7.3
    with tcp_early_retrans 3
    open +100 mss 1000, win 9000, sack-ok
    write 2000
    out data 1..2001 1000, ack 1
    in ack 1, win 1000
    +299..310 out data 1..1001, ack 1

case probe-part: sends the part of a loss probe that the window takes
    may RFC 8985, 7.3
    with tcp_early_retrans 3
    open +100 mss 1000, win 9000, sack-ok
    write 2000
    out data 1..2001 1000, ack 1
    in ack 1, win 1400
    +207..216 out data 1001..1401, ack 1

case acknowledgment: acknowledges within the window
    may RFC 9293, 3.8.6
    open mss 1000, win 4000
    write 3000
    out data 1..3001 1000, ack 1
    in ack 1001, win 500
    in data 1..101, ack 1001, win 500
    out seq 1501, ack 101

case same-number: ignores a smaller window in a segment like the last one, which may be older
    may RFC 9293, 3.10.7.4
    opened mss 1000, win 4000
    write 1000
    out data 1..1001, ack 1
    in ack 1, win 500
    +200..210 out data 1..1001, ack 1
    in ack 1, win 0
    in ack 1, win 300
    +400..410 out data 1..301, ack 1

case handshake: replies to an old segment during a handshake with the number after its SYN
    may RFC 9293, 3.8.6
    listen 1
    in syn 0, mss 1460, win 0
    out syn 0, ack 1, mss
    in seq 70000, ack 1, win 0
    out seq 1, ack 1
`

for (const one of parseCases(CASES)) {
  test(`it ${one.title}`, async () => {
    expect(await runCase(one, new MemoryWorld(one.family, one.sysctls))).toBeUndefined()
  })
}
