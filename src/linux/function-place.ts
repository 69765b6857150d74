/** Where a function is in its source, and its lines, which only the debugger knows. */

import { readFileSync } from 'node:fs'
import { type Debugger, type Runtime, Session } from 'node:inspector'
import { SourceMap } from 'node:module'
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { OWN } from '../skb/error.ts'

/** The global variable by which the debugger's protocol names the function. */
const HOLDER = 'vnetFunctionPlace'

/** Some lines of a file. `line` is the number of the first one, from 1. */
export interface SourceLines {
  readonly file: string
  readonly line: number
  readonly lines: readonly string[]
}

/** Returns the file and line of a function, as `/my-driver.js:12`; undefined if it has none. */
export function functionPlace(fn: unknown): string | undefined {
  const found = withDebugger(debug => debug.functionAt(fn))
  return found && `${found.file}:${found.line}`
}

/** Returns the lines of a function, at most `most`; undefined if its file is not known. */
export function functionLines(fn: unknown, most: number): SourceLines | undefined {
  const count = String(fn).split('\n').length
  return withDebugger(debug => linesFrom(debug, debug.functionAt(fn), Math.min(count, most)))
}

/**
 * Returns the line of a place, such as `/my-driver.js:12`, and those after it, at most `most`.
 * Undefined if the file is no module that runs.
 */
export function placeLines(place: string, most: number): SourceLines | undefined {
  const [, file = '', line] = /^(.*):(\d+)$/.exec(place) ?? []
  return withDebugger(debug => linesFrom(debug, { file, line: Number(line) }, most))
}

interface Place {
  readonly file: string
  readonly line: number
}

/** The debugger of this thread, while it is attached. */
interface Attached {
  functionAt(fn: unknown): Place | undefined
  /** The text of a script as it runs. No file is read: it may be another one by now. */
  textOf(file: string): string | undefined
}

function withDebugger<T>(use: (debug: Attached) => T): T {
  const session = new Session()
  session.connect()
  const scripts = new Map<string, string>()
  session.on('Debugger.scriptParsed', ({ params }: { params: Debugger.ScriptParsedEventDataType }) => {
    scripts.set(params.scriptId, pathOf(params.url))
  })
  try {
    session.post('Debugger.enable')
    session.post('Debugger.setSkipAllPauses', { skip: true })
    return use({
      functionAt(fn) {
        const location = typeof fn === 'function' ? locationOf(session, fn) : undefined
        const file = scripts.get(location?.scriptId ?? '') ?? ''
        return location === undefined || !file.startsWith('/') ? undefined : { file, line: location.lineNumber + 1 }
      },
      textOf(file) {
        const [scriptId] = [...scripts].findLast(([, path]) => path === file) ?? []
        let text: string | undefined
        if (scriptId !== undefined) {
          session.post('Debugger.getScriptSource', { scriptId }, (_, reply) => {
            text = reply?.scriptSource
          })
        }
        return text
      },
    })
  } finally {
    session.disconnect()
  }
}

function pathOf(url: string): string {
  return url.startsWith('file:') ? fileURLToPath(url) : url
}

function linesFrom(debug: Attached, place: Place | undefined, count: number): SourceLines | undefined {
  if (place === undefined) return undefined
  const { file, line } = place
  const original = originalLines(place, count)
  if (original !== undefined) return original
  const text = debug.textOf(file)
  return text === undefined ? undefined : { file, line, lines: text.split('\n').slice(line - 1, line - 1 + count) }
}

/**
 * Of vnet's own drivers the TypeScript, by the source maps of the package. Other files are not
 * looked for: they may be links that their owner has put there for a program with more rights.
 */
function originalLines({ file, line }: Place, count: number): SourceLines | undefined {
  if (!file.startsWith(OWN) || !file.endsWith('.js')) return undefined
  try {
    const map = new SourceMap(JSON.parse(readFileSync(`${file}.map`, 'utf8')))
    const [first, last] = [line, line + count - 1].map(each => map.findEntry(each - 1, Number.MAX_SAFE_INTEGER))
    if (!('originalLine' in first) || !('originalLine' in last)) return undefined
    const source = resolve(file, '..', first.originalSource)
    const text = readFileSync(source, 'utf8').split('\n')
    return { file: source, line: first.originalLine + 1, lines: text.slice(first.originalLine, last.originalLine + 1) }
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
    session.post('Runtime.getProperties', { objectId, ownProperties: true }, (_, properties) => {
      const found = properties?.internalProperties?.find(({ name }) => name === '[[FunctionLocation]]')
      location = (found?.value as Runtime.RemoteObject | undefined)?.value as Debugger.Location | undefined
    })
  })
  Reflect.deleteProperty(globalThis, HOLDER)
  return location
}
