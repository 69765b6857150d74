/** The server of the page: all files, more feeds and commands, and what pages cost a vnet. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { EOPNOTSUPP, VnetError } from '#src/base/errno.ts'
import { commands, vnetAttributes as of } from '#src/control/protocol/family.ts'
import type { PageCommand } from '../src/feed-types.ts'
import { device, part, type Served, served, stats, textBytes, u32Bytes } from './served.ts'

const own = process.pid
const id = `${own}//sn0`
const { getDevices, getStats, getParts, getWire, getParam, getSegment, subscribe } = commands

let web: Served
beforeEach(async () => {
  web = await served()
})
afterEach(() => web[Symbol.asyncDispose]())

describe('the files of the page', () => {
  test('every module that the page imports is served', async () => {
    const seen = new Set(['/main.js'])
    for (const path of seen) {
      const { status, text } = await web.ask(path)
      expect([path, status]).toEqual([path, 200])
      // Examples in comments import other modules.
      const code = text.replaceAll(/^ \*.*$/gm, '')
      for (const [, , specifier = ''] of code.matchAll(/\bfrom ?(['"])([./@\w-]+)\1/g)) {
        seen.add(new URL(specifier, `http://page${path}`).pathname)
      }
    }
    expect([...seen]).toEqual(
      expect.arrayContaining(['/base/joined.js', '/@preact/signals-core.js']),
    )
  })
})

describe('a feed', () => {
  test('a feed has the parts of a peer too, if it wants parts', async () => {
    const fake = web.vnet({
      [getDevices.cmd]: () => [device(7, 'sn0'), device(8, 'sn1')],
      [getParts.cmd]: () => [part('tx 0')],
      [getParam.cmd]: () => [],
    })
    const peer = `${own}//sn1`
    const without = await web.feed(`device=${id}&peer=${peer}&want=params`)
    await without.next('params')
    expect(fake.asked.map(({ cmd }) => cmd)).not.toContain(getParts.cmd)
    const feed = await web.feed(`device=${id}&peer=${peer}&want=parts`)
    const ids = new Set<string>()
    while (ids.size < 2) {
      ids.add((await feed.next('parts')).id)
    }
    expect(ids).toEqual(new Set([id, peer]))
  })

  test('a feed says that a driver has no wire, no segment and no scenario', async () => {
    const none = () => {
      throw new VnetError(EOPNOTSUPP, 'fake')
    }
    const numbers = [getWire, getParam, commands.getSegment, commands.getScenario].map(
      ({ cmd }) => cmd,
    )
    web.vnet(Object.fromEntries(numbers.map(number => [number, none])))
    const feed = await web.feed(`device=${id}&want=wire,params,segment,scenario`)
    expect((await feed.next('wire')).wire).toBe(undefined)
    expect((await feed.next('params')).params).toEqual([])
    expect((await feed.next('segment')).segment).toBe(undefined)
    expect((await feed.next('scenario')).scenario).toBe(undefined)
  })

  test('a feed for an unknown device has the other devices all the same', async () => {
    const fake = web.vnet()
    const feed = await web.feed('device=1//none&want=parts')
    await feed.next('hello')
    await feed.next('stats')
    expect(fake.asked.map(({ cmd }) => cmd)).not.toContain(getParts.cmd)
  })
})

describe('what pages cost a vnet', () => {
  test('a device is read no more when its last page has left', async () => {
    const fake = web.vnet()
    const [other, feed] = [await web.feed(), await web.feed(`device=${id}&want=parts`)]
    const asked = () => fake.asked.filter(({ cmd }) => cmd === getParts.cmd).length
    await feed.next('parts')
    await feed.close()
    await other.next('stats')
    await other.next('stats')
    const before = asked()
    // A second, in which the parts would be read four times.
    await other.next('stats')
    expect(asked()).toBe(before)
  })

  test('pages that look at one device share its readings', async () => {
    const fake = web.vnet({ [getParam.cmd]: () => [] })
    const feeds = await Promise.all(
      Array.from({ length: 8 }, () => web.feed(`device=${id}&want=params`)),
    )
    for (const feed of feeds) {
      expect((await feed.next('params')).params).toEqual([])
    }
    // One, and another if two seconds pass on a busy machine.
    expect(fake.asked.filter(({ cmd }) => cmd === getParam.cmd).length).toBeLessThan(
      feeds.length / 2,
    )
  })

  test('a device without pages is forgotten', async () => {
    const none = () => {
      throw new VnetError(EOPNOTSUPP, 'fake')
    }
    const fake = web.vnet({ [getSegment.cmd]: none })
    const other = await web.feed()
    const asked = () => fake.asked.filter(({ cmd }) => cmd === getSegment.cmd)
    const open = async () => {
      const feed = await web.feed(`device=${id}&want=segment`)
      await feed.next('segment')
      return feed
    }
    const feed = await open()
    await feed.close()
    await other.next('stats')
    await other.next('stats')
    const before = asked().length
    await open()
    // As for the first page, the hosts are read too.
    expect(asked()[before]).toEqual(asked()[0])
  })

  test('all statistics of a vnet are one request', async () => {
    const names = Array.from({ length: 200 }, (_, i) => `if${i}`)
    const fake = web.vnet({
      [getDevices.cmd]: () => names.map((name, i) => device(i + 1, name)),
      [getStats.cmd]: () => names.map((name, i) => stats(i + 1, name, i)),
    })
    const feed = await web.feed()
    expect((await feed.next('stats')).devices.map(({ txPackets }) => txPackets)).toEqual(
      names.map((_, i) => i),
    )
    const asked = fake.asked.filter(({ cmd }) => cmd === getStats.cmd)
    expect(asked).toHaveLength(1)
    // All devices in one request, without the counters of the kernel.
    expect(asked[0]).toMatchObject({ dump: true, attributes: { [of.scope.type]: u32Bytes(2) } })
  })

  test('pages share one subscription to events, which outlives them', async () => {
    const fake = web.vnet()
    const [first, last] = [await web.feed(), await web.feed()]
    await first.next('hello')
    await fake.hears(subscribe.cmd)
    await first.close()
    await last.close()
    await (await web.feed()).next('stats')
    expect(fake.asked.filter(({ cmd }) => cmd === subscribe.cmd)).toHaveLength(1)
  })
})

describe('what was sent before a page came', () => {
  test('a page gets the statistics, the events and the wire of its device from before it was opened', async () => {
    let sent = 41
    const fake = web.vnet({
      [getStats.cmd]: () => [stats(7, 'sn0', ++sent)],
      [getWire.cmd]: () => [b => void b.u64(of.time.type, 5n).u8(of.wireDirection.type, 0)],
    })
    const first = await web.feed(`device=${id}&want=wire`)
    for (const type of ['hello', 'stats', 'wire'] as const) {
      await first.next(type)
    }
    await fake.hears(subscribe.cmd)
    fake.event(
      b => void b.u32(1, 7).string(2, 'sn0').u32(of.event.type, 8).u64(of.time.type, 1234n),
    )
    await first.next('event')
    await first.close()
    // A page opens a feed for the devices first.
    const before = await web.feed()
    await before.next('event')
    const second = await web.feed(`device=${id}`)
    expect((await second.next('stats')).devices).toMatchObject([{ id, txPackets: 42 }])
    expect(await second.next('event')).toMatchObject({ id, time: 1234 })
    expect(await second.next('wire')).toMatchObject({ id })
    const third = await web.feed(`device=${id}&after=${second.last()}9`)
    expect(await third.next('wire')).toMatchObject({ id })
    const other = await web.feed()
    await other.next('event')
    await other.next('stats')
    expect(other.last()).not.toBe('')
    await expect(
      Promise.race([other.next('wire'), other.next('hello').then(() => 'none')]),
    ).resolves.toBe('none')
  })

  test('a page that connects again gets only what is newer than the number of its last message', async () => {
    let sent = 41
    web.vnet({ [getStats.cmd]: () => [stats(7, 'sn0', ++sent)] })
    const first = await web.feed()
    const { time } = await first.next('stats')
    const last = first.last()
    const { devices } = await first.next('stats')
    const again = await web.feed(`after=${last}`)
    const newer = await again.next('stats')
    expect([newer.time > time, newer.devices]).toEqual([true, devices])
  })

  test('a malformed number gets no earlier messages', async () => {
    web.vnet()
    const first = await web.feed()
    const { time } = await first.next('stats')
    await first.next('stats')
    expect((await (await web.feed('after=x')).next('stats')).time).toBeGreaterThan(time)
  })
})

describe('a command', () => {
  const changes: readonly (readonly [PageCommand, number, Record<number, Uint8Array>])[] = [
    [{ do: 'plug' }, commands.plug.cmd, {}],
    [{ do: 'reset' }, commands.resetStats.cmd, {}],
    [
      { do: 'carrier', on: false },
      commands.setCarrier.cmd,
      { [of.carrier.type]: Uint8Array.of(0) },
    ],
    [
      { do: 'trigger', fault: 'flap' },
      commands.trigger.cmd,
      { [of.fault.type]: textBytes('flap') },
    ],
    [{ do: 'wire', text: undefined, direction: 'ba' }, commands.setWire.cmd, {}],
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

  test.each([
    [
      'host x.example',
      "filter 'host x.example': 'x.example' is not a word of pcap-filter(7), and names are not looked up here: write numbers",
    ],
    [`arp${' '.repeat(198)}`, 'a filter has at most 200 characters here'],
    ['arp\n(', "filter 'arp\\x0a(': syntax error"],
  ])('the filter %j is refused in one line', async (text, message) => {
    web.vnet()
    expect(await web.command(id, { do: 'filter', text })).toEqual({ ok: false, message })
  })
})
