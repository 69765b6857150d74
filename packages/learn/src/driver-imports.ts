/** Modules that the driver of an exercise may import, besides its own. */

export const OURS = /^vnet(\/drivers)?$/

/** The message about any other import; `from` is empty or the importing file. */
export function refusedImport(from: string, specifier: string): string {
  return `${from && `${from} imports `}'${specifier}': a driver of an exercise imports 'vnet', 'vnet/drivers' and its own modules`
}
