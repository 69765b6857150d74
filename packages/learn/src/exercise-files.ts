/** The files that an exercise's folder has besides its page and its driver. */

/** Makes the driver an ES module. `noted` is the exercise's directory, unless it is vnet's own. */
export function packageJson(noted?: string): string {
  const where = noted === undefined ? '' : `, "vnet": { "exercise": ${JSON.stringify(noted)} }`
  return `{ "private": true, "type": "module"${where} }\n`
}

/** Lets an editor check types. `paths`: the declarations of packages that are not installed. */
export function jsconfig(paths?: Readonly<Record<string, readonly string[]>>): string {
  const compilerOptions = {
    checkJs: true,
    strict: true,
    module: 'nodenext',
    target: 'esnext',
    noEmit: true,
    skipLibCheck: true,
    types: [],
    paths,
  }
  return `${JSON.stringify({ compilerOptions, include: ['*.js'] }, null, 2)}\n`
}
