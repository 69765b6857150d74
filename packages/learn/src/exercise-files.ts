/** The files of an exercise's folder besides its page and driver, and the driver's imports. */
import options from './compiler-options.json' with { type: 'json' }

/** Makes the driver an ES module. `noted` is the exercise's directory, unless it is vnet's own. */
export function packageJson(noted?: string): string {
  const where = noted === undefined ? '' : `, "vnet": { "exercise": ${JSON.stringify(noted)} }`
  return `{ "private": true, "type": "module"${where} }\n`
}

/** Lets an editor check types. `paths`: the declarations of packages that are not installed. */
export function jsconfig(paths?: Readonly<Record<string, readonly string[]>>): string {
  return `${JSON.stringify({ compilerOptions: { ...options, paths }, include: ['*.js'] }, null, 2)}\n`
}

export const OURS = /^vnet(\/(drivers|pci))?$/

/** The message about any other import; `from` is empty or the importing file. */
export function refusedImport(from: string, specifier: string): string {
  return `${from && `${from} imports `}'${specifier}': a driver of an exercise imports 'vnet', 'vnet/drivers', 'vnet/pci' and its own modules`
}
