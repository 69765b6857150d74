/** One line for an exception: its message and the place in the program's or driver's source where it was thrown. */
export function describeException(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const frame = error.stack
    ?.split('\n')
    .find(line => /^\s+at /.test(line) && !line.includes('node:'))
    ?.trim()
    .replace(/^at /, '')
  return `${error.name}: ${error.message}${frame === undefined ? '' : ` (at ${frame})`}`
}
