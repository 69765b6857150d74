/** Exceptions as text, with the line of the driver that threw them or called vnet. */
import { attempt, explain, failedCall, VnetError } from './errno.ts'
import { printableLines } from './printable.ts'
import { UsageError } from './usage-error.ts'

/**
 * Returns one line for an exception: its message, and the line of the driver's source that threw it
 * or called the code that threw it. If no driver was involved, it is vnet's own line, which a call
 * that the system refused does not need. Never throws: a driver may throw anything.
 */
export function describeException(error: unknown): string {
  const describe = () => {
    const lines = causesOf(error).map(each =>
      each instanceof Error ? describeError(each) : String(each),
    )
    return printableLines(lines.join('; then '))
  }
  return attempt(describe) ?? 'an exception without a description'
}

/**
 * Returns the errors of a block with `using` in the order in which they were thrown: a
 * SuppressedError has one of the block and one of a disposal. Any other error is returned alone.
 */
export function causesOf(error: unknown): readonly unknown[] {
  if (!(error instanceof Error && error.name === 'SuppressedError')) return [error]
  const { error: later, suppressed } = error as Error & {
    readonly error?: unknown
    readonly suppressed?: unknown
  }
  return [...causesOf(suppressed), ...causesOf(later)]
}

/** Returns the message of an error that a user may cause, and describes any other exception. */
export function messageOrDescription(error: unknown): string {
  if (error instanceof VnetError) return explain(error)
  return error instanceof UsageError ? error.message : describeException(error)
}

/** Returns true if only vnet's own code was involved in an exception, not the system's refusal. */
export function isOwnDefect(error: unknown): boolean {
  const isVnets = () => {
    if (!(error instanceof Error) || error instanceof VnetError) return false
    const place = placeOf(String(error.stack).split('\n'))
    return place !== undefined && isOwn(place)
  }
  return attempt(isVnets) ?? false
}

/**
 * Returns true if an exception left a callback of a driver, or of a package, that Node called: of a
 * socket or a timer. The outermost file of its stack is not vnet's, so no work of vnet was
 * interrupted. Returns false if that is unknown, because the stack is missing or cut off.
 */
export function isOfCallback(error: unknown): boolean {
  const stack = attempt(() => (error instanceof Error ? String(error.stack) : '')) ?? ''
  const lines = stack.split('\n').filter(line => line.startsWith('    at '))
  const frames = lines.map(stackFrame).filter(frame => frame !== undefined)
  const outermost = frames.at(-1)
  const isWhole = lines.length < Error.stackTraceLimit
  return isWhole && outermost !== undefined && !isOwn(outermost) && frames.some(isDriverFile)
}

function describeError(error: Error): string {
  // The message names the driver's line already.
  if ((error as { caller?: unknown }).caller !== undefined) return `${error.name}: ${error.message}`
  const place = placeOf(String(error.stack).split('\n'))
  const { code, syscall } = error as NodeJS.ErrnoException
  const isSystems = failedCall(error) !== undefined
  // The error text of a refusal by the system, or of a module that is not found, has its own place.
  const isExplained = isSystems || syscall !== undefined || code === 'ERR_MODULE_NOT_FOUND'
  const isShown = place !== undefined && !(isExplained && !isDrivers(place))
  const [, importer = ''] =
    (code === 'ERR_MODULE_NOT_FOUND' && / imported from (.*)/.exec(error.message)) || []
  // With too few descriptors, Node takes a package for missing if it cannot open its files.
  if (isOwn(importer) || OF_PACKAGES.test(importer)) {
    return `${error.message}; raise ulimit -n, or install vnet again`
  }
  const isNodes = isSystems && !(error instanceof VnetError)
  return `${isNodes ? explain(error) : `${error.name}: ${error.message}`}${isShown ? ` (at ${place})` : ''}`
}

function placeOf(lines: readonly string[]): string | undefined {
  // The stack of a module that could not be loaded starts with its place: it has a missing import,
  // or TypeScript that cannot be stripped.
  if (/^(file:\/\/)?\/.*:\d+$/.test(lines[0])) return lines[0]
  return driverFrame(lines)
}

export type Fn = ((...args: never[]) => unknown) | (abstract new (...args: never[]) => unknown)

const FOLDER = new URL('../', import.meta.url)
/** The path of vnet's own code: src/ or dist/; in a browser, the URL of its folder. */
export const OWN = FOLDER.protocol === 'file:' ? decodeURIComponent(FOLDER.pathname) : FOLDER.href

/** Code of vnet's packages, in a clone, installed or in a bundle of the site, and of exercises. */
const OF_PACKAGES =
  /\/(packages|node_modules\/@vnet)\/[a-z-]+\/(src\/|dist\/|course\/[\w-]+\/exercise\.js)|^(.* \()?https?:/

/** Returns which function and line called `fn`, preferably a driver's: `by f (/my.js:12:7)`. */
export function callerOf(fn: Fn): string | undefined {
  const frame = driverFrame(linesOf(traceOf(fn)))
  if (frame === undefined) return undefined
  return frame.endsWith(')') ? `by ${frame}` : `at ${frame}`
}

/** A captured stack. Its text is written when it is read, which takes most of the time. */
export type Trace = Readonly<{ stack?: unknown }>

/** Captures the stack above the call of `fn`. */
export function traceOf(fn: Fn): Trace {
  const trace: Trace = {}
  Error.captureStackTrace(trace, fn)
  return trace
}

const linesOf = ({ stack }: Trace): string[] => String(stack).split('\n')

/** Returns the source line of a trace, vnet's own or a driver's, as `/my-driver.js:12`. */
export function lineOf(trace: Trace): string | undefined {
  const frame = linesOf(trace)
    .map(stackFrame)
    .find(found => found !== undefined)
  return /^(?:.* \()?(\/.+:\d+):\d+\)?$/.exec(frame ?? '')?.[1]
}

/** Returns the innermost place of a stack outside of vnet and packages; else the innermost. */
export function driverFrame(stack: readonly string[]): string | undefined {
  const frames = stack.map(stackFrame).filter(frame => frame !== undefined)
  return frames.find(isDrivers) ?? frames[0]
}

/** A driver is a file: code of --import=data: is a part of the program. */
const isDriverFile = (frame: string): boolean => isDrivers(frame) && !frame.includes('data:')

function isDrivers(frame: string): boolean {
  return !isOwn(frame) && !frame.includes('/node_modules/') && !OF_PACKAGES.test(frame)
}

/** Whether a place that `stackFrame` returned is in vnet's own code. */
export const isOwn = (frame: string): boolean => frame.includes(OWN)

/** The last name of `async*init/startXmit@URL:12:7`, a line of SpiderMonkey or JavaScriptCore. */
const OTHER_ENGINES = /^(?:[^@]*[*/])?([^@]*)@((?:blob:|https?:|file:).+:\d+:\d+)$/

/** Parses a line of a stack into `startXmit (/my-driver.js:12:7)`; undefined without a file. */
export function stackFrame(line: string): string | undefined {
  const named = /^\s+at (?:async )?(.+?) \((.+:\d+:\d+)\)$/.exec(line) ?? OTHER_ENGINES.exec(line)
  const place = named?.[2] ?? /^\s+at (?:async )?(.+:\d+:\d+)$/.exec(line)?.[1]
  if (place === undefined || place.startsWith('node:') || place.includes('<anonymous>')) {
    return undefined
  }
  const name = functionName(named?.[1])
  return name === undefined ? pathOf(place) : `${name} (${pathOf(place)})`
}

/** startXmit for `Object.startXmit [as ndoStartXmit]`; undefined without a name. */
function functionName(text: string | undefined): string | undefined {
  const name = text?.replace(/ \[as [^\]]*\]$/, '').replace(/^Object\./, '')
  return /^$|<(anonymous>)?$/.test(name ?? '') ? undefined : name
}

/** Turns the URL of an ES module into a path; a driver in a browser has it in the fragment. */
function pathOf(place: string): string {
  const [, found] = /^(?:file:\/\/|blob:[^#]*#)(\/.*)$/.exec(place) ?? []
  if (found === undefined) return place
  const path = found.replace(/[?#].*(?=:\d+:\d+$)/, '')
  return attempt(() => decodeURIComponent(path)) ?? path
}
