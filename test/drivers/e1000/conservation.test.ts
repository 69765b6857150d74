/**
 * Frames in both directions while anything happens to the cards, by a seed. At the end of each bed
 * every frame was received, or is counted as dropped; the bed checks that.
 */
import { expect, test } from 'vitest'
import { type Random, random } from '#src/base/random.ts'
import { testBed } from '#src/bed/index.ts'
import { driver } from '#src/drivers/e1000/pair.ts'
import { AT_ONCE } from '#src/drivers/e1000/slot.ts'
import { cutCable, plugCable } from '#src/netdev/netif.ts'
import { noResources } from '#src/wire/grammar/groups.ts'
import { numberedFrame } from './pair.ts'

const EVENTS = 60
const WIRES = ['', 'loss 20%', 'duplicate 20%', 'delay 3ms 2ms', 'corrupt 20%', 'truncate 40']
const FAULTS = ['doorbell', 'hang', 'spurious', 'dma-error', 'unplug']

async function life(seed: number, chance: Random): Promise<number> {
  const params = {
    ringSize: 8 * (1 + chance.below(3)),
    lag: chance.below(4) - 1,
    weak: chance.below(2) === 0,
    seed,
  }
  expect(AT_ONCE).toBe(-1)
  await using bed = await testBed(driver, params, { allowErrors: true, seed })
  const [e0, e1] = bed.devices as [(typeof bed.devices)[0], (typeof bed.devices)[0]]
  for (let n = 0; n < EVENTS; n++) {
    const [from, to] = chance.below(2) === 0 ? [e0, e1] : [e1, e0]
    const port = bed.port(from.name)
    switch (chance.below(12)) {
      case 0:
        port.change({ kind: chance.below(2) === 0 ? 'down' : 'up' })
        break
      case 1:
        cutCable(from)
        break
      case 2:
        plugCable(from)
        break
      case 3:
        from.netdevOps.ndoTrigger?.(from, FAULTS[chance.below(FAULTS.length)] as string, undefined)
        break
      case 4:
        e0.netdevOps
          .ndoGetWires?.(e0)
          [chance.below(2)]?.change(WIRES[chance.below(WIRES.length)] as string, noResources)
        break
      case 5:
        bed.advance(chance.below(3000))
        port.change({ kind: 'up' })
        break
      default:
        for (let left = chance.below(20); left > 0; left--) {
          port.transmit(numberedFrame(n, from, to, 60 + chance.below(1400)))
        }
        bed.advance(chance.below(4))
    }
  }
  if (chance.below(4) === 0) {
    e0.netdevOps.ndoTrigger?.(e0, 'removal', undefined)
    bed.advance(1)
  }
  return bed.stats(e1).rxPackets
}

test('every frame is received or counted as dropped, whatever happens to the cards', async () => {
  let received = 0
  for (let seed = 1; seed <= 6; seed++) {
    received += await life(seed, random(seed))
  }
  expect(received).toBeGreaterThan(50)
})
