/**
 * Runs the tests of one file with vitest in a guest, and writes a line of JSON for each result and
 * each output of a test to file descriptor 3. Arguments: the path of vitest, and an Order.
 */
import { writeSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import type { GuestRecord, Order } from './guest-tests.ts'

/** Tests that set no timeout of their own wait for timers of hours. ms. */
const TEST_TIMEOUT_MS = 24 * 3600 * 1000
const RESULTS = 3

const [, , vitest = '', text = '{}'] = process.argv
const { file, words, project, pattern } = JSON.parse(text) as Order

const write = (record: GuestRecord) => writeSync(RESULTS, `${JSON.stringify(record)}\n`)

interface Failure {
  readonly name?: string
  readonly message: string
  readonly stack?: string
}

/** The parts of errors that vitest prints. */
const plain = (errors: readonly Failure[] = []) =>
  errors.map(error => {
    const shown = ['name', 'message', 'stack', 'diff', 'actual', 'expected', 'operator'] as const
    const entries = shown.map(key => [key, (error as unknown as Record<string, unknown>)[key]])
    return Object.fromEntries(entries.filter(([, value]) => typeof value === 'string')) as Failure
  })

interface TestCase {
  readonly id: string
  result(): { state: 'passed' | 'failed' | 'skipped' | 'pending'; note?: string; errors?: readonly Failure[] }
}

const reporter = {
  onTestCaseResult(test: TestCase) {
    const { state, note, errors } = test.result()
    if (state !== 'pending') write({ id: test.id, state, ...(note !== undefined && { note }), errors: plain(errors) })
  },
  onUserConsoleLog({ taskId, type, content }: { taskId?: string; type: 'stdout' | 'stderr'; content: string }) {
    write({ id: taskId ?? '', type, content })
  },
  onTestRunEnd(modules: readonly { errors(): readonly Failure[] }[], unhandled: readonly Failure[]) {
    write({ unhandled: plain([...modules.flatMap(each => each.errors()), ...unhandled]) })
  },
}

const { parseCLI, startVitest } = await import(pathToFileURL(vitest).href)
const { options } = parseCLI(['vitest', ...words], { allowUnknownOptions: true })
await startVitest(
  'test',
  [file],
  {
    ...options,
    watch: false,
    run: true,
    ui: false,
    coverage: { enabled: false },
    reporters: [reporter],
    outputFile: undefined,
    testTimeout: TEST_TIMEOUT_MS,
    ...(project !== '' && { project: [project] }),
    ...(pattern !== undefined && { testNamePattern: pattern }),
  },
  // What vitest remembers about its runs is of no use here.
  { cacheDir: '/tmp/vite' },
)
