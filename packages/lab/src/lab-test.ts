/** The test of '@vnet/lab/vitest', made from the `test` and `expect` of a given vitest. */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { resolve } from 'node:path'
import { attempt, NSEC_PER_MSEC, UsageError } from 'vnet'
import { durationOf } from 'vnet/kit/base'
import 'vnet'
import type * as Vitest from 'vitest'
import { type ExploreOptions, explore, type LabScenario } from './explore/index.ts'
import { GUEST_TESTS } from './guest/guest-protocol.ts'
import { byWorld, type SuiteModule, suitesOf } from './guest/vitest-guest.ts'
import { LabUnavailableError } from './model/rights.ts'
import { createLab, createLabWith, warmLabs } from './network/create-lab.ts'
import { LabFault } from './network/fault.ts'
import {
  addDrops,
  addLines,
  addMissed,
  closeWithin,
  labName,
  reasonToSkip,
  seedFor,
  type TestError,
  worldLine,
} from './network/fixture.ts'
import type { Lab } from './network/lab.ts'
import { exploredWorld, isInGuest, type WorldName, wantedWorld } from './world/world.ts'

/**
 * The peerDependencies name no range, because npm 10 crashes on the peers of vitest 4.1. vitest is
 * where the running program is, or else beside this package, which may have another one.
 */
function checkVersion(): void {
  const places = [resolve(process.argv[1] ?? ''), import.meta.filename]
  const path = places
    .map(place => attempt(() => createRequire(place).resolve('vitest/package.json')))
    .find(found => found !== undefined)
  if (path === undefined) return
  const { version } = JSON.parse(readFileSync(path, 'utf8')) as { version: string }
  const [major = 0, minor = 0] = version.split('.').map(Number)
  if (major > 3 ? major <= 5 : major === 3 && minor >= 2) return
  throw new UsageError(
    `@vnet/lab/vitest needs vitest 3.2 to 5, not ${version}: npm install --save-dev vitest@4`,
  )
}

// A guest, in which the file may be absent, runs what has been checked outside of it.
if (!isInGuest()) {
  checkVersion()
}

/**
 * The fixtures of a test. The lab is made when a test first uses it, and is closed after the test.
 */
export interface LabFixtures {
  /**
   * A lab of this test alone. Its seed is the environment variable VNET_SEED, or by default is made
   * from the name of the test, so that each run makes the same decisions. If the test fails, the
   * captures of its links are kept, and their paths printed.
   *
   * If the machine cannot make labs in the kernel, a test that needs one, for a program or by its
   * world, is skipped with the reason, or fails if VNET_REQUIRED is 1.
   */
  lab: Lab
  /**
   * The world of the lab: `test.extend({ world: 'memory' })`. By default it is the environment
   * variable VNET_WORLD, like the option of createLab. With VNET_WORLD=both each test runs twice,
   * in memory and then in the kernel, and must pass in both. A test that needs the kernel runs only
   * there.
   */
  world: WorldName | undefined
}

/** The part of vitest's context that the fixture uses. */
interface LabContext {
  readonly task: {
    readonly name: string
    readonly fullTestName?: string
    readonly result?: { state: string; errors?: TestError[]; repeatCount?: number } | undefined
    readonly meta?: object
    readonly timeout?: number
  }
  readonly signal?: AbortSignal | undefined
  readonly world: WorldName | undefined
  skip(reason: string): never
}

/** The worlds of the two runs of a test. */
const BOTH: readonly WorldName[] = ['memory', 'kernel']

const MATCHERS = {
  toHaveHit(this: { readonly isNot: boolean }, fault: unknown) {
    if (!(fault instanceof LabFault)) {
      throw new UsageError('toHaveHit: this is not a fault: await link.ab.drop(...) returns one')
    }
    const line = this.isNot ? fault.expectMiss() : fault.missed
    return { pass: fault.hits > 0, message: () => line ?? 'toHaveHit' }
  },
}

/** A lab ends within some hundredths of a second, or a second on a busy machine. */
const LEAST_LIMIT_MS = 2000
/** The longest time that a timer takes. */
const MOST_LIMIT_MS = 2 ** 31 - 1

// It takes seconds on a busy machine, which would count as the time of the first test.
await warmLabs()

/** Whether each test runs in both worlds. */
const inBoth = process.env.VNET_WORLD === 'both'

const GIVEN_LATE =
  "a function cannot put a test into a guest: test.extend({ world: 'guest' }) or VNET_WORLD=guest does"

/** The lab of one test, and the facts that are read from it before it ends. */
class TestLab {
  readonly #context: LabContext
  readonly #seed: number
  /** The number of errors of the run in the other world, or of earlier tries. */
  readonly #earlier: number
  #lab: Lab | undefined
  #inWorld = ''
  #captures: readonly string[] = []
  #missed: readonly string[] = []
  #drops: Promise<readonly string[]> | undefined
  /** In memory for lack of rights: a program needs them. */
  #refused: Error | undefined

  constructor(context: LabContext) {
    const { task, signal } = context
    this.#context = context
    this.#seed = seedFor(task.fullTestName ?? task.name)
    this.#earlier = task.result?.errors?.length ?? 0
    // Before the lab hears of it, and ends. After a timeout the test's hooks run first.
    signal?.addEventListener('abort', () => this.#keep(), { once: true })
  }

  async run(use: (lab: Lab) => Promise<void>): Promise<void> {
    const { task } = this.#context
    const started = await this.#start()
    this.#lab = started
    Object.assign(task.meta ?? {}, { world: started.world })
    try {
      await use(started)
      if (this.#error !== undefined && this.#drops === undefined && !this.#isLeftOut) {
        this.#keep()
      }
    } finally {
      // As long as its test may take, as vitest sets no limit.
      const limit = Math.max(task.timeout ?? 0, LEAST_LIMIT_MS)
      await closeWithin(started, Math.min(limit, MOST_LIMIT_MS))
    }
    if (this.#error !== undefined && this.#isLeftOut) {
      this.#pass()
    }
    await this.#report(started.world)
  }

  #start(): Promise<Lab> {
    const { task, signal, world: given } = this.#context
    const world = given ?? (inBoth ? BOTH[task.result?.repeatCount ?? 0] : wantedWorld(undefined))
    if (world === 'guest' && !isInGuest()) throw new UsageError(GIVEN_LATE)
    const options = {
      name: labName(task.name),
      seed: this.#seed,
      ...(world && { world }),
      ...(signal && { signal }),
    }
    const onRefused = (why: Error) => {
      if (why instanceof LabUnavailableError) {
        this.#skip(why)
      }
      this.#refused = why
    }
    return createLabWith(options, { onRefused }).catch(error => this.#skip(error))
  }

  #skip(error: unknown): never {
    // A test that has failed in memory does not become one that was skipped.
    if (this.#earlier > 0) throw error
    return this.#context.skip(reasonToSkip(error))
  }

  /** Keeps what only a lab that has not ended knows. */
  #keep(): void {
    const lab = this.#lab
    if (lab !== undefined) {
      this.#inWorld = worldLine(lab, this.#context.signal?.aborted === true)
    }
    this.#captures = lab?.keepCaptures() ?? []
    this.#missed = lab?.missedFaults ?? []
    // A link may be closed meanwhile.
    this.#drops = lab?.drops().catch(() => [])
  }

  get #error(): TestError | undefined {
    return this.#context.task.result?.errors?.[this.#earlier]
  }

  /** Whether a failure in memory is for lack of a kernel, where the test runs next. */
  get #isLeftOut(): boolean {
    const { signal, world } = this.#context
    return inBoth && world === undefined && this.#refused !== undefined && !signal?.aborted
  }

  #pass(): void {
    const { task } = this.#context
    const errors = task.result?.errors?.slice(0, this.#earlier)
    Object.assign(task.result ?? {}, { state: 'pass', errors })
    console.error(`vnet: ${task.name}: not tried in memory: ${this.#refused?.message}`)
  }

  /** Adds to the error of the test what the lab knows about it. */
  async #report(world: WorldName): Promise<void> {
    addMissed(this.#error, this.#missed)
    addDrops(this.#error, (await this.#drops) ?? [], this.#seed)
    if (inBoth || world === 'memory') {
      addLines(this.#error, [this.#inWorld])
    }
    if (process.env[GUEST_TESTS] !== undefined) {
      Object.assign(this.#context.task.meta ?? {}, { captures: this.#captures })
      return
    }
    for (const path of this.#captures) {
      console.error(`vnet: captured in ${path}`)
    }
  }
}

const FIXTURES = {
  // biome-ignore lint/correctness/noEmptyPattern: vitest reads the names of fixtures from it.
  world: async ({}, use: (world: WorldName | undefined) => Promise<void>) => use(undefined),
  lab: async (
    { task, signal, skip, world }: LabContext,
    use: (lab: Lab) => Promise<void>,
  ): Promise<void> => new TestLab({ task, signal, skip, world }).run(use),
}

/**
 * Defines a test, `test.explore`, or `test.explore(name, options, scenario)` with the options of
 * explore.
 */
export interface ExploreTest {
  /**
   * A test that explores a scenario, and fails with the failures that explore prints. Its timeout
   * is made from `budget`; without a budget it has none, because each run has its own. Runs in
   * memory, and in the kernel if the scenario starts programs. Then it is skipped like other tests
   * on a machine that cannot make labs.
   */
  (name: string, scenario: LabScenario | string | URL): void
  (name: string, options: ExploreOptions, scenario: LabScenario | string | URL): void
}

/** The most runs one after the other that are outside the budget: clean ones, and a last point. */
const RUNS_BESIDE = 10
/** Milliseconds for such a run unless the options say it. A clean run may take as long. */
const RUN_MS = 30_000

/** Returns test.explore, which defines its tests with vitest's test. */
function exploreTest(base: Vitest.TestAPI): ExploreTest {
  return (
    name: string,
    ...given: [LabScenario | string | URL] | [ExploreOptions, LabScenario | string | URL]
  ): void => {
    const [options, scenario] = given.length === 1 ? [{}, given[0]] : given
    base(name, { timeout: exploreLimit(options) }, context =>
      exploreIn(context, name, options, scenario),
    )
  }
}

/** Explores a scenario in a test. Throws an error with the report if the scenario fails. */
async function exploreIn(
  { signal, skip }: Pick<LabContext, 'signal' | 'skip'>,
  name: string,
  options: ExploreOptions,
  scenario: LabScenario | string | URL,
): Promise<void> {
  const signals = [signal, options.signal].filter(each => each !== undefined)
  const inWorld = async (world: WorldName | undefined) => {
    // A module would report the lack of rights as a failed run.
    if (world === 'kernel') {
      await createLab({ world }).then(lab => lab.close())
    }
    return explore(scenario, {
      ...options,
      ...(world && { world }),
      signal: AbortSignal.any(signals),
    })
  }
  const inKernel = () => inWorld('kernel').catch(reason => skip(reasonToSkip(reason)))
  const wanted = exploredWorld(options.world)
  let report = wanted === 'kernel' ? await inKernel() : await inWorld(wanted ?? 'memory')
  if (wanted === undefined && report.needsKernel) {
    report = await inKernel()
  }
  const skipped = report.count('skipped')
  if (skipped > 0) {
    console.error(`vnet: ${name}: ${skipped} of ${report.size} faults were not tried`)
  }
  if (report.passed) return
  const error = new Error(String(report))
  // The place in this file says nothing.
  error.stack = error.message
  throw error
}

/** Returns the timeout of a test in ms; 0 means no limit. */
function exploreLimit({ budget, timeout }: ExploreOptions): number {
  if (budget === undefined) return 0
  const run = timeout === undefined ? RUN_MS : durationOf(timeout) / NSEC_PER_MSEC
  return durationOf(budget) / NSEC_PER_MSEC + RUNS_BESIDE * run
}

type AnyFunction = (...args: unknown[]) => unknown

/** Makes tests that an API of vitest defines run twice: `test`, `test.only`, `test.each(...)`. */
function repeated<T extends object>(api: T): T {
  const wrapped = (value: unknown) => (typeof value === 'function' ? repeated(value) : value)
  return new Proxy(api, {
    get: (target, key) =>
      key === 'extend' ? Reflect.get(target, key) : wrapped(Reflect.get(target, key)),
    apply: (target, self, args: unknown[]) => {
      const at = args.findIndex(each => typeof each === 'function')
      if (at !== 1 && at !== 2) return wrapped(Reflect.apply(target as AnyFunction, self, args))
      const after = typeof args[2] === 'number' ? { timeout: args[2] } : {}
      const options = at === 2 ? args[1] : after
      return Reflect.apply(target as AnyFunction, self, [
        args[0],
        { repeats: 1, ...(options as object) },
        args[at],
      ])
    },
  })
}

/**
 * Returns vitest's test with the fixtures `lab` and `world`, and with test.explore. Adds toHaveHit
 * to its expect. `suiteModule` loads a module that vitest before 4.1 has.
 */
export async function labTest(
  vitest: typeof Vitest,
  suiteModule: () => Promise<SuiteModule>,
): Promise<Vitest.TestAPI<LabFixtures> & { readonly explore: ExploreTest }> {
  vitest.expect.extend(MATCHERS)
  const withLab = vitest.test.extend<LabFixtures>(FIXTURES as never)
  const test = inBoth ? repeated(withLab) : byWorld(withLab, await suitesOf(vitest, suiteModule))
  return Object.assign(test, { explore: exploreTest(vitest.test) })
}
