/**
 * Reproducer: a server in plain Python 3 that replays recorded connections, with the fault of a
 * finding at its byte. It is short enough for an issue, and needs neither vnet nor a lab.
 *
 * A client may open connections that differ. Each is replayed by its place. If the client's first
 * line is not the one that was recorded there, it is replayed by that line.
 */
import { count } from '../story/statement.ts'
import type { Connection, End, StreamPoint, Turn } from './conversation.ts'
import { pythonBytes } from './python-bytes.ts'

/** A program, or the reason for its absence. */
export type Reproducer = ReproducerText | { readonly why: string }

export interface ReproducerText {
  /** The program, which replays without the fault if its argument is WHOLE. */
  readonly text: string
  /** The line that it prints just before the fault. */
  readonly hit: string
}

/** How connections end up that follow the one with the fault. */
export type Later = 'whole' | 'unanswered'

/** The argument of a program for a replay without the fault. */
export const WHOLE = 'whole'

/** Printed by a program if a client says something else than recorded, or less of it. */
export const ELSE = 'the client says something else'
export const LESS = 'timed out'

/** Seconds in which the rest of a turn arrives. */
const REST_S = 3

/** An issue on GitHub has at most 65,536 characters. */
const PROGRAM_MAX = 40_000
/** The most recorded bytes that may become a program. */
const BYTES_MAX = 1 << 18

/** The first bytes of a record of TLS with a handshake. */
const TLS_HANDSHAKE = 22
const TLS_MAJOR = 3

/** A fault at a byte of a turn. */
interface Fault {
  readonly kind: 'FIN' | 'RST' | 'silence'
  readonly connection: number
  /** The number of the turn, from 1 on, and the bytes of it that arrive. */
  readonly turn: number
  readonly bytes: number
  readonly later: Later
}

const KINDS = { fin: 'FIN', reset: 'RST', silence: 'silence', mute: 'silence' } as const

/**
 * Returns a program for a point of a conversation. After a silence, `later` connections are served,
 * or get no reply either, as in a network that is silent.
 */
export function reproducerOf(
  connections: readonly Connection[],
  point: StreamPoint,
  later: Later = 'whole',
): Reproducer {
  const connection = connections.find(({ number }) => number === point.connection)
  if (connection === undefined) return { why: `no clean run has a connection ${point.connection}` }
  const why = problemOf(connections, point)
  if (why !== undefined) return { why }
  const fault = faultOf(connection, point, later)
  if (fault === undefined) {
    return { why: `byte ${point.byte} of the ${point.from} was not recorded` }
  }
  const hit = `connection ${fault.connection}: ${hitText(fault)}`
  const recordings = recordingsOf(connections)
  const turns = recordings.distinct.flatMap(each => each.turns)
  const bytes = turns.reduce((sum, turn) => sum + turn.bytes.length, 0)
  const text = bytes <= BYTES_MAX ? programOf(recordings, fault) : ''
  if (text !== '' && text.length <= PROGRAM_MAX) return { text, hit }
  return { why: `its ${bytes} bytes are too many for an issue` }
}

/** Connections that differ from one another, and for each place in the clean run its number. */
interface Recordings {
  readonly distinct: readonly Connection[]
  readonly places: readonly number[]
}

function recordingsOf(connections: readonly Connection[]): Recordings {
  const distinct: Connection[] = []
  const places = connections.map(connection => {
    const known = distinct.findIndex(each => isAlike(each, connection))
    return known < 0 ? distinct.push(connection) - 1 : known
  })
  return { distinct, places }
}

function problemOf(
  connections: readonly Connection[],
  { byte, from, fault }: StreamPoint,
): string | undefined {
  if (byte < 0) {
    const how =
      fault === 'reset'
        ? 'connect to a port on which no program listens'
        : 'connect to a port whose queue of connections is full, or to an address that is not used'
    return `the fault is at the SYN of the ${from}: ${how}`
  }
  if (connections.some(({ isWhole }) => !isWhole)) return 'bytes of a connection were not recorded'
  if (connections.some(({ turns }) => turns.some(isTls))) {
    return 'a connection is TLS, which cannot be replayed'
  }
  return undefined
}

const isTls = ({ bytes }: Turn): boolean => bytes[0] === TLS_HANDSHAKE && bytes[1] === TLS_MAJOR

function isAlike(a: Connection, b: Connection): boolean {
  return (
    a.port === b.port &&
    a.closedBy === b.closedBy &&
    a.turns.length === b.turns.length &&
    a.turns.every(({ from, bytes }, i) => {
      const other = b.turns[i]
      return from === other?.from && Buffer.compare(bytes, other.bytes) === 0
    })
  )
}

/** Returns undefined if the byte is in no turn. */
function faultOf(
  { turns, number }: Connection,
  { fault, from, byte }: StreamPoint,
  later: Later,
): Fault | undefined {
  let left = byte
  for (const [i, turn] of turns.entries()) {
    if (turn.from !== from) continue
    if (left < turn.bytes.length) {
      return { kind: KINDS[fault], connection: number, turn: i + 1, bytes: left, later }
    }
    left -= turn.bytes.length
  }
  return undefined
}

const hitText = ({ kind, turn, bytes }: Fault): string =>
  `${kind} after ${count(bytes, 'byte')} of turn ${turn}`

function programOf(recordings: Recordings, fault: Fault): string {
  const { distinct, places } = recordings
  const contents = distinct.map(({ turns }) => turns.map(turnText))
  const isMany = distinct.length > 1
  const ports = [...new Set(distinct.map(({ port }) => port))].sort((a, b) => a - b)
  const imports = new Set([
    ...IMPORTS[fault.kind],
    ...contents.flat().flatMap(content => content.imports),
    ...['itertools', 'socket', 'sys', 'threading', ...(isMany ? ['time'] : [])],
    ...(ports.length > 1 ? ['select'] : []),
  ])
  const texts = contents.map(turns => turns.map(({ text }) => text))
  return [
    ...commentOf(places.length, ports, fault),
    `import ${[...imports].sort().join(', ')}`,
    '',
    ...SAY_AND_READ,
    ...(isMany ? CHOOSE_RECORDING : []),
    ...serveLines(fault, isMany ? serveMany : serveOne(distinct[0]?.closedBy)),
    ...(isMany ? manyLines(recordings, texts) : ['TURNS = [', ...(texts[0] ?? []), ']']),
    ...acceptLines(ports),
    '',
  ].join('\n')
}

/** Returns the recorded connections: port, whether the server closes it, and turns. */
function manyLines(
  { distinct, places }: Recordings,
  texts: readonly (readonly string[])[],
): string[] {
  const recorded = distinct.flatMap(({ port, closedBy }, i) => [
    `    (${port}, ${closedBy === 'server' ? 'True' : 'False'}, [`,
    ...(texts[i] ?? []),
    '    ]),',
  ])
  return ['ALL = [', ...recorded, ']', `ORDER = [${places.join(', ')}]`]
}

function acceptLines(ports: readonly number[]): string[] {
  const servers =
    ports.length === 1
      ? [`server = socket.create_server(('127.0.0.1', ${ports[0]}))`]
      : [`servers = [socket.create_server(('127.0.0.1', port)) for port in [${ports.join(', ')}]]`]
  return [
    ...servers,
    "print('ready', flush=True)",
    'for n in itertools.count(1):',
    ...(ports.length === 1 ? [] : ['    server = select.select(servers, [], [])[0][0]']),
    '    threading.Thread(target=serve, args=(n, server.accept()[0]), daemon=True).start()',
  ]
}

function turnText({ from, bytes }: Turn): { text: string; imports: readonly string[] } {
  const { expression, imports } = pythonBytes(bytes, '     ')
  return { text: `    ('${from}',\n     ${expression}),`, imports }
}

function commentOf(connections: number, ports: readonly number[], fault: Fault): string[] {
  const { connection, later } = fault
  const what =
    connections === 1 ? 'a recorded TCP connection' : `${connections} recorded connections`
  const where = ports.length === 1 ? `port ${ports[0]}` : `ports ${ports.join(', ')}`
  return [
    `# Replays ${what} on ${where}. Connection ${connection} has its fault:`,
    `# ${hitText(fault)}. Other connections are ${later}.`,
    `# With the argument "${WHOLE}", no connection has the fault.`,
  ]
}

/** The modules that a program needs for a fault. */
const IMPORTS: Readonly<Record<Fault['kind'], readonly string[]>> = {
  FIN: [],
  RST: ['fcntl', 'struct', 'termios', 'time'],
  silence: [],
}

/** Reads a turn: as many bytes, or up to the same end if the name of the server is shorter. */
const SAY_AND_READ = `\
def say(n, what):
    print(f'connection {n}: {what}', flush=True)

def read(n, c, turn):
    got = b''
    while len(got) < len(turn) and (len(got) < len(turn) - 16 or got[-16:] != turn[-16:]):
        c.settimeout(${REST_S} if got else None)
        more = c.recv(len(turn) - len(got))
        if not more: raise EOFError('the client has closed it')
        got += more
    c.settimeout(None)
    if got.split(b'\\n')[0] != turn.split(b'\\n')[0]: say(n, f'${ELSE}: {got[:60]}')
`.split('\n')

/**
 * Returns the number of the recording for a connection: the one at its place, unless that starts
 * with another first line of the client than this one, and another recording starts with that.
 */
const CHOOSE_RECORDING = `\
def asked(c, first_turns):
    until = time.monotonic() + ${REST_S}
    while True:
        got = c.recv(65536, socket.MSG_PEEK)
        is_whole = b'\\n' in got or any(len(got) >= len(turn) for turn in first_turns)
        if not got or is_whole or time.monotonic() > until: return got.split(b'\\n')[0]
        time.sleep(0.01)

def recording(n, c):
    own = [i for i, each in enumerate(ALL) if each[0] == c.getsockname()[1]]
    usual = ORDER[n - 1] if n <= len(ORDER) and ORDER[n - 1] in own else None
    first = {i: ALL[i][2][0][1] for i in own if ALL[i][2] and ALL[i][2][0][0] == 'client'}
    if usual is not None and usual not in first: return usual
    if not first: return own[0]
    said = asked(c, first.values())
    fits = [i for i, turn in first.items() if turn.split(b'\\n')[0] == said]
    if usual is not None and (usual in fits or not fits): return usual
    return (fits or own)[-1]
`.split('\n')

/** The lines of `serve` that depend on how many connections were recorded. */
interface ServeLines {
  /** Before the turns; `isFaulty` is an expression for the connection with the fault. */
  readonly start: (isFaulty: string, connection: number) => readonly string[]
  readonly turns: string
  /** After them: a server that does not end connections itself waits for the client. */
  readonly wait: readonly string[]
}

const MORE = `c.recv(65536): say(n, '${ELSE}: more than recorded')`

const serveMany: ServeLines = {
  start: (isFaulty, connection) => [
    '    try:',
    '        i = recording(n, c)',
    '        _, closes, turns = ALL[i]',
    `        has_fault = ${isFaulty} and i == ORDER[${connection - 1}]`,
    `        if not has_fault: say(n, '${ELSE}: another request' if ${isFaulty} else 'whole')`,
  ],
  turns: 'turns',
  wait: [`        if not closes and ${MORE}`],
}

const serveOne = (closedBy: End | undefined): ServeLines => ({
  start: isFaulty => [
    `    has_fault = ${isFaulty}`,
    // Before its bytes: the client may end, and this program with it, as soon as it has them.
    "    if not has_fault: say(n, 'whole')",
    '    try:',
  ],
  turns: 'TURNS',
  wait: closedBy === 'server' ? [] : [`        if ${MORE}`],
})

const FAULTS: Readonly<Record<Fault['kind'], readonly string[]>> = {
  FIN: ['return end(c)'],
  RST: ['return reset(c)'],
  silence: ['threading.Event().wait()'],
}

const END = `\
def end(c):
    c.shutdown(socket.SHUT_WR)
    while c.recv(65536): pass
    c.close()
`.split('\n')

const RESET = `\
def reset(c):
    while any(fcntl.ioctl(c, termios.TIOCOUTQ, bytes(4))):  # Until all has arrived.
        time.sleep(0.001)
    c.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
    c.close()
`.split('\n')

/** Returns the functions that serve a connection and end it. */
function serveLines(fault: Fault, { start, turns, wait }: ServeLines): string[] {
  const { kind, connection, turn, bytes, later } = fault
  const isOn = `'${WHOLE}' not in sys.argv`
  const unanswered = `    if n > ${connection} and ${isOn}: threading.Event().wait()`
  return [
    ...END,
    ...(kind === 'RST' ? RESET : []),
    'def serve(n, c):',
    ...(later === 'unanswered' ? [unanswered] : []),
    ...start(`n == ${connection} and ${isOn}`, connection),
    `        for i, (who, turn) in enumerate(${turns}, 1):`,
    `            is_hit = has_fault and i == ${turn}`,
    `            part = turn[:${bytes}] if is_hit else turn`,
    "            if who == 'client': read(n, c, part)",
    '            else: c.sendall(part)',
    '            if is_hit:',
    `                say(n, '${hitText(fault)}')`,
    ...FAULTS[kind].map(line => `                ${line}`),
    // Not before the client has closed it, if it does that first.
    ...wait,
    '        end(c)',
    '    except (OSError, EOFError) as error: say(n, error)',
    '',
  ]
}
