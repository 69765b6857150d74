/** Replaces functions of Node's modules, also for modules that import them by name. */
import { syncBuiltinESMExports } from 'node:module'
import { onTestFinished } from 'vitest'

/** Replaces functions of a module's default export, such as node:fs, until the test ends. */
export function replaceBuiltin<T extends object>(module: T, functions: Partial<T>): void {
  const before = Object.fromEntries(
    Object.keys(functions).map(name => [name, module[name as keyof T]]),
  )
  Object.assign(module, functions)
  syncBuiltinESMExports()
  onTestFinished(() => {
    Object.assign(module, before)
    syncBuiltinESMExports()
  })
}
