/** `vnet ./my-driver.js`: a driver from a file of the user's own, in place of a built-in one. */
import { resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { type Driver, type Param, UsageError } from '../core/driver.ts'
import { describeException } from '../core/exception.ts'

/** Whether the first argument names a file rather than a command. */
export function isDriverFile(argument: string | undefined): argument is string {
  return argument !== undefined && /^[^-].*\.[cm]?[jt]s$/.test(argument)
}

/** Whether the first argument is no command, but the name of a file that can be no driver: `./`, `my-driver.txt`. */
export function isOtherFile(argument: string | undefined): argument is string {
  return argument !== undefined && !argument.startsWith('-') && /[./]/.test(argument) && !isDriverFile(argument)
}

/** What the file exports as `driver`. Throws a UsageError when it does not load, or exports none. */
export async function loadDriver(file: string): Promise<Driver> {
  const url = pathToFileURL(resolve(file)).href
  let module: { driver?: unknown }
  try {
    module = await import(url)
  } catch (error) {
    throw new UsageError(`${file} does not load: ${describeException(error)}${await place(url, error)}${advice(error)}`)
  }
  const { driver } = module
  if (!isDriver(driver)) {
    throw new UsageError(`${file} exports no driver: it needs \`export const driver = defineDriver({ ... })\``)
  }
  const wrong = Object.entries(driver.params).find(([, param]) => !isParam(param))
  if (wrong !== undefined) {
    throw new UsageError(`${file}: parameter ${wrong[0]} is none: it is made by int(), bool() or text()`)
  }
  const negative = Object.keys(driver.params).find(name => /^no[A-Z]/.test(name))
  if (negative !== undefined) {
    const positive = negative.charAt(2).toLowerCase() + negative.slice(3)
    throw new UsageError(`${file}: parameter ${negative}: call it ${positive}; a bool that is on has --no-NAME`)
  }
  return driver
}

/** ` (at file:///home/me/my-driver.js:4:13)` where it does not parse, which the error does not say itself. */
async function place(url: string, error: unknown): Promise<string> {
  if (!(error instanceof SyntaxError) || describeException(error).includes(' (at ')) return ''
  const { syntaxErrorPlace } = await import('./syntax-error.ts')
  const at = await syntaxErrorPlace(url)
  return at === undefined ? '' : ` (at ${at})`
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
    params !== null &&
    typeof init === 'function'
  )
}

function isParam(value: unknown): value is Param<unknown> {
  const { type, description, parse } = (value ?? {}) as Partial<Record<keyof Param<unknown>, unknown>>
  return typeof type === 'string' && typeof description === 'string' && typeof parse === 'function'
}
