/** Reproducers of recorded conversations, with real clients. */
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync } from 'node:fs'
import http from 'node:http'
import type { Server } from 'node:net'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { recordsIn } from '#support/capture-records.ts'
import { fileDirectory, written } from '#support/fresh-directory.ts'
import { serve as serveFtp } from '../../../../examples/servers/ftp.mjs'
import { page } from '../../../../examples/servers/http.mjs'
import type { Connection, StreamPoint } from '../../src/hunt/conversation.ts'
import { type Confirmation, confirmPlain, type PlainTrial } from '../../src/hunt/plain.ts'
import { createLab, type LabHost } from '../../src/index.ts'
import { connectionsOf } from '../support/connections.ts'

const directory = fileDirectory()

// The shell scripts of pyenv take ten times the CPU time of the system's Python.
beforeAll(() => {
  vi.stubEnv('PATH', `/usr/bin:/bin:${process.env.PATH}`)
})
afterAll(() => {
  vi.unstubAllEnvs()
})

/** A body that shows where it is from, and its chunks of 5000 bytes. */
const BODY = Array.from({ length: 1500 }, (_, i) => `a line ${1000 + i}\n`).join('')
const CHUNK = 5000

const PERL = written(
  directory,
  'mirror.pl',
  'use HTTP::Tiny; my $r = HTTP::Tiny->new(timeout => 5)->mirror($ARGV[0], "f");\n' +
    'die "$r->{status} $r->{content}\\n" unless $r->{success};\n',
)
const PYTHON = written(
  directory,
  'get.py',
  'import shutil, sys, urllib.request\n' +
    'with urllib.request.urlopen(sys.argv[1], timeout=5) as reply, open("f", "wb") as f:\n' +
    '    shutil.copyfileobj(reply, f)\n',
)

interface Run {
  readonly status: number | null
  readonly file: string | undefined
  readonly isHung: boolean
}

const CLEAN: Run = { status: 0, file: BODY, isHung: false }

/** Runs a client for at most three seconds in a directory of its own. */
async function runOn(host: LabHost, parent: string, command: string): Promise<Run> {
  const cwd = mkdtempSync(join(parent, 'client-'))
  const child = host.spawn('sh', ['-c', command], { cwd, stdio: ['ignore', 'ignore', 'pipe'] })
  const late = AbortSignal.timeout(3000)
  const errors = buffer(child.stderr!)
  const [status] = await once(child, 'exit', { signal: late }).catch(() => [null])
  host.faults.crash()
  host.faults.restart()
  await errors
  let file: string | undefined
  try {
    file = readFileSync(join(cwd, 'f'), 'latin1')
  } catch {
    // The client has made none.
  }
  return { status, file, isHung: status === null }
}

/** Records a clean run of a client against a server of this process, and checks what it has got. */
async function recorded(
  command: string,
  listener: http.RequestListener | (() => Server),
  body = BODY,
): Promise<Connection[]> {
  const path = join(mkdtempSync(join(directory, 'clean-')), 'link.pcapng')
  await using lab = await createLab({ world: 'kernel' })
  const [client, server] = lab.hosts('client', 'server')
  const link = await lab.cable(client, server, {
    addresses: [['198.18.1.1/24'], ['198.18.1.2/24']],
  })
  if (listener.length === 0) {
    await server.run(listener as () => Server)
  } else {
    await server.listen(http.createServer(listener), 8080)
  }
  const end = await link.capture(path)
  const cwd = mkdtempSync(join(directory, 'clean-'))
  const { status, stderr } = await client.exec('sh', ['-c', command], { cwd })
  await end()
  expect([status, stderr]).toEqual([0, ''])
  expect(readFileSync(join(cwd, 'f'), 'latin1')).toBe(body)
  return connectionsOf(recordsIn(path))
}

const chunked: http.RequestListener = (_, response) => {
  for (let at = 0; at < BODY.length; at += CHUNK) {
    response.write(BODY.slice(at, at + CHUNK))
  }
  response.end()
}
const whole: http.RequestListener = (_, response) => {
  response.setHeader('Content-Length', BODY.length).end(BODY)
}

function verdictOf({ status, file, isHung }: Run, isHit: boolean): string {
  if (!isHit) return 'not reached'
  if (isHung) return 'hangs'
  if (status !== 0) return 'error'
  return file === BODY ? 'as clean' : 'wrong data'
}

/** Confirms a verdict of a fault at a byte of the server. */
function confirmed(
  command: string,
  connections: readonly Connection[],
  fault: StreamPoint['fault'],
  byte: number,
  more: Partial<PlainTrial<Run>> = {},
): Promise<Confirmation> {
  return confirmPlain<Run>({
    connections,
    point: { fault, connection: 1, from: 'server', byte },
    verdict: 'error',
    run: (host, parent) => runOn(host, parent, command),
    isClean: run => JSON.stringify(run) === JSON.stringify(CLEAN),
    verdictOf,
    ...more,
  })
}

const URL_ = 'http://server:8080/a'
const CURL = `exec curl -sS --max-time 1 -o f ${URL_}`

test('curl gets the recorded bytes, and the fault of each kind at its byte', async () => {
  const connections = await recorded(`curl -sSo f ${URL_}`, whole)
  expect(connections).toMatchObject([{ port: 8080, isWhole: true, closedBy: 'client' }])
  for (const fault of ['fin', 'reset', 'silence', 'mute'] as const) {
    const { text, printed } = await confirmed(CURL, connections, fault, 9805)
    expect(text).toBe('also without vnet')
    const kind = { fin: 'FIN', reset: 'RST', silence: 'silence', mute: 'silence' }[fault]
    expect(printed).toBe(`ready\nconnection 1: ${kind} after 9805 bytes of turn 2\n`)
  }
})

test('bytes before a reset arrive, and bytes of the client may be the last ones', async () => {
  const connections = await recorded(`curl -sSo f ${URL_}`, whole)
  const files: (string | undefined)[] = []
  const run: PlainTrial<Run>['run'] = async (host, parent) => {
    const made = await runOn(host, parent, CURL)
    files.push(made.file)
    return made
  }
  const head = (connections[0]?.turns[1]?.bytes.length ?? 0) - BODY.length
  const { text } = await confirmed(CURL, connections, 'reset', head + 9000, { run })
  expect(text).toBe('also without vnet')
  expect(files).toEqual([BODY, BODY.slice(0, 9000)])
  const point = { fault: 'reset', connection: 1, from: 'client', byte: 7 } as const
  const first = await confirmed(CURL, connections, 'reset', 7, { point })
  expect(first).toMatchObject({
    text: 'also without vnet',
    printed: 'ready\nconnection 1: RST after 7 bytes of turn 1\n',
  })
})

test('urllib leaves half a body of a known length without an error', async () => {
  const command = `python3 ${PYTHON} ${URL_}`
  const connections = await recorded(command, whole)
  const { text } = await confirmed(command, connections, 'fin', 9805, { verdict: 'wrong data' })
  expect(text).toBe('also without vnet')
  const reset = await confirmed(command, connections, 'reset', 9805, { verdict: 'wrong data' })
  expect(reset).toMatchObject({
    isRepeated: false,
    text: "not repeated without vnet: the client's verdict there is: error",
  })
})

test('HTTP::Tiny writes the start of a chunked body twice after a FIN', async () => {
  const command = `perl ${PERL} ${URL_}`
  const connections = await recorded(command, chunked)
  const made = await confirmed(command, connections, 'fin', 9805, { verdict: 'wrong data' })
  expect(made).toMatchObject({
    text: 'also without vnet',
    printed: 'ready\nconnection 1: FIN after 9805 bytes of turn 2\nconnection 2: whole\n',
  })
  // The body is numbered lines, which are short in Python.
  expect(made.program?.split('\n').length).toBeLessThan(80)
})

test('connections that differ are chosen by their place, and by what the client asks', async () => {
  const head = 'curl -sS -I -o h http://server:8080/b'
  const connections = await recorded(`${head} && curl -sSo f ${URL_}`, whole)
  const point = { fault: 'fin', connection: 2, from: 'server', byte: 9805 } as const
  const inOrder = await confirmed(`${head} && ${CURL}`, connections, 'fin', 9805, { point })
  expect(inOrder).toMatchObject({
    text: 'also without vnet',
    printed: 'ready\nconnection 1: whole\nconnection 2: FIN after 9805 bytes of turn 2\n',
  })
  // The second connection is not the one with the fault.
  const get = CURL.replace('exec ', '')
  const turned = await confirmed(`${get} && ${head}`, connections, 'fin', 9805, { point })
  expect(turned).toMatchObject({
    isRepeated: false,
    printed:
      'ready\nconnection 1: whole\nconnection 2: the client says something else: another request\n',
  })
})

test('connections with words that differ each time are chosen by their place', async () => {
  const head = 'exec curl -sS -I -o h http://server:8080/b'
  const get = `curl -sS --max-time 1 -o f '${URL_}?'$$`
  const connections = await recorded(`${get} && ${head}`, whole)
  const made = await confirmed(`${get} && ${head}`, connections, 'fin', 9805)
  expect(made.text).toBe('also without vnet')
})

test('the two connections of FTP are replayed at their ports', async () => {
  const command = 'curl -sS --max-time 2 -o f ftp://server/page'
  const connections = await recorded(command, () => serveFtp(), page)
  expect(connections.map(({ port }) => port)).toEqual([21, 2121])
  const { text, program } = await confirmed(command, connections, 'reset', 9000, {
    point: { fault: 'reset', connection: 2, from: 'server', byte: 9000 },
    isClean: ({ status, file }) => status === 0 && file === page,
  })
  expect(text).toBe('also without vnet')
  expect(program).toContain('# Replays 2 recorded connections on ports 21, 2121. Connection 2 has')
})

test('a reply that depends on the request, and a client that sees no server, are reported', async () => {
  const connections = await recorded(`curl -sSo f ${URL_}`, whole)
  const isClean = () => false
  expect(await confirmed(CURL, connections, 'fin', 9805, { isClean })).toEqual({
    isRepeated: false,
    text: 'no plain reproducer: the recorded replies do not satisfy the client once more: they may depend on its request',
  })
  const other = `exec curl -sS --max-time 1 -o f http://server:8080/b`
  expect(await confirmed(other, connections, 'fin', 9805, { isClean })).toMatchObject({
    text: expect.stringMatching(/, or the client says something else each time$/),
  })
  const unreached = await confirmed(CURL, connections, 'fin', 9805, {
    verdictOf: (_, isHit) => (isHit ? 'error' : 'not reached'),
    verdict: 'hangs',
  })
  expect(unreached.text).toBe("not repeated without vnet: the client's verdict there is: error")
})

test('nothing is left of a client and a reproducer that wait for ever', async () => {
  // It is in the request, and so in the text of the reproducer, which tests of others run, too.
  const mark = `plain-${process.pid}`
  const connections = await recorded(`curl -sS -A ${mark} -o f ${URL_}`, whole)
  const command = `sleep 60.${process.pid} & exec curl -sS -A ${mark} -o f ${URL_}`
  const made = await confirmed(command, connections, 'silence', 9805, { verdict: 'hangs' })
  expect(made.text).toBe('also without vnet')
  const running = execFileSync('ps', ['-eo', 'args']).toString()
  expect(running).not.toContain(mark)
  expect(running).not.toContain(`sleep 60.${process.pid}`)
  expect(made.program).toContain(mark)
})
