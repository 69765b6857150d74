/** Random specs of a wire, with values that print exactly. */
import fc from 'fast-check'
import { type Group, type Item, limitOf } from '#src/wire/grammar/groups.ts'
import { BYTE_MAX, TIMELESS_VERBS } from '#src/wire/stages/fault-verbs.ts'
import { STREAM_VERBS } from '#src/wire/stages/stream-fault.ts'
import { STAGES } from '#src/wire/stages.ts'
import { exampleText, stageIn } from './examples.ts'

/** The spec of a stage with its kind. */
interface Written {
  readonly kind: string
}

const count = fc.integer({ min: 1, max: 1000 })
const percent = fc.integer({ min: 1, max: 100_000 }).map(n => n / 1000 / 100)
const share = fc.oneof(percent, fc.constantFrom(0, 1, 0.01, 0.07, 0.29))
const time = fc.oneof(
  fc.integer({ min: 1, max: 1e12 }),
  fc.constantFrom(0, 1, 1000, 1e6, 20e6, 1e9),
)
const size = fc.oneof(fc.integer({ min: 1, max: 1e7 }), fc.constantFrom(1024, 65536, 1024 ** 2))
/** Into which a frame fits. */
const room = size.filter(bytes => bytes >= 60)
const flag = fc.boolean()
const correlation = fc.oneof(fc.constant(0), percent)
const filter = fc.constantFrom(
  'arp',
  'tcp port 80',
  "host 'a'",
  'udp and (port 53 or port 5353)',
  'ip[8] = "x"',
  'loss',
)
const distribution = fc.constantFrom(
  'uniform',
  'normal',
  'pareto',
  'paretonormal',
  'my table.dist',
  './t',
)
const value = fc.constantFrom(
  '5',
  '-1e9',
  '20ms',
  '5g',
  'loss',
  '',
  'tcp port 80',
  "it's",
  '1e999',
  '.5.',
)
/** Without -0, which prints as 0. */
const number = fc.double({ noNaN: true, noDefaultInfinity: true }).map(n => n + 0)
const signed = fc.integer({ min: -50, max: 50 })

/** Omits undefined properties, like the grammar. */
const without = <T extends object>(value: T): T =>
  Object.fromEntries(Object.entries(value).filter(([, v]) => v !== undefined)) as T
const maybe = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined })

const codel = { target: maybe(time), interval: maybe(time), ecn: flag, ceThreshold: maybe(time) }
const queue = fc.oneof(
  fc.constantFrom({ kind: 'droptail', params: undefined }, { kind: 'drophead', params: undefined }),
  fc
    .record({ min: maybe(size), max: maybe(size), probability: maybe(percent), ecn: flag })
    .filter(({ min = 0, max = Number.POSITIVE_INFINITY }) => min < max)
    .map(params => ({ kind: 'red', params: without(params) })),
  fc.record(codel).map(params => ({ kind: 'codel', params: without(params) })),
  fc
    .record({ ...codel, quantum: maybe(count) })
    .map(params => ({ kind: 'fq_codel', params: without(params) })),
  fc
    .record({ target: maybe(time), tupdate: maybe(time.filter(ns => ns > 0)), ecn: flag })
    .map(params => ({ kind: 'pie', params: without(params) })),
  fc
    .record({ target: maybe(time.filter(ns => ns > 0)), step: maybe(time) })
    .map(params => ({ kind: 'dualpi2', params: without(params) })),
)

const when = fc
  .tuple(maybe(fc.tuple(fc.constantFrom('first', 'nth', 'every'), count)), maybe(time))
  .filter(([counted, after]) => counted !== undefined || after !== undefined)
  .map(([counted, after]) => ({
    ...(counted && { [counted[0]]: counted[1] }),
    ...(after !== undefined && { after }),
  }))

const fault = fc.oneof(
  fc.record({
    kind: fc.constant('fault'),
    action: fc.constantFrom(...TIMELESS_VERBS),
    filter: fc.oneof(fc.constant(''), filter),
    when,
  }),
  fc.record({ kind: fc.constant('fault'), action: fc.constant('delay'), time, filter, when }),
  fc.record({
    kind: fc.constant('fault'),
    action: fc.constantFrom(...STREAM_VERBS),
    filter: fc.oneof(fc.constant(''), filter),
    when: fc
      .tuple(fc.nat(BYTE_MAX), maybe(fc.tuple(fc.constantFrom('first', 'nth', 'every'), count)))
      .map(([byte, counted]) => ({ byte, ...(counted && { [counted[0]]: counted[1] }) })),
  }),
)

const lossModel = fc.oneof(
  fc.record({ model: fc.constant('random'), share, correlation }),
  fc.record({
    model: fc.constant('burst'),
    share: percent,
    mean: fc.integer({ min: 2, max: 40 }).map(n => n / 2),
  }),
  fc.record({
    model: fc.constant('state'),
    p13: share,
    p31: share,
    p32: share,
    p23: share,
    p14: share,
  }),
  fc.record({ model: fc.constant('gemodel'), p: share, r: share, h: share, k: share }),
  fc.record({ model: fc.constant('every'), n: count }),
)

const delay = fc
  .record({
    kind: fc.constant('delay'),
    time,
    jitter: time,
    correlation,
    distribution,
    order: maybe(fc.constantFrom('ordered', 'unordered')),
    reorder: maybe(fc.record({ share, correlation, gap: count })),
  })
  .map(spec =>
    spec.jitter === 0
      ? { ...spec, correlation: 0, distribution: 'uniform', order: undefined }
      : spec,
  )
  .map(without)

const slot = fc.oneof(
  fc
    .record({
      kind: fc.constant('slot'),
      min: time,
      more: time,
      packets: fc.oneof(fc.constant(0), count),
    })
    .map(({ more, ...spec }) => ({ ...spec, max: spec.min + more, bytes: 0 })),
  fc.record({
    kind: fc.constant('slot'),
    min: fc.constant(0),
    max: fc.constant(0),
    distribution: fc.record({ name: distribution, delay: time, jitter: time }),
    packets: fc.oneof(fc.constant(0), count),
    bytes: fc.oneof(fc.constant(0), size),
  }),
)

const simple = fc.oneof(
  fc.constantFrom({ kind: 'partition' }, { kind: 'blackhole' }, { kind: 'hold' }),
  fc.record({ kind: fc.constant('mtu'), bytes: fc.integer({ min: 68, max: 65535 }), icmp: flag }),
  fault,
  fc.record({ kind: fc.constant('loss'), model: lossModel, ecn: flag }),
  fc.record({ kind: fc.constant('duplicate'), share, correlation }),
  fc
    .record({ kind: fc.constant('corrupt'), share, correlation, at: maybe(fc.nat({ max: 1500 })) })
    .map(without),
  fc.record({ kind: fc.constant('truncate'), bytes: size, share }),
  fc.record({
    kind: fc.constant('stage'),
    name: fc.constantFrom('third', 'a b', '5g'),
    values: fc.array(fc.oneof(signed, number, value), { maxLength: 3 }),
  }),
  fc.record({ kind: fc.constant('policer'), bits: fc.integer({ min: 1, max: 1e12 }), burst: room }),
  fc
    .record({
      kind: fc.constant('rate'),
      bits: fc.integer({ min: 1, max: 1e12 }),
      burst: maybe(size),
      queue: maybe(queue),
      overhead: signed,
      cell: fc.nat({ max: 100 }),
      cellOverhead: signed,
    })
    .map(without),
  fc
    .record({
      kind: fc.constant('trace'),
      file: fc.constantFrom('a.up', 'my trace'),
      once: flag,
      queue: maybe(queue),
    })
    .map(without),
  fc
    .record({
      kind: fc.constantFrom('lte', '5g', 'starlink', 'wifi'),
      isUp: fc.constant(true),
      handover: maybe(fc.integer({ min: 1e9, max: 3600e9 })),
      queue: maybe(queue),
    })
    .map(without),
  fc
    .record({ kind: fc.constant('geo'), isUp: fc.constant(true), queue: maybe(queue) })
    .map(without),
  delay,
  slot,
  exampleText.map(text => {
    const { kind, spec } = stageIn(text)
    return { kind: kind.kind, ...(spec as object) }
  }),
) as fc.Arbitrary<Written>

const limit = maybe(
  fc.oneof(
    fc.record({ packets: count }),
    fc.record({ bytes: room }),
    fc.record({ time: time.filter(ns => ns > 0) }),
  ),
)

function groupOf(specs: readonly Written[], limit: Group['limit']): Group {
  const kinds = new Set<string>()
  const items: Item[] = []
  for (const { kind: name, ...spec } of specs) {
    const kind = STAGES.find(each => each.kind === name)
    if (kind === undefined) throw new Error(`${name} is not a kind of stage`)
    // A group has one stage of a kind, and one with a queue.
    const place = kind.part?.key === 'queue' ? 'rate' : name
    if (!kind.repeats && kinds.has(place)) continue
    kinds.add(place)
    items.push({ kind, spec, text: '', at: 0, end: 0 })
  }
  items.sort((a, b) => STAGES.indexOf(a.kind) - STAGES.indexOf(b.kind))
  const isUsed = items.some(({ kind }) =>
    limit?.time === undefined ? kind.holds : kind.kind === 'rate',
  )
  const hasRoom = isUsed && (limitOf({ items, limit })?.bytes ?? 60) >= 60
  return { items, limit: hasRoom ? limit : undefined }
}

function groupsOf(spec: fc.Arbitrary<Written>, minLength: number): fc.Arbitrary<Group[]> {
  const group = fc
    .tuple(fc.array(spec, { minLength: 1, maxLength: 6 }), limit)
    .map(args => groupOf(...args))
  return fc.array(group, { minLength, maxLength: 3 })
}

const match = fc
  .record({
    kind: fc.constant('match'),
    filter,
    syn: maybe(fc.constant(true)),
    flow: maybe(share),
    nth: maybe(count),
    matching: groupsOf(simple, 0),
    others: groupsOf(simple, 0),
  })
  .map(without) as fc.Arbitrary<Written>

export const wires = groupsOf(
  fc.oneof({ weight: 5, arbitrary: simple }, { weight: 1, arbitrary: match }),
  0,
)
