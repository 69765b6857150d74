/** Segments of the peer that arrive twice or in another order: SACK blocks. */
import { tcp } from '../notation.ts'

export const reordering = [
  tcp(
    'a segment after a gap gets a duplicate ACK, and the missing one an ACK of both',
    `
    open
    in data 1001..2001, ack 1
    out ack 1
    in data 2001..3001, ack 1
    out ack 1
    read nothing
    in data 1..1001, ack 1
    out ack 3001
    read 3000
    `,
  ),
  tcp(
    'SACK blocks tell what arrived, the latest first',
    `
    open mss 1460, sack-ok
    in data 1001..2001, ack 1
    out ack 1, sack 1001..2001
    in data 3001..4001, ack 1
    out ack 1, sack 3001..4001 1001..2001
    in data 5001..6001, ack 1
    out ack 1, sack 5001..6001 3001..4001 1001..2001
    in data 2001..3001, ack 1
    out ack 1, sack 1001..4001 5001..6001
    in data 1..1001, ack 1
    out ack 4001, sack 5001..6001
    in data 4001..5001, ack 1
    out ack 6001
    read 6000
    `,
  ),
  tcp(
    'a duplicate segment is reported by a SACK block below the ACK',
    `
    open mss 1460, sack-ok
    in data 1..101, ack 1
    out ack 101
    in data 1..101, ack 1
    out ack 101, sack 1..101
    `,
  ),
  tcp(
    'a duplicate above a gap is reported before the block that contains it',
    `
    open mss 1460, sack-ok
    in data 101..301, ack 1
    out ack 1, sack 101..301
    in data 201..301, ack 1
    out ack 1, sack 201..301 101..301
    `,
  ),
  tcp(
    'with timestamps a segment has at most three SACK blocks',
    `
    open mss 1460, sack-ok, ts 1
    in data 101..201, ack 1, ts 2
    out ack 1, ts 1, sack 101..201
    in data 301..401, ack 1, ts 3
    out ack 1, ts 1, sack 301..401 101..201
    in data 501..601, ack 1, ts 4
    out ack 1, ts 1, sack 501..601 301..401 101..201
    in data 701..801, ack 1, ts 5
    out ack 1, ts 1, sack 701..801 501..601 301..401
    `,
  ),
  tcp(
    'overlapping segments are put together',
    `
    open
    in data 101..301, ack 1
    out ack 1
    in data 201..401, ack 1
    out ack 1
    in data 1..151, ack 1
    out ack 401
    read 400
    `,
  ),
  tcp(
    'at most four ranges are reported, the latest first',
    `
    open mss 1460, sack-ok
    in data 101..201, ack 1
    out ack 1, sack 101..201
    in data 301..401, ack 1
    out ack 1, sack 301..401 101..201
    in data 501..601, ack 1
    out ack 1, sack 501..601 301..401 101..201
    in data 701..801, ack 1
    out ack 1, sack 701..801 501..601 301..401 101..201
    in data 901..1001, ack 1
    out ack 1, sack 901..1001 701..801 501..601 301..401
    in data 1..101, ack 1
    out ack 201, sack 901..1001 701..801 501..601 301..401
    `,
  ),
  tcp(
    'a partly repeated segment is reported with its repeated part',
    `
    open mss 1460, sack-ok
    in data 1..101, ack 1
    out ack 101
    in data 51..151, ack 1
    out ack 151, sack 51..101
    `,
  ),
  tcp(
    'a FIN after a gap is part of a SACK block',
    `
    open mss 1460, sack-ok
    in data 101..201, fin, ack 1
    out ack 1, sack 101..202
    in data 1..101, ack 1
    +0..44 out ack 202
    `,
  ),
  tcp(
    'a segment that repeats what arrived before it is reported with that part',
    `
    open mss 1460, sack-ok
    in data 101..201, ack 1
    out ack 1, sack 101..201
    in data 1..151, ack 1
    out ack 201, sack 101..151
    `,
  ),
  tcp(
    'bytes beyond a FIN are forgotten',
    `
    open mss 1460, sack-ok
    in data 101..201, ack 1
    out ack 1, sack 101..201
    in fin 1, ack 1
    +0..44 out ack 2
    `,
  ),
  tcp(
    'a segment after a gap is reported with the parts that arrived before',
    `
    open mss 1460, sack-ok
    in data 1001..1101, ack 1
    out ack 1, sack 1001..1101
    in data 501..1201, ack 1
    out ack 1, sack 1001..1101 501..1201
    in data 401..601, ack 1
    out ack 1, sack 501..601 401..1201
    in data 1101..1301, ack 1
    out ack 1, sack 1101..1201 401..1301
    in data 1..401, ack 1
    out ack 1301
    read 1300
    `,
  ),
  tcp(
    'a segment that fills a gap is acknowledged immediately in a conversation, too',
    `
    open
    in data 1..11, ack 1
    write 10
    out ack 11
    out data 1..11, ack 11
    in data 111..211, ack 11
    in data 11..111, ack 11
    write 10
    out ack 11
    out ack 211
    out data 11..21, ack 211
    `,
    { sysctls: { tcp_pingpong_thresh: 1 } },
  ),
  tcp(
    'repeated parts that touch are reported as one range',
    `
    open mss 1460, sack-ok
    in data 2001..2101, ack 1
    out ack 1, sack 2001..2101
    in data 2051..3001, ack 1
    out ack 1, sack 2051..2101 2001..3001
    in data 1001..2201, ack 1
    out ack 1, sack 2001..2201 1001..3001
    `,
  ),
  tcp(
    'a repeated FIN with an old number is acknowledged each time',
    `
    open
    in data 1..101, ack 1
    out ack 101
    in fin 50, ack 1
    out ack 101
    in fin 50, ack 1
    out ack 101
    read 100
    read nothing
    `,
  ),
  tcp(
    'bytes that are repeated after a FIN are reported',
    `
    open mss 1460, sack-ok
    in data 1..101, fin, ack 1
    +0..44 out ack 102
    in data 51..101, ack 1
    out ack 102, sack 51..101
    read 100
    read end
    `,
  ),
]
