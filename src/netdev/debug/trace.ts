/** The place of an event: a stack that is captured cheaply and read only for a finding. */
import { isOwn, OWN, stackFrame } from '../../base/exception.ts'

/** vnet's own drivers are drivers like any other. */
const OWN_DRIVERS = `${OWN}drivers/`
const OWN_DEBUG = `${OWN}netdev/debug/`
/** Deep enough to pass the framework's own frames. */
const DEPTH = 24

/** V8 formats `stack` when it is first read. */
export type Trace = Readonly<{ stack: string }>

/** Captures the stack. Does not change the limit for other stacks. */
export function trace(depth: number = DEPTH): Trace {
  const { stackTraceLimit } = Error
  Error.stackTraceLimit = depth
  const captured = {} as { stack: string }
  Error.captureStackTrace(captured, trace)
  Error.stackTraceLimit = stackTraceLimit
  return captured
}

/** Returns the innermost place in a driver's code, as `/my-driver.js:12`; undefined if none is. */
export function driverPlace(at: Trace | undefined): string | undefined {
  const frame = at && framesOf(at).find(isDrivers)
  return frame?.replace(/^.*? \((.*)\)$/, '$1').replace(/:\d+$/, '')
}

/** Returns true if the innermost function outside this folder belongs to a driver. */
export function isInDriver(at: Trace): boolean {
  const [first] = framesOf(at)
  return first !== undefined && isDrivers(first)
}

/** Returns the name of the innermost function if a driver called it, undefined if not. */
export function calledByDriver(at: Trace): string | undefined {
  const [callee, caller] = framesOf(at)
  if (callee === undefined || caller === undefined || isDrivers(callee) || !isDrivers(caller)) {
    return undefined
  }
  return /^(?:\w+\.)*(\w+) \(/.exec(callee)?.[1]
}

/** Returns the functions of a stack that have a place, without the functions of this folder. */
function framesOf({ stack }: Trace): string[] {
  return stack
    .split('\n')
    .map(stackFrame)
    .filter(frame => frame !== undefined)
    .filter(frame => !frame.includes(OWN_DEBUG))
}

function isDrivers(frame: string): boolean {
  return isOwn(frame) ? frame.includes(OWN_DRIVERS) : !frame.includes('/node_modules/')
}
