import { signal } from '@preact/signals'
import { afterEach, beforeEach, describe, expect, it, test, vi } from 'vitest'
import { compileFilter } from '#src/linux/pcap-filter.ts'
import type { CommandResult, DeviceRow, FrameRow, PageCommand } from '../../src/feed-types.ts'
import { EVERY, frameFilter, frameTest, type Wanted } from '../../src/page/filter-fields.tsx'
import { arp, dns, tcp } from '../support/web/fake-frames.mjs'

const row = { number: 1, time: 0, id: 'a', dropped: undefined }
/** Frames by a short name. TCP has 1,514 bytes, of which the page has 128. */
const FRAMES: Readonly<Record<string, FrameRow>> = {
  tcp: { ...row, direction: 'tx', queue: 0, ...tcp(0, 1) },
  dns: { ...row, direction: 'rx', queue: 1, ...dns(0, 'www.example.com') },
  arp: { ...row, direction: 'tx', queue: 2, ...arp(0), dropped: 'NEIGH' },
}

const compiled = (text: string) => compileFilter(text).program
const matching = (passes: (frame: FrameRow) => boolean) => {
  const found = Object.entries(FRAMES).filter(([, frame]) => passes(frame))
  return found.map(([name]) => name).join(' ')
}
/** The frames that pass a choice, or an expression. */
const passing = (wanted: Partial<Wanted>, text?: string) => {
  return matching(
    frameTest({ ...EVERY, ...wanted }, text === undefined ? text : compiled(text)) ?? (() => true),
  )
}

describe('the frames that a view takes', () => {
  it.each([
    ['port 8080', 'tcp'],
    ['portrange 50-60', 'dns'],
    ['host 198.18.0.1', 'tcp dns arp'],
    ['ip src net 198.18.0.0/15', 'tcp dns'],
    ['ether host 00:53:4e:55:4c:30 and not ip', 'arp'],
    ['arp or udp', 'dns arp'],
  ])('the expression %s takes %s', (text, names) => {
    expect(passing({}, text)).toBe(names)
  })

  it('len is the length on the wire, and a load from beyond the bytes of the page matches nothing', () => {
    expect([passing({}, 'len = 1514'), passing({}, 'less 75')]).toEqual(['tcp', 'dns arp'])
    expect([passing({}, 'ether[127] != 300'), passing({}, 'ether[128] != 300')]).toEqual([
      'tcp',
      '',
    ])
  })

  it.each<[Partial<Wanted>, string]>([
    [{}, 'tcp dns arp'],
    [{ direction: 'tx' }, 'tcp arp'],
    [{ direction: 'rx' }, 'dns'],
    [{ fate: 'dropped' }, 'arp'],
    [{ fate: 'passed' }, 'tcp dns'],
    [{ queue: '1' }, 'dns'],
    [{ queue: '0' }, 'tcp'],
    [{ text: 'flags' }, 'tcp'],
    [{ text: 'UDP' }, 'dns'],
    [{ text: 'neigh' }, 'arp'],
    [{ text: ' > 198' }, 'tcp dns'],
    [{ direction: 'tx', fate: 'passed', text: 'length' }, 'tcp'],
  ])('the choice %o takes %s', (wanted, names) => {
    expect(passing(wanted)).toBe(names)
  })

  it('an expression and the choices must all match', () => {
    expect(passing({ direction: 'tx' }, 'ip')).toBe('tcp')
    expect(passing({ fate: 'dropped' }, 'ip')).toBe('')
  })

  it('every frame is wanted without an expression and choices, and then nothing is tested', () => {
    expect(frameTest(EVERY, undefined)).toBeUndefined()
  })
})

describe('the expression', () => {
  beforeEach(() => void vi.useFakeTimers())
  afterEach(() => void vi.useRealTimers())

  /** A filter, and the requests to compile that wait for their results. */
  function filterOf() {
    const device = signal<DeviceRow | undefined>({} as DeviceRow)
    const asked: {
      readonly text: string
      readonly reply: (result: CommandResult) => Promise<void>
    }[] = []
    const app = {
      get device() {
        return device.value
      },
      command: (command: PageCommand) =>
        new Promise<CommandResult>(resolve => {
          if (command.do !== 'filter') throw new Error(command.do)
          const { text } = command
          const reply = async (result: CommandResult) => {
            resolve(result)
            await vi.advanceTimersByTimeAsync(0)
          }
          asked.push({ text, reply })
        }),
    }
    const filter = frameFilter(app)
    const type = (expression: string) => {
      filter.wanted.value = { ...filter.wanted.value, expression }
    }
    const frames = () => matching(filter.passes.value ?? (() => true))
    const program = (text: string): CommandResult => ({
      ok: true,
      program: compiled(text).instructions,
    })
    return { device, filter, asked, type, frames, program }
  }

  test('the last correct expression applies while another is compiled, and while it is wrong', async () => {
    const { filter, asked, type, frames, program } = filterOf()
    type('arp')
    expect(frames()).toBe('tcp dns arp')
    await vi.runAllTimersAsync()
    await asked[0].reply(program('arp'))
    expect(frames()).toBe('arp')
    type('tcp prt')
    await vi.runAllTimersAsync()
    expect([frames(), filter.error.value]).toEqual(['arp', ''])
    await asked[1].reply({ ok: false, message: "filter 'tcp prt': syntax error" })
    expect([frames(), filter.error.value]).toEqual(['arp', "filter 'tcp prt': syntax error"])
    type('tcp port 8080')
    await vi.runAllTimersAsync()
    await asked[2].reply(program('tcp port 8080'))
    expect([frames(), filter.error.value]).toEqual(['tcp', ''])
  })

  test.each([
    ['a program', 'arp'],
    ['an error', undefined],
  ])('%s that comes late for an older text is ignored', async (_, late) => {
    const { filter, asked, type, frames, program } = filterOf()
    type('arp')
    await vi.runAllTimersAsync()
    type('udp')
    await vi.runAllTimersAsync()
    await asked[1].reply(program('udp'))
    await asked[0].reply(late === undefined ? { ok: false, message: 'late' } : program(late))
    expect([frames(), filter.error.value]).toEqual(['dns', ''])
    type('tcp')
    await vi.runAllTimersAsync()
    type('')
    await asked[2].reply(program('tcp'))
    expect(frames()).toBe('tcp dns arp')
  })

  test('only the text at which typing pauses is compiled, and choices compile nothing', async () => {
    const { filter, asked, type } = filterOf()
    for (const text of ['a', 'ar', 'arp ', ' ']) {
      type(text)
    }
    await vi.runAllTimersAsync()
    for (const text of ['a', 'ar', 'arp ']) {
      type(text)
    }
    await vi.runAllTimersAsync()
    filter.wanted.value = { ...filter.wanted.value, direction: 'tx' }
    await vi.runAllTimersAsync()
    expect(asked.map(({ text }) => text)).toEqual(['arp'])
  })

  test('an expression that is typed while there is no interface is compiled when there is one', async () => {
    const { device, asked, type } = filterOf()
    device.value = undefined
    type('arp')
    await vi.runAllTimersAsync()
    expect(asked).toEqual([])
    device.value = {} as DeviceRow
    await vi.runAllTimersAsync()
    expect(asked.map(({ text }) => text)).toEqual(['arp'])
  })

  test.each([
    ['dropped', "filter 'dropped': choose 'dropped' beside the filter"],
    ['rx and arp', "filter 'rx and arp': choose 'rx' beside the filter"],
    ['outbound', "filter 'outbound': choose 'rx' or 'tx' beside the filter"],
    ['queue 1', "filter 'queue 1': choose the queue beside the filter"],
    ['port >= 1024', "filter 'port >= 1024': write portrange 8000-8080"],
    ['len 42', "filter 'len 42': write len = 100"],
    ['"echo"', `filter '"echo"': type the text into 'contains' beside the filter`],
    ['syn', "names are not looked up; for a text, use 'contains' beside the filter"],
    ['arp and', 'refused'],
  ])('the error of the former filter %s says what to do instead', async (text, error) => {
    const { filter, asked, type } = filterOf()
    type(text)
    await vi.runAllTimersAsync()
    await asked[0].reply({
      ok: false,
      message: text === 'syn' ? 'names are not looked up' : 'refused',
    })
    expect(filter.error.value).toBe(error)
  })
})
