/** The client for programs, against a vnet that is told what to answer: what it makes of answers, of silence and of ends. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { ControlClient, type DeviceEvent } from '../../src/control/index.ts'
import type { Native } from '../../src/kernel/native.ts'
import type { MessageBuilder } from '../../src/netlink/index.ts'
import { type Answers, FakeVnet, VNET_PORT } from '../support/fake-vnet.ts'
import { turn } from '../support/memory-net.ts'
import { MemoryNetlink } from '../support/memory-netlink.ts'

const [ECHO, GET_DEVICES, RESET_STATS, GET_PARAM, IOCTL, SUBSCRIBE] = [1, 2, 4, 6, 9, 10]
const sn0 = { ifindex: 7, name: 'sn0', netns: undefined }
const up = (b: MessageBuilder) => void b.u32(1, 7).string(2, 'sn0').u32(28, 3)

let netlink: MemoryNetlink
let client: ControlClient
let ends: Disposable[]

beforeEach(() => {
  netlink = new MemoryNetlink()
  client = new ControlClient(netlink.native, { timeoutMs: 300 })
  ends = [client]
})
afterEach(() => {
  for (const end of ends) end[Symbol.dispose]()
})

function vnet(answers: Answers, port?: number): FakeVnet {
  const made = new FakeVnet(netlink.native, answers, port)
  ends.push(made)
  return made
}

describe('questions', () => {
  test('a device is told with all that the vnet says, and without what it does not', async () => {
    vnet({ [GET_DEVICES]: () => [b => b.u32(1, 7).string(2, 'sn0').u8(21, 0), b => b.u32(1, 8).string(2, 'x')] })
    const [first, second] = await client.devices(VNET_PORT)
    expect(first).toMatchObject({ ...sn0, carrier: false })
    const unknown = { netns: undefined, driver: undefined, carrier: undefined, flags: undefined }
    const rest = { ...unknown, mtu: undefined, mac: undefined, txQueues: 0, rxQueues: 0 }
    expect(second).toEqual({ ifindex: 8, name: 'x', ...rest })
  })

  test('many at once are answered each with its own', async () => {
    vnet({ [ECHO]: ({ attributes }) => [b => b.binary(1, attributes[1]!)] })
    const texts = Array.from({ length: 200 }, (_, i) => `text ${i}`)
    expect(await Promise.all(texts.map(text => client.echo(VNET_PORT, text)))).toEqual(texts)
  })

  test('an ioctl that the driver refuses is a result, and not an error', async () => {
    const ifreq = new Uint8Array(40)
    vnet({ [IOCTL]: () => [b => b.s32(27, -95).binary(24, ifreq)] })
    expect(await client.ioctl(VNET_PORT, sn0, { cmd: 0x89f3 })).toEqual({ result: -95, ifreq, data: undefined })
  })

  test('an ifreq of the caller’s own is sent as it is', async () => {
    const ifreq = Uint8Array.from({ length: 40 }, (_, i) => i)
    const fake = vnet({ [IOCTL]: () => [b => b.s32(27, 0).binary(24, ifreq)] })
    await client.ioctl(VNET_PORT, sn0, { cmd: 0x8971, ifreq })
    expect(fake.asked[0]!.attributes[24]).toEqual(ifreq)
  })

  test.each([
    ['no answer', () => []],
    ['one without what must be in it', () => [(b: MessageBuilder) => b.string(15, 'lockup')]],
  ])('%s to a question for one thing is EPROTO', async (_, answer) => {
    vnet({ [GET_PARAM]: answer as Answers[number] })
    await expect(client.param(VNET_PORT, sn0, 'lockup')).rejects.toMatchObject({ code: 'EPROTO' })
  })

  test('a port that nobody has is ECONNREFUSED', async () => {
    await expect(client.resetStats(VNET_PORT, sn0)).rejects.toMatchObject({ code: 'ECONNREFUSED' })
  })

  test('a text that cannot be sent is refused at once', async () => {
    vnet({ [ECHO]: () => [], [RESET_STATS]: () => [] })
    await expect(client.echo(VNET_PORT, 'a\0b')).rejects.toThrow(RangeError)
    await client.resetStats(VNET_PORT, sn0)
  })
})

describe('a subscription', () => {
  const events: DeviceEvent[] = []
  const subscribe = (options = {}) => client.subscribe(VNET_PORT, event => events.push(event), options)
  beforeEach(() => void events.splice(0))

  test('tells events until it is closed, which it tells the vnet', async () => {
    const fake = vnet({ [SUBSCRIBE]: () => [] })
    const subscription = await subscribe({ events: ['up', 'drops'], dropThreshold: 10 })
    fake.event(up)
    fake.event(b => b.u32(1, 7).string(2, 'sn0').u32(28, 6).u64(31, 12n))
    await turn()
    const rest = { queue: undefined, txTimeouts: undefined, dropped: undefined }
    expect(events).toEqual([
      { ...sn0, ...rest, event: 'up' },
      { ...sn0, ...rest, event: 'drops', dropped: 12 },
    ])
    await subscription.close()
    await subscription.ended
    await subscription.close()
    fake.event(up)
    await turn()
    expect(events).toHaveLength(2)
    const masks = fake.asked.map(({ attributes }) => new DataView(attributes[29]!.buffer).getUint32(0, true))
    expect(masks).toEqual([(1 << 3) | (1 << 6), 0])
  })

  test('tells that events were lost before the one that comes', async () => {
    const fake = vnet({ [SUBSCRIBE]: () => [] })
    const told: string[] = []
    await using _ = await client.subscribe(VNET_PORT, ({ event }) => told.push(event), {
      onLost: () => told.push('lost'),
    })
    fake.event(up)
    fake.overrun(up)
    await turn()
    expect(told).toEqual(['up', 'lost', 'up'])
  })

  test('ends when the vnet does', async () => {
    const fake = vnet({ [SUBSCRIBE]: () => [] })
    const subscription = await subscribe()
    fake[Symbol.dispose]()
    await subscription.ended
  })

  test('tells what the vnet sent last, also when its end is noticed first', async () => {
    let deaf = false
    const { native } = netlink
    const createPoller: Native['createPoller'] = (fd, fn) => native.createPoller(fd, status => deaf || fn(status))
    client = new ControlClient({ ...native, createPoller })
    ends.push(client)
    const fake = vnet({ [SUBSCRIBE]: () => [] })
    const subscription = await subscribe()
    deaf = true
    fake.event(up)
    fake[Symbol.dispose]()
    await subscription.ended
    expect(events).toHaveLength(1)
  })

  test('ends with the client', async () => {
    vnet({ [SUBSCRIBE]: () => [] })
    const subscription = await subscribe()
    client.close()
    await subscription.ended
  })

  test('gives way to the next one of the client', async () => {
    const fake = vnet({ [SUBSCRIBE]: () => [] })
    const first = await subscribe()
    await using _second = await subscribe()
    await first.ended
    await first.close()
    fake.event(up)
    await turn()
    expect(events).toHaveLength(1)
  })

  test('that the vnet refuses is none', async () => {
    vnet({})
    await expect(subscribe()).rejects.toMatchObject({ code: 'ENOENT' })
  })

  test('what is malformed, or comes from another, is passed over', async () => {
    const fake = vnet({ [SUBSCRIBE]: () => [] })
    const other = vnet({ [SUBSCRIBE]: () => [] }, VNET_PORT + 1)
    await using _ = await subscribe()
    await using _other = await client.subscribe(VNET_PORT + 1, () => {})
    fake.event(b => b.u32(28, 3))
    fake.event(b => b.u16(1, 7).string(2, 'sn0').u32(28, 3))
    other.event(up)
    fake.event(up)
    await turn()
    expect(events).toHaveLength(1)
  })
})
