/** Runs the tests of a file in a guest, and reports their results here. */
import { Buffer } from 'node:buffer'
import { readFileSync, realpathSync } from 'node:fs'
import { createRequire } from 'node:module'
import { basename, dirname, join } from 'node:path'
import { StringDecoder } from 'node:string_decoder'
import { fileURLToPath } from 'node:url'
import { isMainThread } from 'node:worker_threads'
import { attempt } from 'vnet'
import { makeTemporaryDirectory, writeFile } from 'vnet/kit/linux'
import { builtModule } from '../model/built-module.ts'
import { LabUnavailableError } from '../model/rights.ts'
import { reasonToSkip, type TestError } from '../network/fixture.ts'
import { type GuestRecord, type GuestResult, type Order, plain } from './guest-protocol.ts'

/** The parts of vitest's files and tests that are used here. */
type GuestFile = Readonly<{ filepath: string; projectName?: string | undefined }>
interface GuestTest {
  readonly id: string
  readonly meta: object
  result?: object
}

/** Variables of a test that the guest has, too. */
const PASSED_ON = /^(VNET_(?!GUEST)\w+|CI|TZ)$/
/** Characters of the guest's standard error in a message. */
const TAIL = 2000

/** Sets the results of tests of a file to their results in a guest. */
export async function takeGuestResults(
  file: GuestFile,
  tests: readonly GuestTest[],
): Promise<void> {
  const waiting = new Map(tests.map(test => [test.id, test]))
  let errors: readonly TestError[] = []
  let tail = ''
  let start = performance.now()
  const set = (test: GuestTest, result: object) => {
    test.result = { ...result, duration: performance.now() - start }
    start = performance.now()
    waiting.delete(test.id)
  }
  const take = (record: GuestRecord) => {
    if ('unhandled' in record) {
      errors = record.unhandled
    } else if ('content' in record) {
      console[record.type === 'stderr' ? 'error' : 'log'](record.content.replace(/\n$/, ''))
    } else {
      const test = waiting.get(record.id)
      if (test === undefined) return
      Object.assign(test.meta, { world: 'guest' })
      set(test, resultOf(record))
      keepCaptures(record)
    }
  }
  const readOut = lines(line => {
    const record = recordOf(line)
    if (record !== undefined) {
      take(record)
    }
  })
  const decoders = { out: new StringDecoder(), err: new StringDecoder() }
  const end = await runFile(file, [...waiting.keys()], (stream, bytes) => {
    const text = decoders[stream].write(bytes)
    if (stream === 'out') {
      readOut(text)
    } else {
      tail = `${tail}${text}`.slice(-TAIL)
    }
  }).then(
    () =>
      new Error(
        `the guest has not run this test: ${tail.trim().split('\n').at(-1) || 'it is not in its run'}`,
      ),
    error => error as Error,
  )
  for (const test of waiting.values()) {
    set(test, attempt(() => skippedBy(end)) ?? failed(errors.length > 0 ? errors : [plain(end)]))
  }
}

const failed = (errors: readonly TestError[]) => ({ state: 'fail', errors })

/** Returns the result of tests if no guest can run. Throws an error of another kind. */
function skippedBy(error: Error) {
  const isSetup = error.name === 'GuestSetupError'
  return skipped(reasonToSkip(isSetup ? new LabUnavailableError(error.message) : error))
}

const skipped = (note: string | undefined) => ({ state: 'skip', pending: true, note })

function resultOf({ state, note, errors }: GuestResult) {
  if (state === 'skipped') return skipped(note)
  return state === 'passed' ? { state: 'pass' } : failed(errors)
}

/** Runs the tests of a file in a guest, to the end. */
async function runFile(
  { filepath, projectName = '' }: GuestFile,
  tests: readonly string[],
  onOutput: (stream: 'out' | 'err', text: Buffer) => void,
): Promise<void> {
  const { runInGuest } = await import('@vnet/guest/kit')
  const vitest = vitestPath()
  const order: Order = { file: filepath, tests, words: vitestWords(), project: projectName }
  const script = fileURLToPath(builtModule('./guest-tests-main.ts', import.meta.url))
  // Output of vitest and of the tests' programs must not mix with results.
  const command = ['sh', '-c', 'exec 3>&1 1>&2; exec "$@"', 'sh', process.execPath, script]
  const variables = Object.entries(process.env).filter(([name]) => PASSED_ON.test(name)) as [
    string,
    string,
  ][]
  const seed = Number(process.env.VNET_SEED)
  const { lost, failures } = await runInGuest([...command, vitest, JSON.stringify(order)], {
    directory: commonDirectory(realpathSync(process.cwd()), dirname(vitest)),
    env: Object.fromEntries(variables),
    ...(Number.isSafeInteger(seed) && seed > 0 && { seed }),
    onOutput,
    onMessage: line => console.error(`vnet: ${line}`),
  })
  for (const line of failures) {
    console.error(`vnet: ${line}`)
  }
  if (lost > 0) {
    throw new Error(`${lost} bytes of results and files are lost: a guest has 1 GiB for them`)
  }
}

/** Reads a line of the guest. Returns undefined if it is not a JSON object. */
function recordOf(line: string): GuestRecord | undefined {
  const record = attempt(() => JSON.parse(line))
  return typeof record === 'object' && record !== null ? record : undefined
}

/** Calls `take` with each line of a text that arrives in parts. */
function lines(take: (line: string) => void): (text: string) => void {
  let rest = ''
  return text => {
    const whole = `${rest}${text}`.split('\n')
    rest = whole.pop() ?? ''
    for (const line of whole) {
      take(line)
    }
  }
}

function keepCaptures({ captures }: GuestResult): void {
  if (captures.length === 0) return
  const directory = makeTemporaryDirectory('vnet-captures-')
  for (const { name, content } of captures) {
    const path = join(directory, basename(name))
    writeFile(path, Buffer.from(content, 'base64'))
    console.error(`vnet: captured in ${path}`)
  }
}

/** Returns the path of vitest's module for programs, in the project or beside this package. */
function vitestPath(): string {
  for (const place of [join(process.cwd(), 'package.json'), import.meta.filename]) {
    const found = attempt(() => createRequire(place).resolve('vitest/package.json'))
    if (found !== undefined) return join(realpathSync(dirname(found)), 'dist/node.js')
  }
  throw new Error("world 'guest': no vitest in the directories above this one")
}

/** Returns the arguments of vitest: its main process is this process or the parent. */
function vitestWords(): readonly string[] {
  const pid = isMainThread ? process.ppid : process.pid
  const words =
    attempt(() => readFileSync(`/proc/${pid}/cmdline`, 'utf8'))
      ?.split('\0')
      .slice(0, -1) ?? []
  const at = words.findIndex(word => /\bvitest(\.mjs)?$/.test(word))
  return at === -1 ? [] : words.slice(at + 1)
}

function commonDirectory(one: string, other: string): string {
  return `${other}/`.startsWith(`${one}/`) || one === '/'
    ? one
    : commonDirectory(dirname(one), other)
}
