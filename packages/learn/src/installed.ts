import { accessSync, constants } from 'node:fs'
import { join } from 'node:path'

/** Returns whether a program is in PATH. */
export function isInstalled(name: string): boolean {
  return (process.env.PATH ?? '').split(':').some(directory => {
    try {
      accessSync(join(directory, name), constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}
