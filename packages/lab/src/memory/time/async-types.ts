/** The native objects of Node that take real time, by their types in async_hooks. */

/** A native object. */
export interface Wrap {
  hasRef?(): boolean
  readonly pid?: number
  /** 0 for standard input. */
  readonly fd?: number
}

/**
 * `request`: work for another thread, until the first callback. `caller`: an object that makes
 * requests. `thing`: a real socket, process or thread. `part`: a part of it, such as a port of a
 * worker thread, or an operation, such as a write.
 */
export type Kind = 'request' | 'caller' | 'thing' | 'part'

/** The real things, and their names in log lines. */
const THINGS: ReadonlyMap<string, string> = new Map([
  ['PROCESSWRAP', 'a child process'],
  ['WORKER', 'a worker thread'],
  ['TCPWRAP', 'a real TCP connection'],
  ['UDPWRAP', 'a real UDP socket'],
  ['PIPEWRAP', 'a real pipe'],
])
const PARTS = [
  'MESSAGEPORT',
  'TCPCONNECTWRAP',
  'PIPECONNECTWRAP',
  'WRITEWRAP',
  'SHUTDOWNWRAP',
  'UDPSENDWRAP',
]
/** FSREQCALLBACK, GETADDRINFOREQWRAP, FILEHANDLECLOSEREQ ... */
const REQUEST = /^[A-Z\d]*(REQ(CALLBACK|PROMISE|WRAP)?|QUERYWRAP)$/
/** Jobs of crypto: SCRYPTREQUEST, PBKDF2REQUEST ... */
const JOB = /^(?!HTTP)[A-Z\d]+REQUEST$/

const kinds = new Map<string, Kind | undefined>()

/** Returns the kind of a type; undefined if it takes no real time. */
export function kindOf(type: string): Kind | undefined {
  if (!kinds.has(type)) {
    kinds.set(type, findKind(type))
  }
  return kinds.get(type)
}

function findKind(type: string): Kind | undefined {
  if (THINGS.has(type)) return 'thing'
  if (methodOf(type) !== undefined) return 'caller'
  if (PARTS.includes(type)) return 'part'
  return REQUEST.test(type) ? 'request' : undefined
}

/** Returns the method by which a caller makes a request; undefined for other types. */
export function methodOf(type: string): string | undefined {
  if (type === 'ZLIB') return 'write'
  if (type === 'BLOBREADER') return 'pull'
  return JOB.test(type) ? 'run' : undefined
}

/** Returns what a log line calls an object, such as `a child process (node server.js, pid 123)`. */
export function nameOf(type: string, wrap: Wrap | undefined): string {
  const thing = THINGS.get(type)
  if (thing === undefined) return `a request of the thread pool (${type})`
  const owner = ownerOf(wrap)
  if (type === 'PROCESSWRAP') {
    const args = owner?.spawnargs
    const words = Array.isArray(args) ? `${args.join(' ')}, ` : ''
    return `${thing} (${words}pid ${wrap?.pid})`
  }
  const port = owner?.remotePort
  return port === undefined ? thing : `${thing} (to ${owner?.remoteAddress}:${port})`
}

/** Returns the native pipes of a child process's standard streams. */
export function pipesOf(wrap: Wrap | undefined): unknown[] {
  const stdio = ownerOf(wrap)?.stdio
  return Array.isArray(stdio) ? stdio.filter(Boolean).map(stream => stream._handle) : []
}

/** Returns the object of Node's JavaScript to which a native object belongs. */
function ownerOf(wrap: Wrap | undefined): Record<string, unknown> | undefined {
  const key =
    wrap && Object.getOwnPropertySymbols(wrap).find(symbol => symbol.description === 'owner_symbol')
  return key && (wrap as unknown as Record<symbol, Record<string, unknown>>)[key]
}
