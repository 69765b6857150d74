/** STEP from a device to the client, and its events. step.slow.test.ts has each step of a frame. */
import { describe, expect, test } from 'vitest'
import { ControlClient } from '#src/control/index.ts'
import { Events } from '#src/control/operations/events.ts'
import { vnetFamily } from '#src/control/operations/vnet-family.ts'
import { VNET_GENL_ID } from '#src/control/protocol/family.ts'
import { loadNative } from '#src/linux/native.ts'
import { StepGate } from '#src/netdev/step-gate.ts'
import { NLM_F_ACK } from '#src/netlink/index.ts'
import { ask, read, request } from '#support/genl-request.ts'
import { sendAll, turn } from '#support/memory-net.ts'
import { flowFrame, snullPair } from '#support/snull-pair.ts'
import { servedSnulls } from './served-snulls.ts'

const STEP = 21

const { served, memoryNet, ends } = servedSnulls()

describe('STEP', () => {
  test('next for the halt of a client runs no other step', async () => {
    const { client, vnet, device, port0 } = await served()
    await client.step(vnet, device, 'on')
    sendAll(port0, flowFrame(0, 0))
    const { halt: read } = await client.step(vnet, device)
    const both = [0, 1].map(() => client.step(vnet, device, 'next', { count: read?.count }))
    expect((await Promise.all(both)).map(({ halt }) => [halt?.number, halt?.count])).toEqual([
      [2, 1],
      [2, 1],
    ])
    expect((await client.step(vnet, device, 'next', { count: 1 })).halt?.number).toBe(3)
  })

  test('step on with an interval steps by itself, and on without one stops that', async () => {
    const { client, vnet, device, port0, memory, port1 } = await served()
    expect(await client.step(vnet, device, 'on', { every: 50 })).toMatchObject({
      mode: 'on',
      every: 50,
    })
    sendAll(port0, flowFrame(0, 0))
    const numbers: (number | undefined)[] = []
    for (let i = 0; i < 3; i++) {
      numbers.push((await client.step(vnet, device)).halt?.number)
      memory.clock.advance(50_000_000)
    }
    expect(numbers).toEqual([1, 2, 3])
    expect(await client.step(vnet, device, 'on')).toMatchObject({ every: 0, halt: { number: 4 } })
    memory.clock.advance(1_000_000_000)
    expect((await client.step(vnet, device)).halt?.number).toBe(4)
    await client.step(vnet, device, 'off')
    expect(port1.received).toHaveLength(1)
  })

  test('next is refused while the mode is off, and so is an unknown mode', async () => {
    const { client, vnet, device } = await served()
    await expect(client.step(vnet, device, 'next')).rejects.toMatchObject({ code: 'EINVAL' })
    await expect(client.step(vnet, device, 'next')).rejects.toThrow(
      'frames do not wait for steps: turn that on first',
    )
  })

  test('a client without rights neither steps nor sees the waiting frame', async () => {
    const { sn0, memory } = await snullPair(memoryNet())
    const vnet = vnetFamily({ devices: memory.net.devices, now: () => 0, netnsOf: () => undefined })
    const families = new Map([[VNET_GENL_ID, vnet]])
    const missing = 'only root may do this'
    const perform = (mode?: number) =>
      read(
        ask(
          families,
          request(VNET_GENL_ID, STEP, {
            flags: NLM_F_ACK,
            write: b => {
              b.string(2, 'sn0')
              if (mode !== undefined) {
                b.u8(67, mode)
              }
            },
          }),
          { missing },
        ),
      )
    for (const mode of [undefined, 0, 1, 2]) {
      expect(perform(mode).acks).toEqual([{ error: -1, message: missing }])
    }
    expect(sn0.net.gate).toBeUndefined()
  })

  test('a client that ends leaves the mode unchanged, and the next client finds the waiting frame', async () => {
    const { client, vnet, device, port0, port1 } = await served()
    await client.step(vnet, device, 'on')
    sendAll(port0, flowFrame(0, 0))
    await client.step(vnet, device, 'next')
    client.close()
    const other = new ControlClient(loadNative())
    ends.push(other)
    expect(await other.step(vnet, device)).toMatchObject({ mode: 'on', halt: { number: 2 } })
    await other.step(vnet, device, 'off')
    expect(port1.received).toHaveLength(1)
  })
})

describe('the event step', () => {
  test('no event has a byte of the frame, whoever subscribes', async () => {
    const { memory, port0, port1 } = await snullPair(memoryNet())
    const sent: Buffer[] = []
    const rights = { missing: 'only root may do this', missingToCapture: 'only root may capture' }
    const notify = (bytes: Uint8Array) => sent.push(Buffer.from(bytes)) > 0
    using events = new Events(memory.net, () => undefined, Date.now)
    events.subscribe({
      ...rights,
      share: 1,
      privileged: false,
      onDrained: undefined,
      notify,
      handOver() {},
    })
    const gate = new StepGate(memory.net)
    const frame = flowFrame(0, 0)
    sendAll(port0, frame)
    for (let i = 0; i < 5; i++) {
      await turn()
      gate.next()
    }
    expect([port1.received.length, sent.length]).toEqual([1, 7])
    // The addresses of IPv4, and the MAC.
    for (const bytes of sent) {
      for (const at of [0, 12]) {
        expect(bytes.includes(Buffer.from(frame.subarray(at, at + 8)))).toBe(false)
      }
    }
    gate.off()
  })
})
