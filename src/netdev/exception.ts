import { driverFrame, SkbError } from '../skb/error.ts'
import { printableLines } from './printable.ts'

/**
 * Returns one line for an exception: its message, and the line of the driver's source that threw it
 * or called what threw it; vnet's own line if no driver was involved. Never throws: a driver may
 * throw anything.
 */
export function describeException(error: unknown): string {
  try {
    return printableLines(error instanceof Error ? describeError(error) : String(error))
  } catch {
    return 'an exception without a description'
  }
}

function describeError(error: Error): string {
  // The message names the driver's line already.
  if (error instanceof SkbError && error.caller !== undefined) return `${error.name}: ${error.message}`
  const place = placeOf(String(error.stack).split('\n'))
  return `${error.name}: ${error.message}${place === undefined ? '' : ` (at ${place})`}`
}

function placeOf(lines: readonly string[]): string | undefined {
  // The stack of a module that could not be loaded begins with its place: a missing import,
  // TypeScript that is not stripped.
  if (/^(file:\/\/)?\/.*:\d+$/.test(lines[0])) return lines[0]
  return driverFrame(lines)
}
