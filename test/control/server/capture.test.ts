/** CAPTURE from a cable to a client: the stream, its end, and refusals. */
import { describe, expect, test, vi } from 'vitest'
import { UsageError } from '#src/base/usage-error.ts'
import { vnetFamily } from '#src/control/operations/vnet-family.ts'
import { commands, VNET_GENL_ID, vnetAttributes } from '#src/control/protocol/family.ts'
import { Captures } from '#src/control/server/capture.ts'
import { loadNative } from '#src/linux/native.ts'
import { unregisterNetdev } from '#src/netdev/register.ts'
import { type MessageBuilder, NLM_F_ACK } from '#src/netlink/index.ts'
import { ask, read, request } from '#support/genl-request.ts'
import { addDevice, numbered, sendAll } from '#support/memory-net.ts'
import { framesOf, probed, servedCables } from './served-cables.ts'

const native = loadNative()
const { captureDevices, captureSnaplen, captureFilter, captureProgram } = vnetAttributes

const { served, ends } = servedCables()

describe('a capture', () => {
  test('a capture without a list records all devices, even one that is registered later', async () => {
    const memory = await served()
    const stream = await memory.client.capture(memory.vnet)
    const late = await addDevice(memory, {}, { name: 'late' })
    memory.send(...numbered(1))
    sendAll(late.port, numbered(1)[0]!)
    stream.stop()
    const dropped = expect.stringMatching(/^late out 60 dropped: NOT_SPECIFIED, id \d+$/)
    expect(await framesOf(stream)).toEqual(['a out 60', 'b in 60', 'late out 60', dropped])
    expect(probed([...memory.devices, late.dev])).toEqual([])
  })

  test('a capture records only the devices of its list, cut to its snaplen', async () => {
    const { client, vnet, devices, send, b } = await served()
    const stream = await client.capture(vnet, { devices: [b], snaplen: 20 })
    expect(probed(devices)).toEqual(['b'])
    send(...numbered(2))
    stream.stop()
    expect(await framesOf(stream)).toEqual(['b in 20', 'b in 20'])
  })

  test('a capture records the frames that match its filter', async () => {
    const { client, vnet, send } = await served()
    const stream = await client.capture(vnet, { filter: 'ether[59] = 1' })
    send(...numbered(3))
    stream.stop()
    expect(await framesOf(stream)).toEqual(['a out 60', 'b in 60'])
  })

  test('a capture with dropsOnly records only drops', async () => {
    const { client, vnet, send } = await served({ wire: 'loss every 2' })
    const stream = await client.capture(vnet, { dropsOnly: true })
    send(...numbered(2))
    stream.stop()
    expect(await framesOf(stream)).toEqual([
      'a out 60 dropped: wire ab, stage 1 loss every 2 (seed 7, packet 2)',
    ])
  })

  test('a capture ends with the last device of its list', async () => {
    const { client, vnet, devices, a, send } = await served()
    const stream = await client.capture(vnet, { devices: [a] })
    send(...numbered(1))
    await unregisterNetdev(devices[0]!)
    expect(await framesOf(stream)).toEqual(['a out 60'])
  })

  test('a capture ends with the vnet, which sends the rest first', async () => {
    const { client, vnet, send, server } = await served()
    const stream = await client.capture(vnet)
    send(...numbered(100))
    const frames = framesOf(stream)
    await server[Symbol.asyncDispose]()
    expect(await frames).toHaveLength(200)
    ends.splice(ends.indexOf(server), 1)
  })

  test('a capture runs beside another, each with its own frames', async () => {
    const { client, vnet, send, devices } = await served()
    const one = await client.capture(vnet)
    send(...numbered(1))
    const other = await client.capture(vnet)
    send(...numbered(1))
    one.stop()
    expect(await framesOf(one)).toHaveLength(4)
    expect(probed(devices)).toEqual(['a', 'b'])
    other.stop()
    expect(await framesOf(other)).toHaveLength(2)
    expect(probed(devices)).toEqual([])
  })

  test('a capture takes over the memory of an ended one, without its frames, but not of a running one', async () => {
    const { client, vnet, send } = await served()
    const made: number[] = []
    const Counted: typeof Uint8Array = new Proxy(Uint8Array, {
      construct(target, [length, ...rest]: [number, ...unknown[]], asked) {
        if (length === 16 << 20) {
          made.push(length)
        }
        return Reflect.construct(target, [length, ...rest], asked === Counted ? target : asked)
      },
    })
    vi.stubGlobal('Uint8Array', Counted)
    ends.push({ [Symbol.dispose]: () => void vi.unstubAllGlobals() })
    for (let round = 0; round < 3; round++) {
      const one = await client.capture(vnet)
      send(...numbered(1))
      const other = round === 1 ? await client.capture(vnet) : undefined
      send(...numbered(1))
      other?.stop()
      if (other !== undefined) {
        expect(await framesOf(other)).toHaveLength(2)
      }
      one.stop()
      expect(await framesOf(one)).toHaveLength(4)
    }
    expect(made).toHaveLength(2)
  })

  test('a capture ends when its reader leaves the loop, and its devices have no probe then', async () => {
    const { client, vnet, send, devices } = await served()
    const stream = await client.capture(vnet)
    send(...numbered(1))
    for await (const _ of stream) {
      break
    }
    await untilUnprobed(devices)
    expect(await stream[Symbol.asyncIterator]().next()).toEqual({ value: undefined, done: true })
  })

  test('a capture ends with its client', async () => {
    const { client, vnet, devices } = await served()
    const stream = await client.capture(vnet)
    const reader = stream[Symbol.asyncIterator]()
    const first = reader.next()
    client.close()
    // The head of the file may have arrived by then.
    await first
    expect(await reader.next()).toEqual({ value: undefined, done: true })
    await untilUnprobed(devices)
  })

  async function untilUnprobed(
    devices: readonly { readonly frameProbe?: unknown; readonly name: string }[],
  ) {
    while (probed(devices).length > 0) {
      await new Promise(resolve => setImmediate(resolve))
    }
  }
})

describe('a vnet refuses', () => {
  test('a filter that libpcap does not know, before anything is sent', async () => {
    const { client, vnet, devices } = await served()
    await expect(client.capture(vnet, { filter: 'prot 80' })).rejects.toThrow(UsageError)
    expect(probed(devices)).toEqual([])
  })

  test('an interface that it does not have', async () => {
    const { client, vnet } = await served()
    const refused = client.capture(vnet, { devices: [{ ifindex: 77, name: 'none' }] })
    await expect(refused).rejects.toMatchObject({
      code: 'ENODEV',
      advice: 'there is no such interface',
    })
  })

  test('a fifth capture of a member, and a thirteenth of members together, but none of its owner', async () => {
    const { net } = await served()
    const captures = new Captures({ native, net, netnsOf: () => undefined, driver: undefined })
    ends.push({ [Symbol.dispose]: () => captures.close() })
    const wanted = { devices: undefined, snaplen: undefined, filter: undefined, dropsOnly: false }
    const start = (share: number, missing?: string) => {
      const caller = {
        missing,
        missingToCapture: undefined,
        share,
        privileged: missing === undefined,
      }
      captures.start(wanted, {
        ...caller,
        onDrained: undefined,
        notify: () => true,
        handOver: () => {},
      })
    }
    const member = (uid: number) => start(uid, 'not the owner')
    for (let i = 0; i < 4; i++) {
      member(1)
    }
    expect(() => member(1)).toThrow('user 1 has 4 captures of this vnet already')
    for (let i = 0; i < 8; i++) {
      member(2 + (i % 2))
    }
    expect(() => member(4)).toThrow(
      'this vnet has 12 captures already; the rest is kept for root and its owner',
    )
    for (let i = 0; i < 4; i++) {
      start(-1)
    }
    expect(() => start(-1)).toThrow('this vnet has 16 captures already')
    expect(net.devices.map(({ frameProbe }) => frameProbe === undefined)).toEqual([false, false])
    captures.close()
    expect(net.devices.map(({ frameProbe }) => frameProbe)).toEqual([undefined, undefined])
  })

  const program = (...instructions: number[][]) => Uint8Array.from(instructions.flat())
  const JUMP_BEYOND = program([0x05, 0, 0, 0, 9, 0, 0, 0], [0x06, 0, 0, 0, 0, 0, 0, 0])
  test.each<[string, (b: MessageBuilder) => unknown, object]>([
    [
      'a snaplen of 0',
      b => b.u32(captureSnaplen.type, 0),
      { message: 'snaplen: must be at least 1' },
    ],
    [
      'a filter without its program',
      b => b.string(captureFilter.type, 'tcp'),
      { missingType: captureProgram.type, message: 'the filter has no program' },
    ],
    [
      'half an instruction',
      b => b.binary(captureProgram.type, new Uint8Array(12)),
      { message: expect.stringContaining('no whole instructions') },
    ],
    [
      'a program that jumps out of itself',
      b => b.string(captureFilter.type, 'x').binary(captureProgram.type, JUMP_BEYOND),
      { message: expect.stringMatching(/^the program of the filter 'x': /) },
    ],
    [
      'a program that is too long',
      b => b.binary(captureProgram.type, new Uint8Array(32776)),
      { message: expect.stringMatching(/^program: /) },
    ],
    [
      'an interface without a name',
      b => b.nested(captureDevices.type, list => list.nested(1, () => {})),
      { message: 'the request names no interface' },
    ],
  ])('%s', async (_, write, answer) => {
    const { net } = await served()
    let started = 0
    const captures = { start: () => started++ }
    const families = new Map([
      [
        VNET_GENL_ID,
        vnetFamily({
          devices: net.devices,
          now: () => 0,
          netnsOf: () => undefined,
          captures: captures as never,
        }),
      ],
    ])
    const { cmd } = commands.capture
    const { acks } = read(ask(families, request(VNET_GENL_ID, cmd, { flags: NLM_F_ACK, write })))
    expect(acks).toMatchObject([{ error: -22, ...answer }])
    expect(started).toBe(0)
  })

  test('a client without the right, with the reason', async () => {
    const { net } = await served()
    const captures = { start: () => {} }
    const vnet = vnetFamily({
      devices: net.devices,
      now: Date.now,
      netnsOf: () => undefined,
      captures: captures as never,
    })
    const bytes = request(VNET_GENL_ID, commands.capture.cmd, { flags: NLM_F_ACK })
    const { acks } = read(
      ask(new Map([[VNET_GENL_ID, vnet]]), bytes, { missing: 'only root may capture' }),
    )
    expect(acks).toMatchObject([{ error: -1, message: 'only root may capture' }])
  })
})
