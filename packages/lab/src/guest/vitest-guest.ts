/**
 * Tests of vitest with the world 'guest'. They run in a guest (guest-tests.ts), where the other
 * tests of the file are skipped. Here a hook before the first test of a file sets their results,
 * and they, their fixtures and their hooks do not run.
 */

import type * as Vitest from 'vitest'
import type { RunnerTestCase as Test, TestAPI } from 'vitest'
import { wantedWorld } from '../world/world.ts'
import { GUEST_TESTS } from './guest-protocol.ts'

type Suite = Vitest.RunnerTestSuite | Vitest.RunnerTestFile

export type SuiteModule = typeof import('vitest/suite')

/** The functions of vitest that find the suite of a test, and its hooks. */
type Suites = Pick<SuiteModule, 'getCurrentSuite' | 'getHooks'>

/** Returns these functions of a vitest. */
export async function suitesOf(
  vitest: Partial<typeof Vitest>,
  suiteModule: () => Promise<SuiteModule>,
): Promise<Suites> {
  // Vitest before 4.1 has no such class.
  const { TestRunner } = vitest
  if (TestRunner === undefined) return suiteModule()
  return { getCurrentSuite: TestRunner.getCurrentSuite, getHooks: TestRunner.getSuiteHooks }
}

const chosen = process.env[GUEST_TESTS]?.split(' ')
const guestTests = new WeakSet<object>()
const seen = new WeakSet<object>()

/**
 * Returns an API of vitest with the fixture `world`. Its tests, and the tests of its extensions,
 * run in a guest if that is their world.
 */
export function byWorld<Context>(
  api: TestAPI<Context>,
  suites: Suites,
  world: unknown = wantedWorld(undefined),
): TestAPI<Context> {
  const extend = api.extend as unknown as (...args: unknown[]) => TestAPI<Context>
  const extended = (...args: unknown[]) => {
    const [fixtures, value] = args
    const given = fixtures === 'world' ? value : (fixtures as { readonly world?: unknown }).world
    const own = (Array.isArray(given) ? given[0] : given) ?? world
    return byWorld(extend.apply(api, args), suites, own)
  }
  Object.assign(api, { extend: extended })
  if (world !== 'guest') return api
  // Before the hooks of the file.
  suites.getCurrentSuite().on('beforeAll', file => beforeTests(file, suites))
  return chosen === undefined ? noted(api, suites) : api
}

/** Notes the tests that an API defines: `test`, `test.only`, `test.each(...)`. */
function noted<T extends object>(api: T, suites: Suites): T {
  const wrapped = (value: unknown) => (typeof value === 'function' ? noted(value, suites) : value)
  return new Proxy(api, {
    get: (target, key) =>
      key === 'extend' ? Reflect.get(target, key) : wrapped(Reflect.get(target, key)),
    apply: (target, self, args: unknown[]) => {
      const suite = suites.getCurrentSuite()
      const before = suite.tasks.length
      const made = Reflect.apply(target as (...args: unknown[]) => unknown, self, args)
      for (const task of suite.tasks.slice(before)) {
        guestTests.add(task)
      }
      // An API that another file has made.
      suite.on('beforeAll', file => beforeTests(file, suites))
      return wrapped(made)
    },
  })
}

/** Gives the tests for a guest their results; in the guest, skips the others. */
async function beforeTests(suite: Readonly<Suite>, suites: Suites): Promise<void> {
  const { file } = suite
  if (seen.has(file)) return
  seen.add(file)
  const tests = testsOf(file).filter(isRun)
  const own = tests.filter(test =>
    chosen === undefined ? guestTests.has(test) : !chosen.includes(test.id),
  )
  for (const test of own) {
    test.mode = 'skip'
  }
  silence(file, suites)
  if (chosen !== undefined || own.length === 0) return
  const { takeGuestResults } = await import('./guest-tests.ts')
  await takeGuestResults(file, own)
}

const testsOf = (suite: Suite): Test[] =>
  suite.tasks.flatMap(task => (task.type === 'suite' ? testsOf(task) : [task as Test]))

const isRun = ({ mode }: Pick<Test, 'mode'>): boolean => mode === 'run' || mode === 'queued'

/** Removes the hooks of suites in which no test is left. Returns whether one is. */
function silence(suite: Suite, suites: Suites): boolean {
  const isUsed =
    suite.tasks.filter(task => (task.type === 'suite' ? silence(task, suites) : isRun(task)))
      .length > 0
  const { beforeAll, afterAll } = suites.getHooks(suite)
  if (!isUsed) {
    for (const hooks of [beforeAll, afterAll]) {
      hooks.length = 0
    }
  }
  return isUsed
}
