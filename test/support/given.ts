/** The options of a command of which `some` are on the command line: the others have no key. */
export function given<Options extends object>(some: Partial<NoInfer<Options>>): Options {
  return some as Options
}
