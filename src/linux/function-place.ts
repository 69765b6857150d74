/** Where a function is in its source, which only the debugger knows. */
import { type Debugger, type Runtime, Session } from 'node:inspector'
import { fileURLToPath } from 'node:url'

/** The global variable by which the debugger's protocol names the function. */
const HOLDER = 'vnetFunctionPlace'

/** Returns the file and line of a function, as `/my-driver.js:12`; undefined if it has none. */
export function functionPlace(fn: unknown): string | undefined {
  if (typeof fn !== 'function') return undefined
  const session = new Session()
  session.connect()
  Object.defineProperty(globalThis, HOLDER, { value: fn, configurable: true })
  try {
    const urls = new Map<string, string>()
    session.on('Debugger.scriptParsed', ({ params }: { params: Debugger.ScriptParsedEventDataType }) => {
      urls.set(params.scriptId, params.url)
    })
    session.post('Debugger.enable')
    session.post('Debugger.setSkipAllPauses', { skip: true })
    const location = locationOf(session)
    const url = urls.get(location?.scriptId ?? '') ?? ''
    const file = url.startsWith('file:') ? fileURLToPath(url) : url
    return location === undefined || !file.startsWith('/') ? undefined : `${file}:${location.lineNumber + 1}`
  } finally {
    Reflect.deleteProperty(globalThis, HOLDER)
    session.disconnect()
  }
}

function locationOf(session: Session): Debugger.Location | undefined {
  let location: Debugger.Location | undefined
  // The session is this thread's own, so the callbacks run before post() returns.
  session.post('Runtime.evaluate', { expression: HOLDER }, (_, reply) => {
    const objectId = reply?.result.objectId
    if (objectId === undefined) return
    session.post('Runtime.getProperties', { objectId, ownProperties: true }, (_, properties) => {
      const found = properties?.internalProperties?.find(({ name }) => name === '[[FunctionLocation]]')
      location = (found?.value as Runtime.RemoteObject | undefined)?.value as Debugger.Location | undefined
    })
  })
  return location
}
