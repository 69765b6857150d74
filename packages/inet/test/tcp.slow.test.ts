/** Random transfers over bad paths. */
import { describe, expect, test } from 'vitest'
import { ECONNRESET, ETIMEDOUT } from '#src/base/errno.ts'
import { random } from '#src/base/random.ts'
import { SEED, scaled } from '#support/scale.ts'
import { join, MS, Pair, pattern, SEC, User } from './tcp-pair.ts'

describe('an exchange', () => {
  test('compares every byte of random transfers over a path that loses, repeats and reorders', () => {
    const runs = scaled(40_000)
    for (let run = 0; run < runs; run++) {
      const seed = SEED * 1_000_003 + run
      const draw = random(seed)
      const some = () =>
        Array.from({ length: draw.below(6) }, () =>
          pattern(draw.below(draw.below(2) ? 200 : 30_000), seed),
        )
      const up = some()
      const down = some()
      const pair = new Pair(seed, {
        delay: draw.below(50) * MS,
        loss: draw.below(3) * draw.next() * 0.1,
        duplicate: draw.below(2) * draw.next() * 0.3,
        reorder: draw.below(2) * draw.next() * 0.3,
      })
      const mtu = draw.below(2) ? 1500 : 576 + draw.below(9000)
      pair.ipA.mtu = mtu
      pair.ipB.mtu = mtu
      const client = new User(...up)
      const server = new User(...down)
      join(pair, client, server)
      pair.run(100 * 3600 * SEC)
      const label = `seed ${seed}`
      expect([label, client.isEnded, server.isEnded]).toEqual([label, true, true])
      // A FIN that is repeated after TIME-WAIT gets a reset, which may be lost, too.
      for (const { error } of [client, server]) {
        expect([0, ECONNRESET, ETIMEDOUT], label).toContain(error)
      }
      expect(Buffer.compare(server.bytes, Buffer.concat(up)), label).toBe(0)
      expect(Buffer.compare(client.bytes, Buffer.concat(down)), label).toBe(0)
      expect([label, pair.clock.armed]).toEqual([label, 0])
    }
  })
})
