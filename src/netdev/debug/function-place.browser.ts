/** What function-place.node.ts is in a browser, where a program has no debugger. */

/** The texts of the drivers, by their files. */
const texts = new Map<string, string>()

/** Lets functions of a driver be found by its text. */
export function addDriverText(file: string, text: string): void {
  texts.set(file, text)
}

/** Returns the file and line of a function; of the first one, if several have the same text. */
export function functionPlace(fn: unknown): string | undefined {
  if (typeof fn !== 'function') return undefined
  const code = Function.prototype.toString.call(fn)
  for (const [file, text] of texts) {
    const at = text.indexOf(code)
    if (at >= 0) return `${file}:${text.slice(0, at).split('\n').length}`
  }
  return undefined
}
