/** `vnet ./my-driver.js`: loads a driver from a file instead of a built-in one. */
import type { Debugger, Runtime, Session } from 'node:inspector'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { describeException, UsageError } from '../base/index.ts'
import { checkRegular } from '../linux/regular-file.ts'
import type { Driver } from '../netdev/driver.ts'
import { provideOwnPackage } from './own-package.ts'

/** The global variable by which the debugger's protocol names an error. */
const HOLDER = 'vnetSyntaxError'

/** Returns whether an argument names a driver file rather than a command. */
export function isDriverFile(argument: string | undefined): argument is string {
  return argument !== undefined && /^[^-].*\.[cm]?[jt]s$/.test(argument)
}

/** Returns whether an argument names a file that cannot be a driver: `./`, `my-driver.txt`. */
export function isOtherFile(argument: string | undefined): argument is string {
  return (
    argument !== undefined &&
    !argument.startsWith('-') &&
    /[./]/.test(argument) &&
    !isDriverFile(argument)
  )
}

/** Returns the driver that the file exports. Throws a UsageError if it exports none. */
export async function loadDriver(file: string): Promise<Driver> {
  const { exportedDriver } = await import('../netdev/module.ts')
  return exportedDriver(await importFile(file), file)
}

/** Imports a file, for which 'vnet' is this package. Throws a UsageError if it does not load. */
export async function importFile(file: string): Promise<Record<string, unknown>> {
  checkRegular(file)
  const url = pathToFileURL(resolve(file)).href
  provideOwnPackage(url)
  try {
    return await import(url)
  } catch (error) {
    throw new UsageError(
      `${file} does not load: ${describeException(error)}${await place(url, error)}${advice(error)}`,
    )
  }
}

/**
 * Returns ` (at file:///home/me/my-driver.js:4:13)`, line and column from 1, for a syntax error in
 * the module at `url` or in one that it imports; empty if the error has its own place. Node prints
 * the place of an uncaught syntax error only, and otherwise has it in the debugger's protocol. So
 * the module is imported once more; empty if that does not reveal the place.
 */
async function place(url: string, syntaxError: unknown): Promise<string> {
  if (!(syntaxError instanceof SyntaxError) || describeException(syntaxError).includes(' (at ')) {
    return ''
  }
  const inspector = await import('node:inspector')
  const session = new inspector.Session()
  session.connect()
  try {
    const failed = new Map<string, string>()
    session.on(
      'Debugger.scriptFailedToParse',
      ({ params }: { params: Debugger.ScriptFailedToParseEventDataType }) => {
        failed.set(params.scriptId, params.url)
      },
    )
    session.post('Debugger.enable')
    session.post('Debugger.setSkipAllPauses', { skip: true })
    // Under its own URL the module loader would return the cached failure.
    const again = `${url}?again`
    const error: unknown = await import(again).catch(thrown => thrown)
    const { scriptId, lineNumber = 0, columnNumber = 0 } = exceptionDetails(session, error) ?? {}
    const found = failed.get(scriptId ?? '')
    return found
      ? ` (at ${found === again ? url : found}:${lineNumber + 1}:${columnNumber + 1})`
      : ''
  } finally {
    session.disconnect()
  }
}

function exceptionDetails(session: Session, error: unknown): Runtime.ExceptionDetails | undefined {
  let details: Runtime.ExceptionDetails | undefined
  Object.defineProperty(globalThis, HOLDER, { value: error, configurable: true })
  // The session is this thread's own, so the callbacks run before post() returns.
  session.post('Runtime.evaluate', { expression: HOLDER }, (_, reply) => {
    const onReply = (_failed: unknown, found?: { exceptionDetails?: Runtime.ExceptionDetails }) => {
      details = found?.exceptionDetails
    }
    session.post('Runtime.getExceptionDetails', { errorObjectId: reply?.result.objectId }, onReply)
  })
  Reflect.deleteProperty(globalThis, HOLDER)
  return details
}

/** Returns advice about a failure that a first driver meets. */
function advice(error: unknown): string {
  const { code } = (error ?? {}) as Partial<NodeJS.ErrnoException>
  return code === 'ERR_UNKNOWN_FILE_EXTENSION'
    ? '; compile it, or use Node 22.18 or newer, which runs TypeScript'
    : ''
}
