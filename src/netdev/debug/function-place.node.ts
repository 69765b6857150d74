/** Finds the place and the source lines of a function, which only the debugger knows. */
import { readFileSync } from 'node:fs'
import { type Debugger, type Runtime, Session } from 'node:inspector'
import { SourceMap, type SourceMapPayload } from 'node:module'
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { OWN } from '../../base/exception.ts'
import { around, type Found, linesOf, type SourceLines } from './source-lines.ts'

export type { SourceLines }

/** The global variable by which the debugger's protocol names the function. */
const HOLDER = 'vnetFunctionPlace'

/**
 * The paths of scripts by their id, which no later script gets, the texts of scripts with functions
 * that were looked up, and what was found of functions. To list its scripts, the debugger hashes
 * their text: in a program with thousands of them that takes 20 ms.
 */
const paths = new Map<string, string>()
const texts = new Map<string, string>()
const founds = new WeakMap<object, Found>()

/** Returns the file and line of a function, as `/my-driver.js:12`; undefined if it has none. */
export function functionPlace(fn: unknown): string | undefined {
  const found = withDebugger(debug => debug.functionAt(fn))
  return found && `${found.file}:${found.line}`
}

/**
 * Returns the lines of a function, at most `most`, or undefined if its file is not known. For an
 * arrow that only calls a function of its file, returns the lines of that function.
 */
export function functionLines(fn: unknown, most: number): SourceLines | undefined {
  if (typeof fn !== 'function') return undefined
  const code = String(fn)
  const found =
    founds.get(fn) ??
    withDebugger(debug => linesFrom(debug, debug.functionAt(fn), code.split('\n').length))
  if (found === undefined) return undefined
  founds.set(fn, found)
  return linesOf(found, code, most)
}

/**
 * Returns the line at a place, such as `/my-driver.js:12`, with the lines of its function around
 * it, at most `most`. Returns undefined if the file is not a loaded module.
 */
export function placeLines(place: string, most: number): SourceLines | undefined {
  const [, file = '', line] = /^(.*):(\d+)$/.exec(place) ?? []
  const found = withDebugger(debug => linesFrom(debug, { file, line: Number(line) }, 1))
  return found && around(found, most)
}

/** The place of a function has the id of its script. */
type Place = Readonly<{ file: string; line: number; scriptId?: string }>

/** The debugger of this thread, while it is attached. It lists the scripts once it needs them. */
interface Attached {
  functionAt(fn: unknown): Place | undefined
  /** The text of a running script. No file is read: it may have changed since. */
  textOf(place: Place): string | undefined
}

function withDebugger<T>(use: (debug: Attached) => T): T {
  const session = new Session()
  session.connect()
  const scripts = new Map<string, string>()
  session.on(
    'Debugger.scriptParsed',
    ({ params }: { params: Debugger.ScriptParsedEventDataType }) => {
      const path = pathOf(params.url)
      scripts.set(params.scriptId, path)
      paths.set(params.scriptId, path)
    },
  )
  function list(): void {
    if (scripts.size > 0) return
    session.post('Debugger.enable')
    session.post('Debugger.setSkipAllPauses', { skip: true })
  }
  try {
    return use({
      functionAt(fn) {
        const location = typeof fn === 'function' ? locationOf(session, fn) : undefined
        if (location === undefined) return undefined
        if (!paths.has(location.scriptId)) {
          list()
        }
        const { scriptId, lineNumber } = location
        const file = paths.get(scriptId) ?? ''
        return file.startsWith('/') ? { file, line: lineNumber + 1, scriptId } : undefined
      },
      textOf({ file, scriptId: ofFunction }) {
        const known = texts.get(ofFunction ?? '')
        if (known !== undefined) return known
        list()
        const scriptId = ofFunction ?? [...scripts].findLast(([, path]) => path === file)?.[0]
        let text: string | undefined
        if (scriptId !== undefined) {
          session.post('Debugger.getScriptSource', { scriptId }, (_, reply) => {
            text = reply?.scriptSource
          })
        }
        if (ofFunction !== undefined && text !== undefined) {
          texts.set(ofFunction, text)
        }
        return text
      },
    })
  } finally {
    session.disconnect()
  }
}

function pathOf(url: string): string {
  try {
    return url.startsWith('file:') ? fileURLToPath(url) : url
  } catch {
    // A script names its URL as it likes (sourceURL).
    return url
  }
}

function linesFrom(debug: Attached, place: Place | undefined, count: number): Found | undefined {
  if (place === undefined) return undefined
  const { file, line } = place
  const running = debug.textOf(place)
  const original = originalLines(place, count, running)
  if (original !== undefined) return original
  const text = running?.split('\n')
  return text && { file, line, first: line, lines: text.slice(line - 1, line - 1 + count), text }
}

/** A source map in the script itself, as tsc writes it with inlineSourceMap and inlineSources. */
const INLINE =
  /\n\/\/# sourceMappingURL=data:application\/json;(?:charset=utf-8;)?base64,([\w+/=]+)\s*$/

/**
 * Finds the TypeScript: for vnet's own drivers by the source maps of the package, for others by a
 * map that is in the script with its sources. Other files are not looked for: they may be links
 * that their owner has placed for a program with more rights.
 */
function originalLines({ file, line }: Place, count: number, running = ''): Found | undefined {
  const isOwn = file.startsWith(OWN) && file.endsWith('.js')
  const [, inline = ''] = (!isOwn && INLINE.exec(running)) || []
  if (!isOwn && inline === '') return undefined
  try {
    const json = isOwn ? readFileSync(`${file}.map`, 'utf8') : `${Buffer.from(inline, 'base64')}`
    const payload: SourceMapPayload = JSON.parse(json)
    const map = new SourceMap(payload)
    const [start, end] = [line, line + count - 1].map(each =>
      map.findEntry(each - 1, Number.MAX_SAFE_INTEGER),
    )
    if (!('originalLine' in start) || !('originalLine' in end)) return undefined
    const source = resolve(file, '..', start.originalSource)
    const content = payload.sourcesContent?.[payload.sources.indexOf(start.originalSource)]
    const text = (isOwn ? readFileSync(source, 'utf8') : content)?.split('\n')
    if (text === undefined) return undefined
    const first = start.originalLine + 1
    return {
      file: source,
      line: first,
      first,
      lines: text.slice(first - 1, end.originalLine + 1),
      text,
    }
  } catch {
    return undefined
  }
}

function locationOf(session: Session, fn: object): Debugger.Location | undefined {
  let location: Debugger.Location | undefined
  Object.defineProperty(globalThis, HOLDER, { value: fn, configurable: true })
  // The session is this thread's own, so the callbacks run before post() returns.
  session.post('Runtime.evaluate', { expression: HOLDER }, (_, reply) => {
    const objectId = reply?.result.objectId
    if (objectId === undefined) return
    session.post(
      'Runtime.getProperties',
      { objectId, ownProperties: true },
      (_failed, properties) => {
        const found = properties?.internalProperties?.find(
          ({ name }) => name === '[[FunctionLocation]]',
        )
        location = (found?.value as Runtime.RemoteObject | undefined)?.value as
          | Debugger.Location
          | undefined
      },
    )
  })
  Reflect.deleteProperty(globalThis, HOLDER)
  return location
}
