/** The client for programs against a fake vnet: replies, silence and ends. */
import { createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { EPERM, VnetError } from '#src/base/errno.ts'
import { ControlClient, type DeviceEvent } from '#src/control/index.ts'
import { loadNative } from '#src/linux/native.ts'
import { genlmsghdr, MessageBuilder, messages, writeAck } from '#src/netlink/index.ts'
import { type Answers, FakeVnet, writeUsual } from '#support/fake-vnet.ts'
import { freshDirectory } from '#support/fresh-directory.ts'

const [ECHO, GET_DEVICES, GET_STATS, RESET_STATS, GET_PARAM, IOCTL, SUBSCRIBE, CAPTURE] = [
  1, 2, 3, 4, 6, 9, 10, 18,
]
const sn0 = { ifindex: 7, name: 'sn0', netns: undefined }
const up = (b: MessageBuilder) => void b.u32(1, 7).string(2, 'sn0').u32(28, 3)

const directory = freshDirectory()
/** The socket of the vnet that was made last. */
let path: string
let client: ControlClient
let ends: Disposable[]

beforeEach(() => {
  // A busy machine may need longer for a reply than the client waits.
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  client = new ControlClient(loadNative(), { timeoutMs: 300 })
  ends = [client]
})
afterEach(() => {
  for (const end of ends) {
    end[Symbol.dispose]()
  }
  vi.useRealTimers()
})

function vnet(answers: Answers): FakeVnet {
  const made = new FakeVnet(directory, {
    [ECHO]: ({ attributes }) => [b => b.binary(1, attributes[1]!)],
    ...answers,
  })
  ends.push(made)
  path = made.path
  return made
}

describe('requests', () => {
  test('a device has the properties that the vnet sent, and nothing more', async () => {
    vnet({ [GET_DEVICES]: () => [b => b.u32(1, 7).string(2, 'sn0').u8(21, 0)] })
    expect(await client.devices(path)).toEqual([
      {
        ...sn0,
        driver: undefined,
        carrier: false,
        cut: false,
        flags: 0x1043,
        mtu: 1500,
        mac: '00:53:4e:55:4c:30',
        txQueues: 1,
        rxQueues: 1,
        onSegment: false,
        router: false,
        attached: false,
        flips: false,
      },
    ])
  })

  test('one request reads the statistics of all devices, without queues and the kernel', async () => {
    const fake = vnet({
      [GET_STATS]: () => [b => b.u32(1, 7).string(2, 'sn0'), b => b.u32(1, 8).string(2, 'x')],
    })
    expect((await client.allStats(path)).map(({ name }) => name)).toEqual(['sn0', 'x'])
    expect(fake.asked).toEqual([
      { cmd: GET_STATS, dump: true, attributes: { 6: Uint8Array.of(2, 0, 0, 0) } },
    ])
  })

  test('each of many pending requests gets its own reply', async () => {
    vnet({ [ECHO]: ({ attributes }) => [b => b.binary(1, attributes[1]!)] })
    const texts = Array.from({ length: 200 }, (_, i) => `text ${i}`)
    expect(await Promise.all(texts.map(text => client.echo(path, text)))).toEqual(texts)
  })

  test('an ioctl that the driver refuses returns a result and does not throw', async () => {
    const ifreq = new Uint8Array(40)
    vnet({ [IOCTL]: () => [b => b.s32(27, -95).binary(24, ifreq)] })
    expect(await client.ioctl(path, sn0, { cmd: 0x89f3 })).toEqual({
      result: -95,
      ifreq,
      data: undefined,
    })
  })

  test('more bytes of data than were sent are EPROTO', async () => {
    vnet({
      [IOCTL]: () => [
        b => b.s32(27, 0).binary(24, new Uint8Array(40)).binary(26, Uint8Array.of(1, 2)),
      ],
    })
    const call = client.ioctl(path, sn0, { cmd: 0x89f1, data: new Uint8Array(1) })
    await expect(call).rejects.toThrow(
      '0x89f1 sn0: EPROTO, protocol error; 2 bytes of data are more than were sent',
    )
  })

  test('an ifreq of the caller is sent unchanged', async () => {
    const ifreq = Uint8Array.from({ length: 40 }, (_, i) => i)
    const fake = vnet({ [IOCTL]: () => [b => b.s32(27, 0).binary(24, ifreq)] })
    await client.ioctl(path, sn0, { cmd: 0x8971, ifreq })
    expect(fake.asked[0]!.attributes[24]).toEqual(ifreq)
  })

  test.each([
    ['nothing', () => []],
    [
      'a message without a required attribute',
      () => [(b: MessageBuilder) => b.string(15, 'lockup')],
    ],
  ])('%s in place of a single reply is EPROTO', async (_, answer) => {
    vnet({ [GET_PARAM]: answer as Answers[number] })
    await expect(client.param(path, sn0, 'lockup')).rejects.toMatchObject({ code: 'EPROTO' })
  })

  test('a socket that does not exist is ECONNREFUSED', async () => {
    await expect(client.resetStats(join(directory, 'none.sock'), sn0)).rejects.toMatchObject({
      code: 'ECONNREFUSED',
    })
  })

  test('a text with a NUL is a RangeError, and the next request succeeds', async () => {
    vnet({ [ECHO]: () => [], [RESET_STATS]: () => [] })
    await expect(client.echo(path, 'a\0b')).rejects.toThrow(RangeError)
    await client.resetStats(path, sn0)
  })
})

describe('a subscription', () => {
  const events: DeviceEvent[] = []
  const subscribe = (options = {}) => client.subscribe(path, event => events.push(event), options)
  /** Once this settles, events that were sent before have arrived. */
  const told = () => client.echo(path, '')
  beforeEach(() => void events.splice(0))

  test('a subscription passes on events until it is closed, and ends on the vnet, too', async () => {
    const fake = vnet({ [SUBSCRIBE]: () => [] })
    const subscription = await subscribe({ events: ['up', 'drops'], dropThreshold: 10 })
    fake.event(up)
    fake.event(b => b.u32(1, 7).string(2, 'sn0').u32(28, 6).u64(31, 12n))
    fake.event(b => b.u32(1, 7).string(2, 'sn0').u32(28, 99))
    await told()
    const rest = { queue: undefined, txTimeouts: undefined, dropped: undefined, attached: false }
    expect(events).toEqual([
      { ...sn0, ...rest, event: 'up' },
      { ...sn0, ...rest, event: 'drops', dropped: 12 },
      { ...sn0, ...rest, event: 'event 99' },
    ])
    await subscription.close()
    await subscription.ended
    await subscription.close()
    fake.event(up)
    await told()
    expect(events).toHaveLength(3)
    const masks = fake.asked
      .filter(({ cmd }) => cmd === SUBSCRIBE)
      .map(({ attributes }) => new DataView(attributes[29]!.buffer).getUint32(0, true))
    expect(masks).toEqual([(1 << 3) | (1 << 6), 0])
  })

  test('a subscription to one interface names it in the request, and each event has its time', async () => {
    const fake = vnet({ [SUBSCRIBE]: () => [] })
    const subscription = await subscribe({ device: { name: 'sn0', netns: 'red' } })
    fake.event(b => up(b.u64(46, 1_800_000_000_123n)))
    await told()
    expect(events).toMatchObject([{ ...sn0, event: 'up', time: 1_800_000_000_123 }])
    await subscription.close()
    const [asked] = fake.asked.filter(({ cmd }) => cmd === SUBSCRIBE)
    expect(Object.entries(asked!.attributes).slice(0, 2)).toEqual([
      ['2', new Uint8Array(Buffer.from('sn0\0'))],
      ['3', new Uint8Array(Buffer.from('red\0'))],
    ])
  })

  test('a subscription reports that events were lost before the next one', async () => {
    const fake = vnet({ [SUBSCRIBE]: () => [] })
    const seen: string[] = []
    await using _ = await client.subscribe(path, ({ event }) => seen.push(event), {
      onLost: () => seen.push('lost'),
    })
    fake.event(up)
    fake.overrun(up)
    await told()
    expect(seen).toEqual(['up', 'lost', 'up'])
  })

  test('a subscription ends with the vnet', async () => {
    const fake = vnet({ [SUBSCRIBE]: () => [] })
    const subscription = await subscribe()
    fake[Symbol.dispose]()
    await subscription.ended
  })

  test('a subscription delivers the events that the vnet sent before it ended', async () => {
    const fake = vnet({ [SUBSCRIBE]: () => [] })
    const subscription = await subscribe()
    fake.event(up)
    await fake.end()
    await subscription.ended
    expect(events).toHaveLength(1)
  })

  test('a subscription ends with the client', async () => {
    vnet({ [SUBSCRIBE]: () => [] })
    const subscription = await subscribe()
    client.close()
    await subscription.ended
  })

  test('a second subscription of a client ends the first', async () => {
    const fake = vnet({ [SUBSCRIBE]: () => [] })
    const first = await subscribe()
    await using _second = await subscribe()
    await first.ended
    await first.close()
    fake.event(up)
    await told()
    expect(events).toHaveLength(1)
  })

  test('a subscription that the vnet refuses rejects', async () => {
    vnet({})
    await expect(subscribe()).rejects.toMatchObject({ code: 'ENOENT' })
  })

  test('a subscription skips malformed events and events of other vnets', async () => {
    const other = vnet({ [SUBSCRIBE]: () => [] })
    await using _other = await client.subscribe(path, () => {})
    const fake = vnet({ [SUBSCRIBE]: () => [] })
    await using _ = await subscribe()
    fake.event(b => b.u32(28, 3))
    fake.event(b => b.u16(1, 7).string(2, 'sn0').u32(28, 3))
    other.event(up)
    fake.event(up)
    await told()
    expect(events).toHaveLength(1)
  })
})

describe('a capture', () => {
  test('a capture that the vnet refuses rejects with its reason, and keeps no connection', async () => {
    const fake = vnet({
      [CAPTURE]() {
        throw new VnetError(EPERM, 'fake', 'only root may capture')
      },
    })
    await expect(client.capture(path)).rejects.toThrow(
      /^CAPTURE: EPERM, operation not permitted; only root may capture$/,
    )
    await fake.hears(CAPTURE)
    while (fake.connections > 0) {
      await new Promise(resolve => setImmediate(resolve))
    }
  })

  test('a capture requests what its options name', async () => {
    const fake = vnet({ [CAPTURE]: () => [] })
    await using _ = await client.capture(path, {
      devices: [sn0],
      snaplen: 64,
      filter: 'less 100',
      dropsOnly: true,
    })
    const [{ attributes } = { attributes: {} as Record<number, Uint8Array> }] = fake.asked
    expect(Object.keys(attributes).map(Number)).toEqual([53, 54, 55, 56, 57])
    expect(Buffer.from(attributes[55]!).toString()).toBe('less 100\0')
    expect(attributes[56]!.length % 8).toBe(0)
  })

  test('a capture of a vnet that does not exist or has ended is ECONNREFUSED', async () => {
    await expect(client.capture(join(directory, 'none.sock'))).rejects.toMatchObject({
      code: 'ECONNREFUSED',
    })
  })

  test('a capture ends with the vnet, also without the statistics', async () => {
    const fake = vnet({ [CAPTURE]: () => [] })
    const stream = await client.capture(path)
    const next = stream[Symbol.asyncIterator]().next()
    await fake.end()
    expect(await next).toEqual({ value: undefined, done: true })
  })

  test('a closed client starts no capture, and cancels pending ones', async () => {
    vnet({ [CAPTURE]: () => [] })
    const asked = client.capture(path)
    const refused = expect(asked).rejects.toMatchObject({ code: 'ECANCELED' })
    await Promise.resolve()
    client.close()
    await refused
    await expect(client.capture(path)).rejects.toMatchObject({ code: 'EBADF' })
  })
})

describe('a vnet', () => {
  /** A listener that does with each connection what the test says. */
  async function listener(onClient: (client: Socket) => void): Promise<string> {
    const clients: Socket[] = []
    const server = createServer(client => {
      clients.push(client.on('error', () => {}))
      onClient(client)
    })
    const at = join(directory, 'listener.sock')
    await new Promise<void>(resolve => server.listen(at, resolve))
    ends.push({
      [Symbol.dispose]() {
        server.close()
        for (const client of clients) {
          client.destroy()
        }
      },
    })
    return at
  }
  const devices = (at: string) => client.devices(at)

  test('a vnet that does not reply is ETIMEDOUT, and the error states how long the client waited', async () => {
    const at = await listener(() => {})
    const question = expect(devices(at)).rejects.toThrow(
      /^GET_DEVICES vnet: ETIMEDOUT, .*; it has not replied for 0.3 s$/,
    )
    vi.advanceTimersByTime(300)
    await question
  })

  test.each([
    ['short', 'hello'],
    ['longer than a read', 'hello'.repeat(1000)],
  ])('a reply that arrived while the process was stopped is not late: %s', async (_, text) => {
    const reply = new MessageBuilder()
    const at = await listener(client => {
      client.on('data', data => {
        const [asked] = messages(data)
        reply
          .message(0x3f0, 0, asked!.seq)
          .payload(genlmsghdr(ECHO, 1))
          .binary(1, Buffer.from(text))
        writeAck(reply, data, asked!, 0, { error: 0 })
        // Sent by a call, before the timers of the client run.
        client.write(reply.bytes)
        vi.advanceTimersByTime(60_000)
      })
    })
    expect(await client.echo(at, text)).toBe(text)
  })

  test('a client may wait for ever', async () => {
    const patient = new ControlClient(loadNative(), { timeoutMs: Number.POSITIVE_INFINITY })
    ends.push(patient)
    const at = await listener(socket => {
      socket.on('data', data => {
        vi.advanceTimersByTime(60_000)
        const [asked] = messages(data)
        const reply = new MessageBuilder()
        reply
          .message(0x3f0, 0, asked!.seq)
          .payload(genlmsghdr(ECHO, 1))
          .binary(1, Buffer.from('hello'))
        writeAck(reply, data, asked!, 0, { error: 0 })
        // The client reads it after all timers of a minute have run.
        setImmediate(() => socket.write(reply.bytes))
      })
    })
    expect(await patient.echo(at, 'hello')).toBe('hello')
  })

  test('a vnet with an endlessly trickling reply is ETIMEDOUT', async () => {
    const part = new MessageBuilder().message(0x3f0, 2, 1).payload(genlmsghdr(2, 1))
    writeUsual(part, GET_DEVICES)
    part.u32(1, 7).string(2, 'sn0')
    const at = await listener(client => {
      // Each further request gets one more part of the first reply, then a refusal.
      client.on('data', data => {
        for (const asked of messages(data)) {
          const refusal = new MessageBuilder()
          if (asked.seq > 1) {
            writeAck(refusal, data, asked, 0, { error: -16, message: 'a part came before' })
          }
          client.write(
            Buffer.concat([part.bytes, asked.seq > 1 ? refusal.bytes : new Uint8Array(0)]),
          )
        }
      })
    })
    const question = expect(devices(at)).rejects.toThrow(
      /^GET_DEVICES vnet: ETIMEDOUT, .*; its reply is not complete/,
    )
    for (let ms = 0; ms < 1800; ms += 200) {
      await expect(client.echo(at, 'next')).rejects.toThrow(/a part came before$/)
      vi.advanceTimersByTime(200)
    }
    await question
  })

  test('a vnet that accepts no connection delays no request to another', async () => {
    const silent = await listener(() => {})
    vnet({ [ECHO]: ({ attributes }) => [b => b.binary(1, attributes[1]!)] })
    const question = expect(devices(silent)).rejects.toMatchObject({ code: 'ETIMEDOUT' })
    expect(await client.echo(path, 'hello')).toBe('hello')
    vi.advanceTimersByTime(300)
    await question
  })

  test('a vnet that ends before it reads a request is ECONNREFUSED immediately', async () => {
    const at = await listener(client => client.destroy())
    await expect(devices(at)).rejects.toMatchObject({ code: 'ECONNREFUSED' })
  })

  test('a vnet that sends a malformed message is EPROTO', async () => {
    const at = await listener(client => client.write(Buffer.alloc(16, 0xff)))
    await expect(devices(at)).rejects.toMatchObject({ code: 'EPROTO' })
  })

  test('a vnet that sends an invalid reply is EPROTO, and the error says what is wrong', async () => {
    const answer = new MessageBuilder()
      .message(0x3f0, 2, 1)
      .payload(genlmsghdr(2, 1))
      .u16(1, 7).bytes
    const at = await listener(client => client.write(answer))
    await expect(devices(at)).rejects.toThrow(
      /^GET_DEVICES vnet: EPROTO, .*; ifindex: has 2 bytes, not 4 /,
    )
  })

  test('a vnet that refuses the connection reports the reason', async () => {
    const none = { type: 0, flags: 0, seq: 0, portid: 0, offset: 16, length: 0 }
    const builder = new MessageBuilder()
    writeAck(builder, new Uint8Array(16), none, 0, { error: -16, message: 'too many are here' })
    const at = await listener(client => client.end(builder.bytes))
    await expect(devices(at)).rejects.toThrow(/^GET_DEVICES vnet: EBUSY, .*; too many are here$/)
  })

  test('a client that is closed cancels pending requests and refuses new ones', async () => {
    const at = await listener(() => {})
    const question = expect(devices(at)).rejects.toMatchObject({ code: 'ECANCELED' })
    client.close()
    await question
    await expect(devices(at)).rejects.toMatchObject({ code: 'EBADF' })
  })
})
