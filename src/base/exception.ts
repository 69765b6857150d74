import { VnetError } from './errno.ts'
import { printableLines } from './printable.ts'
import { driverFrame, isOwn } from './stack.ts'

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

/**
 * Whether only vnet's own code was involved in what was thrown, so that vnet has a defect. A
 * VnetError is none: it reports what the system refused, and a driver did not catch it.
 */
export function isOwnDefect(error: unknown): boolean {
  try {
    if (!(error instanceof Error) || error instanceof VnetError) return false
    const place = placeOf(String(error.stack).split('\n'))
    return place !== undefined && isOwn(place)
  } catch {
    return false
  }
}

function describeError(error: Error): string {
  // The message names the driver's line already.
  if ((error as { caller?: unknown }).caller !== undefined) return `${error.name}: ${error.message}`
  const place = placeOf(String(error.stack).split('\n'))
  // The text of what the system refused, or of a module that is not found, has its own place.
  const isExplained = error instanceof VnetError || (error as NodeJS.ErrnoException).code === 'ERR_MODULE_NOT_FOUND'
  const isShown = place !== undefined && !(isExplained && isOwn(place))
  return `${error.name}: ${error.message}${isShown ? ` (at ${place})` : ''}`
}

function placeOf(lines: readonly string[]): string | undefined {
  // The stack of a module that could not be loaded begins with its place: a missing import,
  // TypeScript that is not stripped.
  if (/^(file:\/\/)?\/.*:\d+$/.test(lines[0])) return lines[0]
  return driverFrame(lines)
}
