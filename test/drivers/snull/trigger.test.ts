/** A triggered fault of snull's board happens once, immediately. */
import { describe, expect, test } from 'vitest'
import { ENETDOWN, EOPNOTSUPP } from '#src/base/errno.ts'
import type { NetDevice } from '#src/netdev/net-device.ts'
import { devClose } from '#src/netdev/netif.ts'
import { partsOf } from '#src/netdev/parts.ts'
import { memoryNets, turn } from '#support/memory-net.ts'
import { flowFrame, snullPair } from '#support/snull-pair.ts'

const memoryNet = memoryNets()
const MS = 1_000_000

const trigger = (dev: NetDevice, fault: string, txq?: number) =>
  dev.netdevOps.ndoTrigger?.(dev, fault, txq)

async function pair(txqs = 1) {
  const made = await snullPair(memoryNet(), { timeout: 50 }, { txqs })
  let sent = 0
  async function send(queue = 0): Promise<void> {
    made.port0.transmit(flowFrame(queue, ++sent), queue)
    await turn()
  }
  const stopped = () => made.sn0.tx.map(txq => txq.stopped)
  return { ...made, send, stopped }
}

/** What `vnet show` prints of the transmit buffers of each queue. */
const bufferStates = (dev: NetDevice) =>
  partsOf(dev).flatMap(({ kind, state }) => (kind === 'buffers' ? [state] : []))

describe('a fault that is triggered', () => {
  test('lost-interrupt loses one completion, of whichever queue sends next; the timeout mends it', async () => {
    const { memory, sn0, port1, send, stopped } = await pair(2)
    expect(trigger(sn0, 'lost-interrupt')).toBe(0)
    await send(1)
    await send(0)
    expect(stopped()).toEqual([false, true])
    expect(bufferStates(sn0)).toEqual([undefined, 'interrupt lost'])
    memory.clock.advance(60 * MS)
    await turn()
    expect(bufferStates(sn0)).toEqual([undefined, undefined])
    await send(1)
    expect([stopped(), port1.received.length, sn0.tx[1]!.transTimeout]).toEqual([
      [false, false],
      3,
      1,
    ])
  })

  test('lockup loses the next completion of every queue, or of the one named', async () => {
    const { memory, sn0, send, stopped } = await pair(3)
    trigger(sn0, 'lockup')
    for (const queue of [0, 1, 2]) {
      await send(queue)
    }
    expect(stopped()).toEqual([true, true, true])
    memory.clock.advance(60 * MS)
    await turn()
    expect(stopped()).toEqual([false, false, false])
    trigger(sn0, 'lockup', 2)
    for (const queue of [0, 1, 2]) {
      await send(queue)
    }
    expect(stopped()).toEqual([false, false, true])
  })

  test('stuck keeps a frame in the transmitter until the timeout', async () => {
    const { memory, sn0, port1, send, stopped } = await pair()
    trigger(sn0, 'stuck', 0)
    await send()
    expect([stopped(), port1.received.length, bufferStates(sn0)]).toEqual([[true], 0, ['stuck']])
    memory.clock.advance(60 * MS)
    await turn()
    expect([stopped(), port1.received.length]).toEqual([[false], 1])
  })

  test('flap turns off the carrier for a second, and drops frames of both sides meanwhile', async () => {
    const { memory, sn0, sn1, port1, port0, send } = await pair()
    trigger(sn0, 'flap')
    await send()
    port1.transmit(flowFrame(0, 1))
    await turn()
    expect([sn0.carrier, port0.carrier, port1.received.length, port0.received.length]).toEqual([
      false,
      false,
      0,
      0,
    ])
    expect([sn0, sn1].map(dev => dev.counters.drops().tx.reduce((n, each) => n + each, 0))).toEqual(
      [1, 1],
    )
    memory.clock.advance(1000 * MS)
    await turn()
    await send()
    expect([sn0.carrier, port1.received.length]).toEqual([true, 1])
  })

  test('a triggered fault is forgotten when the device is closed', async () => {
    const { memory, sn0, port0, port1, send, stopped } = await pair()
    trigger(sn0, 'lockup')
    trigger(sn0, 'flap')
    await devClose(sn0)
    port0.change({ kind: 'up' })
    await send()
    expect([stopped(), port1.received.length, sn0.carrier, memory.clock.armed]).toEqual([
      [false],
      1,
      true,
      0,
    ])
  })

  test('an unknown fault is refused, and any fault while the board is off', async () => {
    const { sn0 } = await pair()
    expect(trigger(sn0, 'fire')).toBe(-EOPNOTSUPP)
    await devClose(sn0)
    expect(trigger(sn0, 'lockup')).toBe(-ENETDOWN)
  })
})
