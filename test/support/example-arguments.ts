/**
 * Returns the arguments of `vnet` in a command line of its help, such as `a | vnet test-from -`.
 * A quoted text is one argument. Quotes inside of a word, as in `--a='b c'`, are not supported.
 */
export function exampleArguments(line: string): string[] {
  const words = [...line.matchAll(/'([^']*)'|"([^"]*)"|([^\s'"<>()|]+)|(\|)/g)].map(
    ([, single, double, plain, pipe]) => single ?? double ?? plain ?? pipe ?? '',
  )
  const given = words.slice(words.indexOf('vnet') + 1)
  const end = given.indexOf('|')
  return end < 0 ? given : given.slice(0, end)
}
