/** The gateway's DNS: no message breaks it. */
import { expect, test } from 'vitest'
import { random } from '#src/base/random.ts'
import { SEED, scaled } from '#support/scale.ts'
import { naiveReply, query } from './dns-message.ts'
import { ip6, resolver } from './dns-resolver.ts'

/** Random queries. */
const COUNT = scaled(1_000_000)

const A = 1
const PTR = 12
const ANY = 255

test('random queries get a valid reply with their id and within their size, or none', () => {
  const { below } = random(5 + SEED)
  const seeds = [
    query('web.lan', A, { edns: 1232 }),
    query('many.lan', ANY),
    query('2.0.18.198.in-addr.arpa', PTR),
    query(ip6('2.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0'), PTR, { edns: 700, opts: 2 }),
  ]
  const codes = new Set<number>()
  for (let i = 0; i < COUNT; i++) {
    const seed = seeds[below(seeds.length)]
    const bytes =
      i % 4 === 0
        ? new Uint8Array(below(80))
        : seed.slice(0, i % 3 === 0 ? below(seed.length + 1) : undefined)
    const changes = i % 4 === 0 ? bytes.length : below(6)
    for (let j = 0; j < changes && bytes.length > 0; j++) {
      bytes[below(bytes.length)] = below(i % 2 ? 256 : 4)
    }
    const reply = resolver(bytes)
    if (reply === undefined) continue
    const { id, rcode } = naiveReply(reply)
    // Without `expect`, which takes longer than a reply.
    const isRight = reply.length <= 1232 && id === ((bytes[0] << 8) | bytes[1])
    if (!isRight) throw new Error(`${reply.length} bytes for query ${i}: ${bytes}`)
    codes.add(rcode)
  }
  expect([...codes].sort((a, b) => a - b)).toEqual([0, 1, 3, 4, 5, 16])
}, 600_000)
