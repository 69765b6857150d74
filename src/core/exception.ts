/**
 * One line for an exception: its message and the place in the program's or driver's source where it was thrown. Never throws
 * itself, whatever was thrown: a driver may throw anything.
 */
export function describeException(error: unknown): string {
  try {
    return error instanceof Error ? describeError(error) : String(error)
  } catch {
    return 'an exception that cannot be told'
  }
}

function describeError(error: Error): string {
  const frame = String(error.stack)
    .split('\n')
    .find(line => /^\s+at /.test(line) && !line.includes('node:'))
    ?.trim()
    .replace(/^at /, '')
  return `${error.name}: ${error.message}${frame === undefined ? '' : ` (at ${frame})`}`
}
