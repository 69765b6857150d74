/** The messages between the tests of a file here and their run in a guest. */
import type { TestError } from '../network/fixture.ts'

/** The variable in a guest with the ids of the tests to run there. */
export const GUEST_TESTS = 'VNET_GUEST_TESTS'

/** The order for the run in the guest. */
export interface Order {
  readonly file: string
  /** The ids of the tests to run. */
  readonly tests: readonly string[]
  /** The arguments of this run of vitest. */
  readonly words: readonly string[]
  /** '' for the only one. */
  readonly project: string
}

/** The result of one test in the guest. The test of the same id outside takes it as its own. */
export interface GuestResult {
  readonly id: string
  readonly state: 'passed' | 'failed' | 'skipped'
  /** The reason for which it was skipped. */
  readonly note?: string
  readonly errors: readonly TestError[]
  /** The captures that the test has kept: the path of each file, and its content in base64. */
  readonly captures: readonly { readonly name: string; readonly content: string }[]
}

/** The output on the console. */
export type GuestLog = Readonly<{ type: 'stdout' | 'stderr'; content: string }>

/** A line that comes out of the guest. The last one has the errors of no test. */
export type GuestRecord = GuestResult | GuestLog | { readonly unhandled: readonly TestError[] }

/** The parts of errors that vitest prints. */
const SHOWN = [
  'name',
  'message',
  'stack',
  'stackStr',
  'diff',
  'actual',
  'expected',
  'operator',
] as const

/** Returns a copy of an error, as vitest's processes send them to each other. */
export function plain(error: TestError): TestError {
  const { cause, ...parts } = { cause: undefined, ...error } as { cause?: unknown }
  const values = { ...parts, message: error.message, stack: error.stack } as Record<string, unknown>
  const shown = SHOWN.map(key => [key, values[key]] as const).filter(
    ([, value]) => typeof value === 'string',
  )
  const isError = typeof cause === 'object' && cause !== null
  return Object.fromEntries(isError ? [...shown, ['cause', plain(cause)]] : shown)
}
