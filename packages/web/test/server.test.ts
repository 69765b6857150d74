/** The server of the page with fake vnets. server.slow.test.ts has tests that take longer. */
import { readdirSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { EBUSY, VnetError } from '#src/base/errno.ts'
import { commands, vnetAttributes as of, stepPolicy } from '#src/control/protocol/family.ts'
import { compileFilter } from '#src/linux/pcap-filter.ts'
import type { MessageBuilder } from '#src/netlink/index.ts'
import type { PageCommand } from '../src/feed-types.ts'
import { device, part, type Served, served, stats, TOKEN, textBytes, u32Bytes } from './served.ts'

const own = process.pid
const id = `${own}//sn0`
const { fields } = stepPolicy
const { getDevices, getStats, getParts, getWire, getParam, subscribe, echo } = commands

let web: Served
beforeEach(async () => {
  web = await served()
})
afterEach(() => web[Symbol.asyncDispose]())

describe('the files of the page', () => {
  test('the files of the page are served under their names, and the page under the root', async () => {
    const root = await web.ask('/')
    expect(root).toMatchObject({
      status: 200,
      headers: { 'content-type': 'text/html; charset=utf-8' },
    })
    expect(root.text).toContain('<!doctype html>')
    expect((await web.ask('/index.html')).text).toBe(root.text)
    const names = readdirSync('packages/web/src/page').filter(name =>
      /\.(css|svg|html)$/.test(name),
    )
    for (const name of [...names, 'main.js', 'feed-types.js', 'uPlot.js', 'uPlot.css']) {
      expect([name, (await web.ask(`/${name}`)).status]).toEqual([name, 200])
    }
    expect((await web.ask('/main.js')).headers['content-type']).toBe(
      'text/javascript; charset=utf-8',
    )
  })

  test('HEAD has the length of a file and no body', async () => {
    const { headers, text } = await web.ask('/main.js', { method: 'HEAD' })
    expect(Number(headers['content-length'])).toBeGreaterThan(0)
    expect(text).toBe('')
  })
})

describe('a feed', () => {
  test('a feed starts with the devices, and repeats their statistics', async () => {
    let sent = 41
    web.vnet({ [getStats.cmd]: () => [stats(7, 'sn0', ++sent)] })
    const feed = await web.feed()
    const hello = await feed.next('hello')
    expect(hello).toMatchObject({ version: '1.2.3', mayChange: true })
    expect(hello.presets.find(({ name }) => name === 'lte')).toEqual({
      name: 'lte',
      up: 'rate 12mbit limit 768kb | delay 35ms',
      down: 'rate 12mbit limit 768kb | delay 35ms',
    })
    expect(hello.vnets).toEqual([
      {
        pid: own,
        driver: 'snull',
        devices: [
          {
            id,
            label: 'sn0',
            name: 'sn0',
            driver: 'snull',
            isAttached: false,
            flips: false,
            onSegment: false,
            mac: '00:53:4e:55:4c:30',
            mtu: 1500,
            isUp: true,
            carrier: true,
            isCut: false,
            txQueues: 1,
            rxQueues: 1,
            // This namespace has no sn0.
            addresses: [],
          },
        ],
      },
    ])
    const zeros = { txBytes: 0, rxPackets: 0, rxBytes: 0, held: 0, drops: { tx: {}, rx: {} } }
    expect((await feed.next('stats')).devices).toEqual([{ id, txPackets: 42, ...zeros }])
    expect((await feed.next('stats')).devices).toEqual([{ id, txPackets: 43, ...zeros }])
  })

  test('a feed has the devices again when a vnet comes, changes or ends', async () => {
    const feed = await web.feed()
    expect((await feed.next('hello')).vnets).toEqual([])
    let name = 'sn0'
    const fake = web.vnet({ [getDevices.cmd]: () => [device(7, name)] })
    expect((await feed.next('hello')).vnets[0]?.devices.map(({ id }) => id)).toEqual([id])
    await fake.hears(subscribe.cmd)
    name = 'renamed'
    fake.event(b => void b.u32(1, 7).string(2, 'sn0').u32(of.event.type, 8))
    expect((await feed.next('hello')).vnets[0]?.devices.map(({ name }) => name)).toEqual([
      'renamed',
    ])
    await fake.end()
    expect((await feed.next('hello')).vnets).toEqual([])
  })

  test('a feed has the events of the devices that it has shown', async () => {
    const fake = web.vnet()
    const feed = await web.feed()
    await feed.next('hello')
    await fake.hears(subscribe.cmd)
    fake.event(b => void b.u32(1, 99).string(2, 'unknown').u32(of.event.type, 8))
    fake.event(
      b => void b.u32(1, 7).string(2, 'sn0').u32(of.event.type, 8).u64(of.time.type, 1234n),
    )
    expect(await feed.next('event')).toMatchObject({
      id,
      time: 1234,
      event: { event: 'carrier-off', name: 'sn0' },
    })
  })

  test('a feed has the wanted data of its device, and nothing else', async () => {
    const fake = web.vnet({
      [getParts.cmd]: () => [part('tx 0')],
      [getWire.cmd]: () => [
        b => void b.u8(of.wireDirection.type, 0).string(of.wireText.type, 'delay 5ms'),
      ],
      [getParam.cmd]: () => [
        b =>
          void b
            .string(of.driver.type, 'snull')
            .string(15, 'pool')
            .string(16, '8')
            .string(17, 'int'),
      ],
    })
    const other = await web.feed('')
    await other.next('stats')
    expect(fake.asked.map(({ cmd }) => cmd)).not.toContain(getParts.cmd)
    const feed = await web.feed(`device=${id}&want=parts,wire,params,nonsense`)
    expect(await feed.next('parts')).toMatchObject({ id, parts: [{ kind: 'queue', name: 'tx 0' }] })
    expect((await feed.next('wire')).wire?.text).toEqual({ ab: 'delay 5ms', ba: '' })
    expect((await feed.next('params')).params).toMatchObject([{ name: 'pool', value: '8' }])
  })

  test('frames are captured again when their device has been deleted and made again under its name', async () => {
    let ifindex = 7
    const fake = web.vnet({ [getDevices.cmd]: () => [device(ifindex, 'sn0')] })
    const captured: (number | undefined)[] = []
    let begun = () => {}
    web.client.capture = async (_, { devices } = {}) => {
      captured.push(devices?.[0]?.ifindex)
      begun()
      const all = async function* (): AsyncGenerator<Uint8Array, undefined> {}
      return { [Symbol.asyncIterator]: all, stop() {}, async [Symbol.asyncDispose]() {} }
    }
    const first = new Promise<void>(resolve => {
      begun = resolve
    })
    await web.feed(`device=${id}&want=frames`)
    await Promise.all([first, fake.hears(subscribe.cmd)])
    const second = new Promise<void>(resolve => {
      begun = resolve
    })
    ifindex = 9
    fake.event(b => void b.u32(1, 9).string(2, 'sn0').u32(of.event.type, 1))
    await second
    expect(captured).toEqual([7, 9])
  })

  test('a feed reports a vnet that refuses, and continues', async () => {
    let isBusy = true
    web.vnet({
      [getParts.cmd]() {
        if (isBusy) throw new VnetError(EBUSY, 'fake', 'busy as a bee')
        return [part('tx 0')]
      },
    })
    const feed = await web.feed(`device=${id}&want=parts`)
    expect((await feed.next('problem')).text).toContain('busy as a bee')
    isBusy = false
    expect((await feed.next('parts')).parts).toHaveLength(1)
  })

  test('a feed that starts after the last one has ended gets the devices, though nothing has changed', async () => {
    web.vnet()
    const last = await web.feed()
    const { vnets } = await last.next('hello')
    await last.close()
    expect((await (await web.feed()).next('hello')).vnets).toEqual(vnets)
  })
})

describe('a command', () => {
  const changes: readonly (readonly [PageCommand, number, Record<number, Uint8Array>])[] = [
    [{ do: 'cut' }, commands.cut.cmd, {}],
    [
      { do: 'param', name: 'a', value: 'b' },
      commands.setParam.cmd,
      { 15: textBytes('a'), 16: textBytes('b') },
    ],
    [
      { do: 'wire', text: 'delay 1ms' },
      commands.setWire.cmd,
      { [of.wireText.type]: textBytes('delay 1ms') },
    ],
  ]

  test.each(changes)(
    'the command %o is a request of the control plane',
    async (command, cmd, attributes) => {
      const fake = web.vnet({ [cmd]: () => [] })
      expect(await web.command(id, command)).toEqual({ ok: true })
      const asked = fake.asked.find(asked => asked.cmd === cmd)
      expect(asked?.attributes).toMatchObject({ [of.ifname.type]: textBytes('sn0'), ...attributes })
    },
  )

  test('a refusal of the vnet is the result of a command', async () => {
    web.vnet({
      [commands.cut.cmd]() {
        throw new VnetError(EBUSY, 'fake', 'it has no cable')
      },
    })
    expect(await web.command(id, { do: 'cut' })).toEqual({
      ok: false,
      message: expect.stringContaining('no cable'),
    })
    expect(await web.command('1//none', { do: 'cut' })).toEqual({
      ok: false,
      message: 'there is no such interface any more',
    })
  })

  test('wrong words of a wire are marked, and never sent to the vnet', async () => {
    const fake = web.vnet()
    const message =
      "'lost' is not a word of a wire; did you mean 'loss'?\n  delay 20ms lost\n             ^^^^"
    const words = 'delay 20ms lost'
    expect(await web.command(id, { do: 'check-wire', text: words })).toEqual({ ok: false, message })
    expect(await web.command(id, { do: 'wire', text: words })).toEqual({ ok: false, message })
    expect(fake.asked.map(({ cmd }) => cmd)).not.toContain(commands.setWire.cmd)
    expect(await web.command(id, { do: 'check-wire', text: 'delay 20ms' })).toEqual({ ok: true })
  })

  test('the reply to a filter is its program', async () => {
    web.vnet()
    const result = await web.command(id, { do: 'filter', text: 'ether proto 0x88b5' })
    expect(result).toEqual({
      ok: true,
      program: compileFilter('ether proto 0x88b5').program.instructions,
    })
  })

  test('a wrong filter is refused in one line', async () => {
    web.vnet()
    const message = "filter 'tcp port 80 80': syntax error"
    expect(await web.command(id, { do: 'filter', text: 'tcp port 80 80' })).toEqual({
      ok: false,
      message,
    })
  })

  test('a change is shown immediately to the pages that display it', async () => {
    let value = '8'
    web.vnet({
      [getParam.cmd]: () => [
        b => void b.string(35, 'snull').string(15, 'pool').string(16, value).string(17, 'int'),
      ],
      [commands.setParam.cmd]({ attributes }) {
        value = Buffer.from(attributes[16] as Uint8Array).toString('latin1', 0, 2)
        return []
      },
    })
    const feed = await web.feed(`device=${id}&want=params`)
    expect((await feed.next('params')).params[0]?.value).toBe('8')
    await web.command(id, { do: 'param', name: 'pool', value: '16' })
    expect((await feed.next('params')).params[0]?.value).toBe('16')
  })
})

describe('stepping', () => {
  const frame = Uint8Array.of(...new Array<number>(12).fill(2), 0x88, 0xcc, 1, 2, 3)
  const halt = (b: MessageBuilder) =>
    void b.u8(of.stepMode.type, 1).nested(of.step.type, nest => {
      nest.u32(fields.number.type, 2).u32(fields.ifindex.type, 7).string(fields.ifname.type, 'sn0')
      nest
        .u32(fields.queue.type, 0)
        .string(fields.next.type, 'ndoStartXmit')
        .u32(fields.length.type, 17)
      nest
        .binary(fields.frame.type, frame)
        .string(fields.file.type, 'a.ts')
        .u32(fields.line.type, 9)
      nest.string(fields.lines.type, 'one\ntwo')
    })
  const off = (b: MessageBuilder) => void b.u8(of.stepMode.type, 0)

  test('a page sees a waiting frame after an event, but its bytes and code only with the token', async () => {
    let reply = off
    const fake = web.vnet({ [commands.step.cmd]: () => [reply] })
    const [page, stranger] = await Promise.all(
      [true, false].map(hasToken => web.feed(`device=${id}&want=step`, hasToken)),
    )
    for (const feed of [page, stranger]) {
      expect(await feed?.next('step')).toEqual({ type: 'step', id, mode: 'off', every: 0 })
    }
    await fake.hears(subscribe.cmd)
    reply = halt
    fake.event(b => void b.u32(1, 7).string(2, 'sn0').u32(of.event.type, 12))
    const step = { id, step: 2, next: 'ndoStartXmit', queue: 0, count: 0 }
    expect(await page?.next('step')).toEqual({
      type: 'step',
      id,
      mode: 'on',
      every: 0,
      step: {
        ...step,
        source: { file: 'a.ts', line: 9, first: 9, lines: ['one', 'two'] },
        frame: {
          length: 17,
          text: '02:02:02:02:02:02 > 02:02:02:02:02:02, ethertype 0x88cc, length 3',
          headers: [expect.objectContaining({ name: 'Ethernet' })],
          bytes: `${'02'.repeat(12)}88cc010203`,
        },
      },
    })
    expect(await stranger?.next('step')).toEqual({ type: 'step', id, mode: 'on', every: 0, step })
  })

  test('a step is done by a command', async () => {
    const fake = web.vnet({ [commands.step.cmd]: () => [off] })
    expect(await web.command(id, { do: 'step', mode: 'on', every: 250 })).toEqual({ ok: true })
    const asked = fake.asked.find(({ cmd }) => cmd === commands.step.cmd)
    expect(asked?.attributes).toMatchObject({
      [of.stepMode.type]: Uint8Array.of(1),
      [of.stepEvery.type]: u32Bytes(250),
    })
  })
})

describe('/metrics', () => {
  test('/metrics has the metrics of the vnets that the page shows', async () => {
    web.vnet({
      [echo.cmd]: ({ attributes }) => [b => void b.binary(1, attributes[1] as Uint8Array)],
    })
    const { status, text } = await web.ask(`/metrics?token=${TOKEN}`)
    expect(status).toBe(200)
    expect(text).toContain(`vnet_up{pid="${own}"} 1\n`)
  })
})
