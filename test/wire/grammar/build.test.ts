import { describe, expect, test } from 'vitest'
import type { WireResources } from '#src/netdev/device-wire.ts'
import { printGroups } from '#src/wire/grammar/groups.ts'
import * as wire from '#src/wire/index.ts'
import { parseWire } from '#src/wire/parse.ts'
import { linkKinds } from '#src/wire/stages/link-model.ts'
import { STAGES } from '#src/wire/stages.ts'
import type { Impairment } from '#src/wire/wire.ts'
import { forAll } from '#support/for-all.ts'
import { either, SEED } from '#support/scale.ts'
import { testWires } from '#support/wire.ts'
import { wires } from './arbitrary.ts'

const testWire = testWires()

/** Files by name. Filters match every frame. */
const resources: WireResources = {
  filter: text => Object.assign(() => true, { text }),
  file: path =>
    ({ 'a.up': '1\n2\n', 'my trace': '5\n', 'my table.dist': '# two\n-8192 8192\n', './t': '0' })[
      path
    ] ?? 'oops',
}

const parse = (text: string) => parseWire(text, resources)
const kinds = (stages: readonly Impairment[]) => stages.map(({ kind }) => kind)
const limitOf = ({ params }: Impairment) => (params as { limit?: unknown }).limit

describe('stages written in one go', () => {
  test("stages written in one go have netem's order", () => {
    const text =
      'slot 1ms delay 1ms rate 1mbit truncate 64 corrupt 1% duplicate 1% loss 1% match arp ( ) drop nth 1 hold blackhole'
    expect(kinds(parse(text))).toEqual([
      'blackhole',
      'hold',
      'fault',
      'match',
      'loss',
      'duplicate',
      'corrupt',
      'truncate',
      'rate',
      'delay',
      'slot',
    ])
  })

  test('faults and matches keep the order in which they are written', () => {
    expect(
      parse('reset tcp nth 2 loss 1% match arp ( ) drop nth 1').map(stage => stage.text),
    ).toEqual(["reset 'tcp' nth 2", 'drop nth 1', "match 'arp' ( )", 'loss 1%'])
  })

  test('stages of a group share one limit, and each group has its own', () => {
    const [rate, delay, slot, other] = parse('rate 1mbit delay 1ms slot 1ms limit 50 | delay 1ms')
    expect(limitOf(rate as Impairment)).toEqual({ packets: 50 })
    expect(limitOf(delay as Impairment)).toBe(limitOf(rate as Impairment))
    expect(limitOf(slot as Impairment)).toBe(limitOf(rate as Impairment))
    expect(limitOf(other as Impairment)).not.toBe(limitOf(rate as Impairment))
  })

  test('stages of a group share the default limit of 1000 packets too', () => {
    const [rate, delay] = parse('rate 1mbit delay 1ms')
    expect(limitOf(rate as Impairment)).toEqual({ packets: 1000 })
    expect(limitOf(delay as Impairment)).toBe(limitOf(rate as Impairment))
  })
})

test('groups keep the order in which they are written', () => {
  expect(kinds(parse('delay 1ms | rate 1mbit | loss 1%'))).toEqual(['delay', 'rate', 'loss'])
})

test('a delay alone passes GSO frames whole, unless it has a limit', () => {
  expect(parse('delay 20ms').map(({ takesGso }) => takesGso)).toEqual([true])
  expect(parse('delay 20ms limit 100').map(({ takesGso }) => takesGso)).toEqual([false])
})

test('a limit is counted over all stages that share it', () => {
  const wire = testWire(parse('rate 480kbit delay 1s limit 3'))
  // A packet of 60 bytes takes a millisecond on the line.
  wire.send(5)
  wire.advance(2.5e6)
  wire.send(1)
  const [rate, delay] = wire.chain.report()
  expect([rate?.held, delay?.held, rate?.drops, delay?.drops]).toEqual([1, 2, { limit: 3 }, {}])
  wire.advance(2e9)
})

test("RED's thresholds are a quarter of the limit and a third of that by default", () => {
  const spec = (text: string) =>
    parse(text).map(({ params }) => (params as { queue: { params: unknown } }).queue.params)[0]
  expect(spec('rate 1mbit red limit 120kb')).toMatchObject({
    min: 10240,
    max: 30720,
    probability: 0.02,
    ecn: false,
  })
  expect(spec('rate 1mbit red')).toMatchObject({ min: 125_000, max: 375_000 })
  expect(spec('rate 1mbit red min 10kb ecn')).toMatchObject({ min: 10240, max: 30720, ecn: true })
  expect(spec('rate 1mbit red max 30kb probability 5%')).toMatchObject({
    min: 10240,
    max: 30720,
    probability: 0.05,
  })
})

test('a filter, a file and a value out of range are errors that point at the file, or at their stage', () => {
  const broken: WireResources = {
    filter: text => {
      throw new Error(text)
    },
    file: () => 'x',
  }
  expect(() => parseWire('delay 5ms 1ms distribution my.dist', broken)).toThrow(
    "my.dist: line 1: 'x' is not a whole number from -32768 to 32767\n  delay 5ms 1ms distribution my.dist\n                             ^^^^^^^",
  )
  expect(() => parse('delay 1ms | loss 90% burst 2')).toThrow(
    /^bursts of 2 packets lose at most .*\n.*\n {14}\^{16}$/,
  )
  expect(() => parse('match arp ( loss 90% burst 2 )')).toThrow(/\n {14}\^{16}$/)
})

test('the joined text of stages is parsed as the same stages', () => {
  let tried = 0
  let made = 0
  forAll({ numRuns: either(1000, 50), seed: SEED }, [wires], wire => {
    const text = printGroups(wire)
    const stages = attempt(text)
    tried++
    if (stages === undefined) return
    made++
    const again = parse(text)
    expect(again.map(shape)).toEqual(stages.map(shape))
    // Stages that share no limit are the same if each is a group of its own.
    const joined = stages.map(stage => stage.text).join(' | ')
    if (wire.every(({ items }) => items.length === 1)) {
      expect(parse(joined).map(shape)).toEqual(stages.map(shape))
    }
  })
  expect(made / tried).toBeGreaterThan(0.3)
})

/** Returns undefined for values that a stage refuses, such as probabilities of more than 100 %. */
function attempt(text: string): Impairment[] | undefined {
  try {
    return parse(text)
  } catch (error) {
    expect((error as Error).name).toBe('FileError')
    return undefined
  }
}

function shape({ kind, text, takesGso, params }: Impairment): unknown {
  const { filter, then, otherwise, stages, ...rest } = { ...(params as Record<string, unknown>) }
  return { kind, text, takesGso, rest: JSON.stringify(rest) }
}

test('the text of a stage that a function made is parsed as the same stage', () => {
  const arp = resources.filter('arp')
  const stages = [
    wire.delay('20ms', {
      jitter: '5ms',
      correlation: 0.25,
      distribution: 'normal',
      reorder: { share: 0.25, gap: 5 },
    }),
    wire.loss(0.01, { burst: 5 }),
    wire.lossState({ p13: 0.01, p31: 0.7 }),
    wire.lossGemodel({ p: 0.01, r: 0.3 }),
    wire.duplicate('1%'),
    wire.corrupt(0.1, { at: 14 }),
    wire.truncate(64, 0.5),
    wire.mtu(1400, { icmp: true }),
    wire.rate('10mbit', { overhead: 8, burst: '15kb', queue: 'head', limit: { bytes: 65536 } }),
    wire.slot({ min: '5ms', max: '10ms', packets: 3, bytes: '2kb' }),
    wire.fault({ delay: '2s' }, arp, { nth: 3, after: '1s' }),
    wire.fault('reset', undefined, { every: 2 }),
  ]
  for (const { text = '', params } of stages) {
    const [read] = parse(text)
    expect(read?.text).toBe(text)
    expect(JSON.stringify(read?.params)).toBe(JSON.stringify(params))
  }
  for (const queue of [wire.red({ min: '10kb', ecn: true }), wire.codel({ target: '1ms' })]) {
    const text = wire.rate('1mbit', { queue }).text ?? ''
    expect(parse(text).map(stage => stage.text)).toEqual([text])
  }
})

test('each kind of stage has a function for programs of its name, and all links have one', () => {
  const links = linkKinds.map(({ kind }) => kind)
  const without = STAGES.map(({ kind }) => kind).filter(kind => !Object.hasOwn(wire, kind))
  expect(without.sort()).toEqual(['stage', ...links].sort())
  expect(Object.keys(wire)).toContain('link')
})

test('an error of a long text is short, and is made quickly', () => {
  const error = (text: string) => {
    try {
      parseWire(text)
    } catch (error) {
      return error as Error
    }
    throw new Error('no error')
  }
  for (const text of [
    'x'.repeat(100_000),
    `loss ${'9'.repeat(100_000)}`,
    `loss 1% ${'y '.repeat(50_000)}`,
    `rate ${'1'.repeat(100_000)}kbit`,
  ]) {
    expect(error(text).message.length).toBeLessThan(700)
  }
})
