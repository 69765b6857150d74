/**
 * Where a module does not parse. The error itself does not say: Node prints the place only of one that nobody catches, and
 * otherwise leaves it to a debugger's protocol to ask for it.
 */
import { type Debugger, type Runtime, Session } from 'node:inspector'

/** Holds the error where the protocol can name it. */
const HOLDER = 'vnetSyntaxError'

/**
 * `file:///home/me/my-driver.js:4:13`, line and column from 1, of what keeps the module at `url` from being parsed: in
 * itself, or in one that it imports. Imports it once more; undefined when the place is not told then.
 */
export async function syntaxErrorPlace(url: string): Promise<string | undefined> {
  const session = new Session()
  session.connect()
  try {
    const failed = new Map<string, string>()
    session.on('Debugger.scriptFailedToParse', ({ params }: { params: Debugger.ScriptFailedToParseEventDataType }) => {
      failed.set(params.scriptId, params.url)
    })
    session.post('Debugger.enable')
    session.post('Debugger.setSkipAllPauses', { skip: true })
    // Under its own name the first answer is remembered.
    const again = `${url}?again`
    const error: unknown = await import(again).catch(error => error)
    const { scriptId, lineNumber = 0, columnNumber = 0 } = exceptionDetails(session, error) ?? {}
    const place = failed.get(scriptId ?? '')
    return place && `${place === again ? url : place}:${lineNumber + 1}:${columnNumber + 1}`
  } finally {
    session.disconnect()
  }
}

function exceptionDetails(session: Session, error: unknown): Runtime.ExceptionDetails | undefined {
  let details: Runtime.ExceptionDetails | undefined
  Object.defineProperty(globalThis, HOLDER, { value: error, configurable: true })
  // Answers come before post returns: the session is this thread's own.
  session.post('Runtime.evaluate', { expression: HOLDER }, (_, answer) => {
    const request = { errorObjectId: answer?.result.objectId }
    session.post(
      'Runtime.getExceptionDetails',
      request,
      (_, answer?: { exceptionDetails?: Runtime.ExceptionDetails }) => {
        details = answer?.exceptionDetails
      },
    )
  })
  Reflect.deleteProperty(globalThis, HOLDER)
  return details
}
