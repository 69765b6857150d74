import { SkbError, stackFrame } from '../skb/error.ts'
import { printableLines } from './printable.ts'

/** Where our own code is: src/ or dist/. */
const OWN = decodeURIComponent(new URL('../', import.meta.url).pathname)

/**
 * One line for an exception: its message and the place in the driver's source where it was thrown, or where the driver called
 * what threw it; the program's own place when no driver was there. Never throws itself, whatever was thrown: a driver may
 * throw anything.
 */
export function describeException(error: unknown): string {
  try {
    return printableLines(error instanceof Error ? describeError(error) : String(error))
  } catch {
    return 'an exception that cannot be told'
  }
}

function describeError(error: Error): string {
  // It names the driver's line itself.
  if (error instanceof SkbError && error.caller !== undefined) return `${error.name}: ${error.message}`
  const place = placeOf(String(error.stack).split('\n'))
  return `${error.name}: ${error.message}${place === undefined ? '' : ` (at ${place})`}`
}

function placeOf(lines: readonly string[]): string | undefined {
  // What did not get as far as to run has its place first: an import of what there is not, TypeScript that is not stripped.
  if (/^(file:\/\/)?\/.*:\d+$/.test(lines[0])) return lines[0]
  const frames = lines.map(stackFrame).filter(frame => frame !== undefined)
  return frames.find(frame => !frame.includes(OWN) && !frame.includes('/node_modules/')) ?? frames[0]
}
