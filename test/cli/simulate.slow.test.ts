/** More of vnet simulate: seeds, whole runs from their logs, and stages that are refused. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { runMain } from '#support/run-main.ts'
import { ipPacket, packet, packetsOf, simulations, stagesOf } from './simulated.ts'

const { at, pcap, pcapng, simulate, withDrops, scenario, stageFile } = simulations()

describe('a capture', () => {
  test('the same seed gives the same decisions, another seed others', async () => {
    const file = pcap(
      'f.pcap',
      Array.from({ length: 100 }, (_, i) => packet(i)),
    )
    const decisions = async (...seed: string[]) => {
      await simulate(
        file,
        '--wire',
        'loss 30% delay 5ms 2ms corrupt 10%',
        '--log',
        at('f.log'),
        ...seed,
      )
      return readFileSync(at('f.log'), 'utf8')
    }
    const first = await decisions()
    expect(first).toContain('"verdict":"corrupt"')
    expect(await decisions('--seed', '1')).toBe(first)
    expect(await decisions('--seed', '2')).not.toBe(first)
  })

  test.each([
    [
      ['wire ab, stage 1 loss 5% (seed 3, packet)'],
      "packet 101: the comment 'dropped: wire ab, stage 1 loss 5% (seed",
    ],
    [['wire ba, stage 1 loss 5% (seed 0, packet 7)'], 'has no seed of a wire: give --seed'],
    [
      ['wire in (ab), stage 1 loss 5% (seed 9007199254740992, packet 7)'],
      'has no seed of a wire: give --seed',
    ],
    [
      [
        'wire ab, stage 1 loss 5% (seed 3, packet 7)',
        'wire ab, stage 1 loss 5% (seed 4, packet 9)',
      ],
      'its comments have several seeds, such as 3 and 4: give --seed',
    ],
  ])(
    'comments without one seed are refused without --seed, before a file is written: %j',
    async (reasons, message) => {
      const file = withDrops('seeds.pcapng', ...reasons)
      const words = ['simulate', file, '--wire', 'loss 30%']
      const { status, stderr } = await runMain(...words, '--out', at('no.out'))
      expect([status, stderr]).toEqual([2, expect.stringContaining(message)])
      expect(existsSync(at('no.out'))).toBe(false)
      expect((await runMain(...words, '--seed', '5')).status).toBe(0)
    },
  )

  const ids = Array.from({ length: 20 }, (_, i) => i + 1)

  test.each([
    ['packets without an identification', ids.map(id => ipPacket(id, 0, 64))],
    ['packets that repeat after 100 ms', ids.map(id => ipPacket(100 * id, 1, 64))],
    ['a few repeated packets', [...ids, 20].map(id => ipPacket(id, id, 64))],
  ])('%s are not reported', async (_, packets) => {
    expect(
      (await runMain('simulate', pcap('once.pcap', packets), '--wire', 'loss 0%')).stderr,
    ).toBe('')
  })
})

describe('a scenario', () => {
  const file = pcapng(
    'steps.pcapng',
    Array.from({ length: 60 }, (_, i) => packet(10 * i, { interfaceIndex: i % 2 })),
  )

  test('changes after the last arrival are made: packets of hold are delivered', async () => {
    const steps = scenario('hold.yaml', '- { at: 0s, wire: hold }\n- { at: 10s, wire: off }\n')
    await simulate(file, '--scenario', steps, '--out', at('hold.pcapng'))
    expect(packetsOf(at('hold.pcapng')).map(({ ms }) => ms)).toEqual(new Array(60).fill(10_000))
  })

  test('the log of a run has its scenario, and is repeated from the log alone', async () => {
    const steps = scenario(
      'log.yaml',
      '- { at: 95ms, wire: loss 20% }\n- { at: 400ms, wire: delay 7ms 5ms }\n',
    )
    await simulate(file, '--wire', 'loss 10%', '--scenario', steps, '--log', at('run.log'))
    await simulate(at('run.log'), '--log', at('again.log'))
    expect(readFileSync(at('again.log'), 'utf8')).toBe(readFileSync(at('run.log'), 'utf8'))
  })
})

describe('a log', () => {
  const file = pcapng(
    'live.pcapng',
    Array.from({ length: 60 }, (_, i) => packet(3 * i, { interfaceIndex: i % 2 })),
  )
  const words = ['--wire', 'delay 20ms 15ms loss 20% duplicate 10% rate 1mbit', '--seed', '7']

  test('a log is simulated with another spec and another seed', async () => {
    await simulate(file, ...words, '--log', at('run.log'))
    const other = stagesOf(await simulate(at('run.log'), '--wire', 'loss every 2', '--json'))
    expect(other).toMatchObject([
      { direction: 'ab', stage: 'loss', in: 30, dropped: 15 },
      { direction: 'ba', stage: 'loss', in: 30, dropped: 15 },
    ])
    await simulate(at('run.log'), '--seed', '8', '--log', at('again.log'))
    expect(readFileSync(at('again.log'), 'utf8')).not.toBe(readFileSync(at('run.log'), 'utf8'))
  })

  test('a log that lacks lines is simulated up to the first missing one', async () => {
    await simulate(file, '--wire', 'loss 0%', '--log', at('holes.log'))
    const lines = readFileSync(at('holes.log'), 'utf8').split('\n')
    const arrival = lines.findIndex(line => line.includes('"n":9,'))
    writeFileSync(at('holes.log'), lines.toSpliced(arrival, 1).join('\n'))
    const { status, stdout, stderr } = await runMain('simulate', at('holes.log'))
    expect(stdout).toMatch(/ab loss +8 +8 /)
    const message =
      /line \d+: packet 10 where packet 9 of ab must be: lines are missing, or it logs several wires\n$/
    expect([status, stderr]).toEqual([1, expect.stringMatching(message)])
  })
})

describe('--stage', () => {
  const file = stageFile()
  const capture = pcap('stage.pcap', [packet(0)])

  test.each([
    [
      ['--stage', file, '--wire', 'stage hafl'],
      "'hafl' is not a stage; did you mean 'half'?\n  stage hafl",
    ],
    [['--stage', file, '--wire', 'stage flat'], 'stage flat returns no wire'],
    [
      ['--wire', 'stage half'],
      'stage half: no file was loaded: --stage FILE, or stages: [FILE] in a lab',
    ],
    [['--stage', at('no.mjs'), '--wire', 'stage half'], 'no.mjs: no such file'],
    [
      ['--stage', at('empty.mjs'), '--wire', 'stage half'],
      'empty.mjs exports no stage: it needs `export function',
    ],
    [['--stage', at('wrong.mjs'), '--wire', 'stage half'], 'wrong.mjs does not load: '],
    [
      ['--stage', file, '--wire', 'stage'],
      'stage needs the name of a function that --stage FILE exports',
    ],
  ])('%j is refused', async (options, message) => {
    writeFileSync(at('empty.mjs'), 'export default function half() {}\n')
    writeFileSync(at('wrong.mjs'), 'export function (\n')
    const { status, stderr } = await runMain('simulate', capture, ...options)
    expect([status !== 0, stderr.replaceAll('vnet:   ', '  ')]).toEqual([
      true,
      expect.stringContaining(message),
    ])
  })
})

test('a disk that is full is one line for each file, and status 1', async () => {
  const args = [pcap('y.pcap', [packet(0)]), '--wire', 'loss 0%']
  for (const [option, end] of [
    ['--out', ''],
    ['--log', '; the log ends here'],
  ] as const) {
    const { status, stdout, stderr } = await runMain('simulate', ...args, option, '/dev/full')
    expect(stdout).toMatch(/ab loss +1 +1 /)
    expect([status, stderr]).toEqual([1, `vnet: /dev/full: no space left on device${end}\n`])
  }
})

describe('arguments', () => {
  const file = pcap('z.pcap', [packet(0)])

  test.each([
    [
      'one file for both outputs',
      [file, '--wire', 'loss 1%', '--out', at('x'), '--log', at('x')],
      'need a file each',
    ],
    [
      'the input as output',
      [file, '--wire', 'loss 1%', '--out', file],
      'the input file cannot be an output too',
    ],
    [
      'an output in no directory',
      [file, '--wire', 'loss 1%', '--log', at('no/x')],
      'no/x: no such file or directory',
      1,
    ],
    [
      'a seed of 0',
      [file, '--wire', 'loss 1%', '--seed', '0'],
      '--seed 0: must be a whole number from 1',
    ],
  ] as [string, string[], string, number?][])(
    '%s is one line and touches no file',
    async (_, args, message, code = 2) => {
      const before = readFileSync(file)
      writeFileSync(at('kept'), 'kept')
      const { status, stderr } = await runMain('simulate', ...args)
      expect([status, stderr]).toEqual([code, expect.stringContaining(`vnet: `)])
      expect(stderr).toContain(message)
      expect(readFileSync(file)).toEqual(before)
      expect(readFileSync(at('kept'), 'utf8')).toBe('kept')
    },
  )
})
