/** The exploration of commands: the points that are repeated, and a stop. The labs are fake. */
import { expect, test, vi } from 'vitest'
import { ACK, ipv4, SYN, segment } from '#support/segments.ts'
import { type ClientResult, hunt, isPassed } from '../../src/hunt/hunt.ts'
import type { PointRun, RunOptions } from '../../src/hunt/kept-lab.ts'
import type { HuntOptions } from '../../src/hunt/options.ts'
import { NamedPackets, type Recorded } from '../../src/hunt/points.ts'
import { clientRun } from '../support/client-runs.ts'

/** The labs of a test, in the order in which they are opened. */
type Behaviour = (lab: number, options: RunOptions, signal: AbortSignal) => Promise<PointRun>

const fake = vi.hoisted(() => ({
  opened: 0,
  recorded: [] as string[],
  unnamed: 0,
  run: (() => {}) as unknown as Behaviour,
}))

vi.mock('../../src/hunt/kept-lab.ts', () => {
  class KeptLab {
    readonly #number = ++fake.opened
    readonly #signal: AbortSignal

    constructor(signal: AbortSignal) {
      this.#signal = signal
    }

    static open = async (_: unknown, signal: AbortSignal) => new KeptLab(signal)

    async record(client: string) {
      fake.recorded.push(client)
      return { run: right(), recorded: recorded() }
    }

    run = (_: string, options: RunOptions = {}) =>
      options.point === undefined
        ? Promise.resolve(right())
        : fake.run(this.#number, options, this.#signal)

    dropServer() {}

    async close() {}

    [Symbol.asyncDispose] = () => this.close()
  }
  return { KeptLab }
})

const right = (): PointRun => ({ ...clientRun(), isHit: true, serverEnd: undefined })
const hanging = (): PointRun => ({
  ...clientRun({ status: null, hung: true }),
  isHit: true,
  serverEnd: undefined,
})

/** A question of three bytes and a reply of four: three points of `fin`. */
function recorded(): Recorded {
  const hosts = new Map([
    ['192.0.2.1', 'client'],
    ['192.0.2.2', 'server'],
  ])
  const named = new NamedPackets(hosts)
  for (const [isReply, flags, seq, data] of [
    [false, SYN, 0, ''],
    [true, SYN | ACK, 0, ''],
    [false, ACK, 1, 'ask'],
    [true, ACK, 1, 'told'],
  ] as const) {
    named.take(
      ipv4(segment({ flags, seq, data: Buffer.from(data), isReply })),
      isReply ? 'ba' : 'ab',
    )
  }
  return { connections: [], packets: named.packets, unnamed: fake.unnamed }
}

/** A promise that a test settles. */
function gate() {
  let open = () => {}
  const opened = new Promise<void>(resolve => {
    open = resolve
  })
  return { opened, open: () => open() }
}

async function explored(run: Behaviour, more: Partial<HuntOptions> = {}) {
  Object.assign(fake, { opened: 0, recorded: [], run })
  const user = new AbortController()
  const results: ClientResult[] = []
  const starts: (readonly string[])[] = []
  const options: HuntOptions = {
    server: 'serve',
    clients: ['get'],
    ready: undefined,
    within: 1000,
    errors: undefined,
    labs: 1,
    faults: ['fin'],
    promise: undefined,
    fresh: false,
    warm: undefined,
    budget: undefined,
    ...more,
  }
  const ended = hunt(options, {
    signal: user.signal,
    onStart: ({ notes }) => starts.push(notes),
    onFinding: () => {},
    onResult: result => results.push(result),
    onProgress: () => {},
  })
  return { user, ended, results, starts }
}

test('a point that is found while another one is repeated is repeated next', async () => {
  // Two labs try two points at the same time; the first one hangs by chance.
  const both = gate()
  const tried = new Set<number>()
  const { ended, results } = await explored(
    async (lab, { point }) => {
      const byte = point?.byte ?? -1
      if (lab <= 2) {
        tried.add(byte)
        if (tried.size === 2) {
          both.open()
        }
        return hanging()
      }
      await both.opened
      return byte === 0 ? right() : hanging()
    },
    { labs: 2 },
  )
  const result = await ended
  expect(results[0]?.findings.map(({ point }) => point.byte)).toEqual([2])
  expect(results[0]?.unconfirmed).toEqual([])
  expect(isPassed(result)).toBe(false)
})

test('three points of a group are repeated at most', async () => {
  const repeated = new Set<number>()
  const { ended, results } = await explored(async lab => {
    if (lab === 1) return hanging()
    repeated.add(lab)
    return right()
  })
  expect(isPassed(await ended)).toBe(true)
  expect(repeated.size).toBe(3)
  expect(results[0]).toMatchObject({ findings: [], unrepeated: [] })
  expect(results[0]?.unconfirmed).toHaveLength(1)
})

test('a stop while a point is repeated leaves its group open, and has not passed', async () => {
  const repeating = gate()
  const { user, ended, results } = await explored(async (lab, _, signal) => {
    if (lab === 1) return hanging()
    repeating.open()
    await new Promise((_, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason))
    })
    return right()
  })
  await repeating.opened
  user.abort()
  const result = await ended
  expect(results[0]).toMatchObject({ findings: [], unconfirmed: [] })
  expect(results[0]?.unrepeated.map(({ verdict }) => verdict)).toEqual(['hangs'])
  expect([isPassed(result), result.stopped]).toEqual([false, 'it was stopped'])
})

test('no client is started after a stop', async () => {
  const { user, ended } = await explored(
    async () => {
      user.abort()
      return right()
    },
    { clients: ['get', 'put'] },
  )
  const { clients, stopped } = await ended
  expect([clients.length, stopped]).toEqual([1, 'it was stopped'])
  expect(fake.recorded).toEqual(['get'])
})

test('packets past the last that is kept are noted', async () => {
  fake.unnamed = 5
  const { ended, starts } = await explored(async () => right())
  await ended
  fake.unnamed = 0
  expect(starts[0]).toContain('without points: 5 packets after the first 4')
})
