/** What would make two runs of one lab in memory differ: the real clock, and the thread pool. */
import { pbkdf2 } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs'
import http2, {
  type ClientHttp2Session,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
  type ServerHttp2Stream,
} from 'node:http2'
import net from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, onTestFinished, test } from 'vitest'
import { createLab, type Lab } from '../../src/index.ts'

type Answer = (stream: ServerHttp2Stream) => void

/** Calls `use` with a lab, and a function that connects a client to an HTTP/2 server in it. */
async function withServer<T>(
  answer: Answer,
  use: (lab: Lab, connect: () => Promise<ClientHttp2Session>) => Promise<T>,
): Promise<T> {
  const lab = await createLab({ world: 'memory' })
  try {
    const [client, server] = lab.hosts('client', 'server')
    await lab.cable(client, server)
    await server.listen(http2.createServer().on('stream', answer), 80)
    return await use(lab, async () => {
      const socket = await client.connect(80, 'server')
      return http2.connect('http://server', { createConnection: () => socket })
    })
  } finally {
    await lab.close()
  }
}

/** Returns the date of the response that a server of HTTP/2 makes, an hour after the start. */
const dateOf = (answer: Answer): Promise<unknown> =>
  withServer(answer, async (lab, connect) => {
    await lab.sleep('1h')
    const session = await connect()
    const [headers] = (await once(session.request().resume(), 'response')) as [IncomingHttpHeaders]
    session.destroy()
    return headers.date
  })

const HOUR = 'Sat, 01 Jan 2000 01:00:00 GMT'
const file = import.meta.filename
/** Node takes a list of names and values since versions 22.20 and 24.7. */
const takesLists = Number(process.versions.node.split('.')[0]) > 24
const list = (...headers: string[]): OutgoingHttpHeaders => headers as never

const ANSWERS: Readonly<Record<string, readonly [Answer, date: unknown]>> = {
  'respond()': [stream => stream.respond(undefined, { endStream: true }), HOUR],
  'respondWithFile()': [stream => stream.respondWithFile(file), HOUR],
  'respondWithFD()': [stream => stream.respondWithFD(openSync(file, 'r')), HOUR],
  'respond() with a date': [
    stream => stream.respond({ date: 'today' }, { endStream: true }),
    'today',
  ],
  'respond() without a date': [
    stream => stream.respond({}, { endStream: true, sendDate: false } as object),
    undefined,
  ],
  ...(takesLists && {
    'respond() with a list': [
      stream => stream.respond(list(':status', '200'), { endStream: true }),
      HOUR,
    ],
    'respond() with a date in a list': [
      stream => stream.respond(list(':status', '200', 'Date', 'today'), { endStream: true }),
      'today',
    ],
  }),
}

test.each(Object.entries(ANSWERS))(
  '%s of HTTP/2 sends a date of the lab or of the program',
  async (_, [answer, date]) => {
    expect(await dateOf(answer)).toBe(date)
  },
)

/** Returns the moment at which a client has the body of a response, in ms of the lab. */
const endOf = (answer: Answer): Promise<number> =>
  withServer(answer, async (lab, connect) => {
    const session = await connect()
    // Time passes as soon as nothing stops it.
    const timer = setInterval(() => {}, 1)
    await once(session.request().resume(), 'end')
    clearInterval(timer)
    session.destroy()
    return lab.now
  })

test('a file that HTTP/2 sends arrives at the moment at which its bytes from memory arrive', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'vnet-test-'))
  onTestFinished(() => rmSync(directory, { recursive: true }))
  const path = join(directory, 'file')
  // Several windows of HTTP/2.
  const bytes = Buffer.alloc(200_000)
  writeFileSync(path, bytes)
  const atOnce = await endOf(stream => {
    stream.respond()
    stream.end(bytes)
  })
  expect(await endOf(stream => stream.respondWithFile(path))).toBe(atOnce)
})

const derive = promisify(pbkdf2)

test.each([1, 200_000])(
  'a request of %i rounds to the thread pool ends before other events of its moment',
  async rounds => {
    const lab = await createLab({ world: 'memory' })
    try {
      const [client, server] = lab.hosts('client', 'server')
      await lab.cable(client, server)
      const seen: string[] = []
      const listener = net.createServer(socket =>
        socket.once('data', async data => {
          seen.push(`data ${data}`)
          socket.on('end', () => seen.push(`end ${data}`)).resume()
          if (String(data) !== 'a') return
          await derive('password', 'salt', rounds, 16, 'sha256')
          seen.push('derived')
        }),
      )
      await server.listen(listener, 80)
      const sockets = [await client.connect(80, 'server'), await client.connect(80, 'server')]
      for (const [i, socket] of sockets.entries()) {
        socket.end(i === 0 ? 'a' : 'b')
      }
      await lab.sleep('1s')
      expect(seen).toEqual(['data a', 'derived', 'data b', 'end a', 'end b'])
    } finally {
      await lab.close()
    }
  },
)
