import { describe, expect, test } from 'vitest'
import { list } from '#support/list.ts'
import { HELP, parseOptions, UsageError } from '../../bench/options.mjs'

// biome-ignore lint/suspicious/noExplicitAny: the benchmark is JavaScript.
const parsed = (...argv: string[]): any => parseOptions(argv)
const candidatesOf = (options: ReturnType<typeof parsed>, kase: string) =>
  Object.keys(options.cases[kase].candidates)

describe('parseOptions', () => {
  test('the default options select every part, its candidates and its metrics, three rounds of one second', () => {
    const options = parsed()
    expect(options.parts).toEqual(
      list(`
          cable cable-long snull-long attach attachments tap open snull loop one-end busy cables queues neighbour control lan wire capture run web
          strangers
          memory
        `),
    )
    expect(options).toMatchObject({ rounds: 3, seconds: 1, memory: true, json: undefined })
    expect(candidatesOf(options, 'cable')).toEqual(
      expect.arrayContaining([
        'veth',
        'relay',
        'relay-offload',
        'npm-node-tuntap2-wintun',
        'vnet-no-offload',
        'vnet',
      ]),
    )
    expect(options.cases.cable.metrics).toEqual(
      expect.arrayContaining(['tcp4', 'bidir', 'gso', 'rtt1_max', 'idle']),
    )
  })

  test('the bench accepts comma-separated lists and repeated options, and sorts them like its table', () => {
    expect(parsed('--only', 'snull', '--only', 'cable').parts).toEqual(['cable', 'snull'])
    expect(parsed('--only', 'memory,cable').parts).toEqual(['cable', 'memory'])
  })

  test('the bench omits a case with none of the selected candidates or metrics', () => {
    expect(Object.keys(parsed('--candidates', 'relay').cases)).toEqual(['cable', 'tap', 'one-end'])
    expect(Object.keys(parsed('--metrics', 'near_p99').cases)).toEqual(['attachments', 'neighbour'])
  })

  test('a name without the size selects a candidate of several sizes', () => {
    expect(candidatesOf(parsed('--candidates', 'vnet'), 'cables')).toEqual([
      'vnet/1',
      'vnet/2',
      'vnet/4',
      'vnet/8',
    ])
  })

  test('the bench selects an attack together with its idle counterpart', () => {
    expect(candidatesOf(parsed('--candidates', 'dhcp'), 'strangers')).toEqual(['dhcp', 'dhcp-idle'])
  })

  test('the bench measures the optional metrics of a case if they are named', () => {
    expect(parsed().cases.snull.metrics).not.toContain('udp1472')
    expect(parsed('--metrics', 'udp1472').cases.snull.metrics).toEqual(['udp1472'])
  })

  test('a variant is added to every case as vnet with further options, compared with the same C program', () => {
    const { cases } = parsed('--variant', 'busy=--busy-poll 50us')
    const { busy } = cases.cable.candidates
    expect(busy).toMatchObject({ ours: true, like: 'relay-offload' })
    expect(cases.queues.candidates['busy/4']).toMatchObject({ like: 'relay-offload/4' })
    const net = { pairs: [{ a: { ns: 'x', name: 'a' }, b: { ns: 'y', name: 'b' } }] }
    expect(busy.command(net).slice(3)).toEqual(['cable', '-q', '--busy-poll', '50us', 'x/a', 'y/b'])
    expect(candidatesOf(parsed('--variant', 'busy=--x', '--candidates', 'busy'), 'snull')).toEqual([
      'busy',
    ])
  })

  test('--publish sets the options of a published run, each of which can be overridden', () => {
    const files = {
      json: 'docs/performance.json',
      charts: 'docs/performance',
      targets: 'docs/records/performance-targets.md',
    }
    expect(parsed('--publish')).toMatchObject({ rounds: 5, seconds: 1, ...files })
    expect(parsed('--publish', '--rounds', '7', '--json', 'x')).toMatchObject({
      rounds: 7,
      json: 'x',
    })
  })

  test('--from accepts only options that use a report', () => {
    const files = { from: 'a.json', compare: 'b.json', charts: 'c', targets: 'd.md' }
    expect(
      parsed(...'--from a.json --compare b.json --charts c --targets d.md'.split(' ')),
    ).toMatchObject(files)
  })

  test.each([
    ['--nonsense'],
    ['stray'],
    ['--only', 'loops'],
    ['--rounds', '0'],
    ['--rounds', '1.5'],
    ['--rounds', ''],
    ['--secs', '60'],
    ['--secs', 'x'],
    ['--metrics', 'tcp,'],
    ['--candidates', 'tap'],
    ['--candidates', 'vnet/4'],
    ['--only', 'snull', '--candidates', 'relay'],
    ['--only', 'neighbour', '--metrics', 'tcp'],
    ['--variant', 'busy'],
    ['--variant', 'busy='],
    ['--variant', 'Busy=--x'],
    ['--variant', 'vnet=--x'],
    ['--from', 'a.json', '--rounds', '3'],
    ['--from', 'a.json', '--publish'],
    ['--json', ''],
    ['--compare', ''],
  ])('the bench refuses %j %s %s %s in one line', (...argv: string[]) => {
    expect(() => parseOptions(argv)).toThrow(UsageError)
    expect(() => parseOptions(argv)).toThrow(/^[^\n]+$/)
  })

  test('the help is at most 130 columns wide, except the lists of names', () => {
    expect(
      HELP.split('\n').filter((line: string) => line.length > 130 && !/NAME,/.test(line)),
    ).toEqual([])
  })
})
