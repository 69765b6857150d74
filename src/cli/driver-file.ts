/** `vnet ./my-driver.js`: a driver from a file of the user's own, in place of a built-in one. */
import { resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { type Driver, UsageError } from '../core/driver.ts'
import { describeException } from '../core/exception.ts'

/** Whether the first argument names a file rather than a command. */
export function isDriverFile(argument: string | undefined): argument is string {
  return argument !== undefined && /^[^-].*\.[cm]?[jt]s$/.test(argument)
}

/** What the file exports as `driver`. Throws a UsageError when it does not load, or exports none. */
export async function loadDriver(file: string): Promise<Driver> {
  let module: { driver?: unknown }
  try {
    module = await import(pathToFileURL(resolve(file)).href)
  } catch (error) {
    throw new UsageError(`${file} does not load: ${describeException(error)}${advice(error)}`)
  }
  if (!isDriver(module.driver)) {
    throw new UsageError(`${file} exports no driver: it needs \`export const driver = defineDriver({ ... })\``)
  }
  return module.driver
}

/** What to do about the two failures that a first driver of one's own meets. */
function advice(error: unknown): string {
  const { code, message = '' } = (error ?? {}) as Partial<NodeJS.ErrnoException>
  if (code === 'ERR_UNKNOWN_FILE_EXTENSION') return '; compile it, or use Node 22.18 or newer, which runs TypeScript'
  // src/cli and dist/cli lie equally deep.
  const root = fileURLToPath(new URL('../../', import.meta.url))
  const isOurs = code === 'ERR_MODULE_NOT_FOUND' && message.includes("'vnet'")
  return isOurs ? `; in its directory: npm install ${root}` : ''
}

function isDriver(value: unknown): value is Driver {
  const { name, description, params, init } = (value ?? {}) as Partial<Record<keyof Driver, unknown>>
  return (
    typeof name === 'string' &&
    typeof description === 'string' &&
    typeof params === 'object' &&
    typeof init === 'function'
  )
}
