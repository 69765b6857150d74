/**
 * The names of modules in other packages: `vnet/built/MODULE`, and `@vnet/lan/built/MODULE`.
 * Compiled packages import what doors export by these names (doors.mjs).
 */

import { sep } from 'node:path'

/**
 * Returns the folder of the package that a specifier names, and the module in its `src` and `dist`,
 * without an extension; undefined for another specifier.
 */
export function builtModule(specifier) {
  const [, name, module] = /^(?:vnet|@vnet\/(\w+))\/built\/(.*)$/.exec(specifier) ?? []
  return module && { folder: name === undefined ? '.' : `packages/${name}`, module }
}

/** Returns a path with the separators of specifiers, which have no backslash on Windows. */
export const slashed = path => path.replaceAll(sep, '/')
