/** Stepping that ends, or loses its interface, at each moment of a frame's path. */
import { describe, expect, test } from 'vitest'
import { driver as cable } from '#src/drivers/cable.ts'
import { devClose, devOpen } from '#src/netdev/netif.ts'
import { unregisterNetdev } from '#src/netdev/register.ts'
import { StepGate } from '#src/netdev/step-gate.ts'
import { addDriver, memoryNets, numbered, sendAll } from '#support/memory-net.ts'
import { flowFrame, flowNumber, snullPair } from '#support/snull-pair.ts'
import { place, walk } from './stepped.ts'

const makeNet = memoryNets()

describe('what stepping does not lose', () => {
  test('every moment of a frame’s way can be the last one of stepping', async () => {
    for (let steps = 0; steps < 14; steps++) {
      const { memory, port0, port1 } = await snullPair(makeNet())
      const gate = new StepGate(memory.net)
      for (const n of [0, 1]) {
        port0.transmit(flowFrame(0, n))
      }
      port0.drain()
      for (let i = 0; i < steps; i++) {
        gate.next()
      }
      gate.off()
      port0.drain()
      expect(port1.received.map(flowNumber)).toEqual([
        [0, 0],
        [0, 1],
      ])
      expect(place(memory.net)).toBeUndefined()
    }
  })

  test('every moment of the path over a cable can be the last one of stepping, too', async () => {
    for (let steps = 0; steps < 6; steps++) {
      const memory = makeNet()
      const { ports } = await addDriver(memory, cable, {}, { args: ['a', 'b'] })
      const gate = new StepGate(memory.net)
      sendAll(ports[0]!, ...numbered(1))
      for (let i = 0; i < steps; i++) {
        gate.next()
      }
      gate.off()
      ports[0]?.drain()
      expect(ports[1]?.received).toHaveLength(1)
    }
  })

  test.each([false, true])(
    'an interface that goes down at any step drops and counts its frames, and carries others after (NAPI: %s)',
    async useNapi => {
      for (let steps = 0; steps < 9; steps++) {
        const { memory, port0, port1, sn0, sn1 } = await snullPair(makeNet(), { useNapi })
        const gate = new StepGate(memory.net)
        sendAll(port0, flowFrame(0, 0))
        for (let i = 0; i < steps; i++) {
          gate.next()
        }
        for (const dev of [sn1, sn0]) {
          await devClose(dev)
        }
        expect(memory.conserved().held).toBe(0)
        for (const dev of [sn0, sn1]) {
          await devOpen(dev)
        }
        expect(place(memory.net)).toBeUndefined()
        sendAll(port0, flowFrame(0, 1))
        walk(memory.net)
        expect(port1.received.map(flowNumber).at(-1)).toEqual([0, 1])
      }
    },
  )

  test('a device that is unregistered at any step takes its frames along, counted', async () => {
    for (let steps = 0; steps < 7; steps++) {
      const { memory, port0, sn1 } = await snullPair(makeNet())
      const gate = new StepGate(memory.net)
      sendAll(port0, flowFrame(0, 0))
      for (let i = 0; i < steps; i++) {
        gate.next()
      }
      await unregisterNetdev(sn1)
      walk(memory.net)
      expect(memory.conserved().held).toBe(0)
    }
  })
})
