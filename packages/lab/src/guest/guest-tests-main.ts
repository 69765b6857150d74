/**
 * Runs tests of one file with vitest in a guest, and writes a line of JSON for each result and for
 * what goes to the console to file descriptor 3. Arguments: the path of vitest, and an Order.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import type { TestError } from '../network/fixture.ts'
import { GUEST_TESTS, type GuestRecord, type Order, plain } from './guest-protocol.ts'

/**
 * Timeout in milliseconds of tests and hooks that set none: the longest of a timer, 24 days. In
 * virtual time, a test that waits in vain reaches it after some seconds.
 */
const USUAL_TIMEOUT_MS = 2 ** 31 - 1
const RESULTS = 3
const [, , vitest = '', text = '{}'] = process.argv
const { file, tests, words, project } = JSON.parse(text) as Order

const write = (record: GuestRecord) => writeFileSync(RESULTS, `${JSON.stringify(record)}\n`)

interface TestCase {
  readonly id: string
  meta(): { readonly captures?: readonly string[] }
  result(): {
    state: 'passed' | 'failed' | 'skipped' | 'pending'
    note?: string
    errors?: readonly TestError[]
  }
}

const reporter = {
  onTestCaseResult(test: TestCase) {
    const { state, note, errors = [] } = test.result()
    if (state === 'pending') return
    const kept = (test.meta().captures ?? []).filter(name => existsSync(name))
    const captures = kept.map(name => ({ name, content: readFileSync(name, 'base64') }))
    write({
      id: test.id,
      state,
      ...(note !== undefined && { note }),
      errors: errors.map(plain),
      captures,
    })
  },
  onUserConsoleLog({ type, content }: { type: 'stdout' | 'stderr'; content: string }) {
    write({ type, content })
  },
  onTestRunEnd(
    modules: readonly { errors(): readonly TestError[] }[],
    unhandled: readonly TestError[],
  ) {
    write({ unhandled: [...modules.flatMap(each => each.errors()), ...unhandled].map(plain) })
  },
}

process.env[GUEST_TESTS] = tests.join(' ')
const { parseCLI, startVitest } = await import(pathToFileURL(vitest).href)
const { options } = parseCLI(['vitest', ...words], { allowUnknownOptions: true })
await startVitest(
  'test',
  [file],
  {
    ...options,
    // The ids choose the tests.
    ...{ testNamePattern: undefined, shard: undefined, changed: undefined },
    ...{ watch: false, run: true, ui: false, coverage: { enabled: false } },
    ...{
      reporters: [reporter],
      reporter: undefined,
      outputFile: undefined,
      disableConsoleIntercept: false,
    },
    testTimeout: USUAL_TIMEOUT_MS,
    hookTimeout: USUAL_TIMEOUT_MS,
    ...(project !== '' && { project: [project] }),
  },
  // What vitest remembers about its runs is of no use here.
  { cacheDir: '/tmp/vite' },
)
