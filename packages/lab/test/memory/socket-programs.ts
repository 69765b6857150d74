/** Programs that write down the events of their sockets, each end in a list of its own. */
import { AsyncLocalStorage } from 'node:async_hooks'
import dgram from 'node:dgram'
import { once } from 'node:events'
import http from 'node:http'
import http2 from 'node:http2'
import https from 'node:https'
import net from 'node:net'
import { text } from 'node:stream/consumers'
import tls from 'node:tls'
import { HOST, type World } from './socket-worlds.ts'

/** Adds a line to the list of an end. */
type Note = (end: string, line: string) => void

export type Program = (world: World, note: Note, pem: string) => Promise<unknown>

const EVENTS = ['connect', 'ready', 'secureConnect', 'data', 'end', 'finish', 'drain', 'timeout', 'error', 'close']

const errorText = ({ message, code, errno, syscall }: NodeJS.ErrnoException) => `${message} ${code} ${errno} ${syscall}`

/** Notes the events of a socket. */
function watch(note: Note, end: string, socket: NodeJS.EventEmitter): void {
  for (const event of EVENTS) {
    socket.on(event, (value: unknown) => {
      if (value instanceof Error) note(end, `${event}: ${errorText(value)}`)
      else note(end, value === undefined ? event : `${event}: ${value}`)
    })
  }
}

/** Returns a server that notes the events of its sockets and calls `serve` with each socket. */
function watched(note: Note, serve: (socket: net.Socket) => void, options: net.ServerOpts = {}): net.Server {
  const server = net.createServer(options, socket => {
    watch(note, 'server', socket)
    serve(socket)
  })
  server.on('close', () => note('server', 'server closed'))
  return server
}

function client(world: World, note: Note, port: number, options?: net.SocketConstructorOpts): net.Socket {
  const socket = world.connect(port, options)
  watch(note, 'client', socket)
  return socket
}

/** Unlike events.once(), it ignores errors. */
const closed = (socket: NodeJS.EventEmitter) => new Promise(resolve => socket.once('close', resolve))

async function serverSocket(server: net.Server): Promise<net.Socket> {
  const [socket] = await once(server, 'connection')
  return socket
}

/** Returns what a stream emits before its end, for a program that waits for each event. */
async function eachAwaited(stream: NodeJS.EventEmitter): Promise<string> {
  const ended = once(stream, 'end')
  let received = ''
  for (;;) {
    const [chunk] = await Promise.race([once(stream, 'data'), ended])
    if (chunk === undefined) return received
    received += chunk
  }
}

/** Runs `use` with a client of `serve`, until both ends and the server are closed. */
function pair(
  serve: (socket: net.Socket, note: Note) => void,
  use: (socket: net.Socket, note: Note) => void,
  {
    server: serverOptions,
    client: clientOptions,
  }: { server?: net.ServerOpts; client?: net.SocketConstructorOpts } = {},
): Program {
  return async (world, note) => {
    const server = watched(note, socket => serve(socket, note), serverOptions)
    const port = await world.listen(server)
    const accepted = serverSocket(server)
    const socket = client(world, note, port, clientOptions)
    use(socket, note)
    await Promise.all([closed(socket), accepted.then(other => other.closed || closed(other))])
    server.close()
    await closed(server)
  }
}

const state = ({ readyState, pending, connecting, destroyed, bytesRead, bytesWritten, bufferSize }: net.Socket) =>
  JSON.stringify({ readyState, pending, connecting, destroyed, bytesRead, bytesWritten, bufferSize })

export const programs: Record<string, Program> = {
  'an echo that the client ends': pair(
    socket => socket.pipe(socket),
    socket => {
      socket.write('hello')
      socket.once('data', () => socket.end('bye'))
    },
  ),

  'a server that ends first': pair(
    socket => socket.end('welcome'),
    socket => socket.on('end', () => {}),
  ),

  'half-open connections': pair(
    socket => socket.on('end', () => setTimeout(() => socket.end('late answer'), 5)),
    socket => socket.end('question'),
    { server: { allowHalfOpen: true }, client: { allowHalfOpen: true } },
  ),

  'a half-open client that ends later': pair(
    socket => socket.end('all'),
    socket => socket.on('end', () => setTimeout(() => socket.end('thanks'), 5)),
    { client: { allowHalfOpen: true } },
  ),

  'a port without a server': async (world, note) => {
    const server = net.createServer()
    const port = await world.listen(server)
    server.close()
    await closed(server)
    const socket = client(world, note, port)
    note('client', state(socket))
    socket.write('lost', error => note('client', `written: ${error && errorText(error)}`))
    await closed(socket)
    note('client', state(socket))
  },

  'a reset by the server': pair(
    socket => socket.once('data', () => socket.resetAndDestroy()),
    socket => socket.write('hello'),
  ),

  'a reset by the client while it connects': async (world, note) => {
    const server = net.createServer(socket => socket.on('error', () => {}))
    const socket = client(world, note, await world.listen(server))
    socket.resetAndDestroy()
    await closed(socket)
    server.close()
    await closed(server)
  },

  'a client that is destroyed with unread data': pair(
    socket => socket.write('unread'),
    socket => socket.pause().once('connect', () => setTimeout(() => socket.destroy(), 5)),
  ),

  'a client that is destroyed with an error': pair(
    () => {},
    socket => socket.once('connect', () => socket.destroy(new Error('of the program'))),
  ),

  'a client that is destroyed before it connects': async (world, note) => {
    const server = net.createServer()
    const port = await world.listen(server)
    const socket = client(world, note, port)
    socket.write('x', error => note('client', `written: ${error && errorText(error)}`))
    socket.destroy()
    await closed(socket)
    server.close()
    await closed(server)
  },

  'writes after the end of the peer': pair(
    socket => socket.end(),
    (socket, note) =>
      socket.on('end', () => socket.write('late', error => note('client', `written: ${error && errorText(error)}`))),
  ),

  'writes to a peer that has closed': pair(
    socket => socket.destroy(),
    (socket, note) =>
      socket.once('end', () => {
        const written = (error?: Error | null) => note('client', `written: ${error && errorText(error)}`)
        socket.write('first', written)
        setTimeout(() => socket.write('second', written), 5)
      }),
    { client: { allowHalfOpen: true } },
  ),

  'writes after a reset that was not read': pair(
    (socket, note) => {
      const written = (error?: Error | null) => note('server', `written: ${error && errorText(error)}`)
      setTimeout(() => socket.write('late', written), 30)
    },
    socket => socket.once('connect', () => setTimeout(() => socket.resetAndDestroy(), 5)),
    { server: { pauseOnConnect: true } },
  ),

  'writes that wait when their socket is destroyed': async (world, note) => {
    const server = net.createServer({ pauseOnConnect: true }, socket => setTimeout(() => socket.destroy(), 30))
    const socket = client(world, note, await world.listen(server))
    socket.once('connect', () => {
      for (const bytes of [Buffer.alloc(20 * 2 ** 20), 'more']) {
        socket.write(bytes, error => note('client', `written: ${error && errorText(error)}`))
      }
      setTimeout(() => socket.destroy(), 5)
    })
    await closed(socket)
    server.close()
    await closed(server)
  },

  'callbacks of writes, ticks and immediates': pair(
    socket => socket.resume(),
    (socket, note) =>
      socket.once('connect', () => {
        note('client', `${socket.write('one', () => note('client', 'one'))}`)
        process.nextTick(() => note('client', 'tick'))
        setImmediate(() => note('client', 'immediate'))
        note('client', `${socket.write('two', () => note('client', 'two'))} ${socket.writableLength}`)
        socket.end('three', () => note('client', 'three'))
        note('client', state(socket))
      }),
  ),

  'corked writes and encodings': pair(
    socket => socket.setEncoding('utf8').pipe(socket),
    socket => {
      socket.cork()
      for (const [word, encoding] of [
        ['grün', 'utf8'],
        ['blau', 'latin1'],
        ['cm90', 'base64'],
      ] as const) {
        socket.write(word, encoding)
      }
      socket.uncork()
      socket.once('data', () => socket.end())
    },
  ),

  'states of a connection': async (world, note) => {
    const server = watched(note, socket => {
      note('server', state(socket))
      note('server', `${socket.remoteFamily} ${socket.remoteAddress} ${socket.localPort === port}`)
      socket.end('x')
    })
    const port = await world.listen(server)
    note('server', JSON.stringify({ ...(server.address() as object), port: 0 }))
    const socket = client(world, note, port)
    note('client', `${state(socket)} ${socket.localAddress} ${socket.remoteAddress}`)
    await once(socket, 'ready')
    note('client', `${state(socket)} ${socket.localAddress} ${socket.remoteAddress} ${socket.remotePort === port}`)
    note('client', JSON.stringify({ ...socket.address(), port: 0 }))
    await closed(socket)
    note('client', `${state(socket)} ${socket.localAddress} ${socket.remoteAddress}`)
    server.close()
    await closed(server)
  },

  'time-outs': pair(
    socket => socket.on('end', () => socket.end()),
    (socket, note) => {
      socket.setTimeout(20, () => {
        note('client', `idle ${socket.timeout}`)
        socket.setTimeout(0)
        socket.end()
      })
    },
  ),

  'a server with a limit of connections': async (world, note) => {
    const server = watched(note, socket => socket.resume())
    server.maxConnections = 1
    server.on('drop', drop => note('server', `drop ${drop?.remoteAddress} ${drop?.remoteFamily}`))
    const port = await world.listen(server)
    const first = client(world, note, port)
    await once(server, 'connection')
    const second = world.connect(port)
    watch(note, 'second client', second)
    await closed(second)
    server.getConnections((_error, count) => note('server', `${count} connections`))
    server.close()
    first.end()
    await Promise.all([closed(first), closed(server)])
  },

  'a server with a limit of 0 connections': async (world, note) => {
    const server = watched(note, socket => socket.end('hello'))
    server.maxConnections = 0
    server.on('drop', () => note('server', 'drop'))
    const socket = client(world, note, await world.listen(server))
    await closed(socket)
    server.close()
    await closed(server)
  },

  'connections to the unspecified addresses': async (world, note) => {
    const server = net.createServer(socket => socket.end('hello'))
    const port = await world.listen(server, 0, '::')
    for (const host of ['0.0.0.0', '::']) {
      const socket = world.connectTo(port, host)
      watch(note, host, socket)
      await once(socket, 'connect')
      note(host, `${socket.localAddress} ${socket.remoteAddress}`)
      await closed(socket)
    }
    server.close()
    await closed(server)
  },

  'a server that pauses connections': pair(
    (socket, note) => {
      note('server', `paused ${socket.isPaused()}`)
      setTimeout(() => socket.resume(), 5)
    },
    socket => socket.end('waited for'),
    { server: { pauseOnConnect: true } },
  ),

  'read() in paused mode': pair(
    (socket, note) =>
      socket.on('readable', () => {
        for (let chunk = socket.read(2); chunk !== null; chunk = socket.read(2)) note('server', `read ${chunk}`)
      }),
    socket => socket.end('abcdef'),
  ),

  'destroySoon after a write': pair(
    socket => socket.resume(),
    socket =>
      socket.once('connect', () => {
        socket.write('last words')
        socket.destroySoon()
      }),
  ),

  'a megabyte in both directions': async (world, note) => {
    const bytes = Buffer.alloc(2 ** 20, 'abc')
    const count = (end: string, socket: net.Socket) => {
      const received: Buffer[] = []
      socket.on('data', chunk => received.push(chunk))
      socket.on('end', () => {
        note(end, `same: ${Buffer.concat(received).equals(bytes)}`)
        note(end, `longest: ${Math.max(...received.map(({ length }) => length))}`)
      })
      socket.on('close', () => note(end, `${socket.bytesRead} ${socket.bytesWritten}`))
      note(end, `${socket.write(bytes.subarray(0, 2 ** 19), () => note(end, 'half'))}`)
      socket.end(bytes.subarray(2 ** 19), () => note(end, 'all'))
    }
    const server = net.createServer({ allowHalfOpen: true }, socket => count('server', socket))
    const port = await world.listen(server)
    const socket = world.connect(port, { allowHalfOpen: true })
    count('client', socket)
    await closed(socket)
    server.close()
    await closed(server)
  },

  'errors of listen': async (world, note) => {
    const first = net.createServer()
    const port = await world.listen(first)
    const second = net.createServer()
    second.on('error', error => note('server', errorText(error)))
    await world.listen(second, port).catch(error => note('server', `rejected: ${errorText(error)}`))
    note('server', `${second.listening} ${second.address()}`)
    await world.listen(second, 0, '203.0.113.1').catch(error => note('server', `rejected: ${errorText(error)}`))
    second.close(error => note('server', `${error && errorText(error)}`))
    first.close()
    await closed(first)
  },

  'contexts of AsyncLocalStorage': async (world, note) => {
    const context = new AsyncLocalStorage<string>()
    const see = (end: string, socket: net.Socket) => {
      for (const event of ['connect', 'data', 'end', 'finish', 'close', 'timeout']) {
        socket.on(event, () => note(end, `${event} ${context.getStore()}`))
      }
    }
    const server = net.createServer(socket => {
      note('server', `connection ${context.getStore()}`)
      see('server', socket)
      context.run('server socket', () => socket.setTimeout(10, () => socket.end('x')))
    })
    const port = await context.run('server', () => world.listen(server))
    const socket = context.run('client', () => world.connect(port))
    see('client', socket)
    context.run('writer', () => socket.write('x', () => note('client', `written ${context.getStore()}`)))
    await context.run('other', () => closed(socket))
    server.close()
    await closed(server)
  },

  'requests of an http agent that keeps connections': async (world, note) => {
    const server = http.createServer((request, response) => {
      note('server', `${request.method} ${request.url} ${request.socket.remoteAddress}`)
      request.pipe(response)
    })
    server.on('connection', socket => {
      note('server', 'connection')
      socket.on('close', () => note('server', 'close'))
    })
    const port = await world.listen(server)
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 })
    Object.assign(agent, {
      createConnection: () => {
        note('client', 'createConnection')
        return world.connect(port)
      },
    })
    const post = async (path: string, body: string) => {
      const request = http.request({ host: HOST, port, path, agent, method: 'POST' })
      request.end(body)
      const [response] = await once(request, 'response')
      const { length } = await text(response)
      note('client', `${response.statusCode} ${length} ${request.reusedSocket}`)
    }
    await Promise.all([post('/1', 'one'), post('/2', 'two')])
    await post('/3', 'three'.repeat(30_000))
    agent.destroy()
    server.close(() => note('server', 'server closed'))
    await closed(server)
  },

  'an http server that closes all its connections': async (world, note) => {
    const server = http.createServer((request, response) => {
      note('server', `${request.url}`)
      response.sendDate = false
      request.on('close', () => note('server', `closed ${request.url}`))
      if (request.url === '/idle') response.end()
    })
    const port = await world.listen(server)
    const ask = (path: string) => {
      const socket = client(world, note, port)
      socket.write(`GET ${path} HTTP/1.1\r\nHost: server\r\n\r\n`)
      return once(server, 'request').then(() => socket)
    }
    const idle = await ask('/idle')
    await once(idle, 'data')
    server.closeIdleConnections()
    await closed(idle)
    const busy = await ask('/busy')
    server.close(() => note('server', 'server closed'))
    server.closeAllConnections()
    await Promise.all([closed(busy), closed(server)])
  },

  'an upgrade, and a tunnel of CONNECT': async (world, note) => {
    const server = http.createServer()
    for (const event of ['upgrade', 'connect'] as const) {
      server.on(event, (request, socket, head) => {
        note('server', `${event} ${request.url} ${head}`)
        socket.write(`HTTP/1.1 ${event === 'connect' ? 200 : 101} Fine\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n`)
        watch(note, 'server', socket)
        socket.pipe(socket)
      })
    }
    const port = await world.listen(server)
    for (const [method, path, headers] of [
      ['GET', '/', { connection: 'upgrade', upgrade: 'echo' }],
      ['CONNECT', 'far:80', {}],
    ] as const) {
      const request = http.request({ method, path, headers, createConnection: () => world.connect(port) })
      request.end()
      const [response, socket] = await once(request, method === 'GET' ? 'upgrade' : 'connect')
      note('client', `${response.statusCode}`)
      watch(note, 'client', socket)
      socket.write('hello')
      socket.once('data', () => socket.end())
      await closed(socket)
    }
    server.close()
    await closed(server)
  },

  'an http response that breaks off': async (world, note) => {
    const server = http.createServer((_request, response) => {
      response.on('close', () => note('server', 'response closed'))
      response.writeHead(200, { 'content-length': 10 })
      response.write('half')
      setTimeout(() => response.socket?.destroy(), 5)
    })
    const port = await world.listen(server)
    const request = http.get({ host: HOST, port, createConnection: () => world.connect(port) })
    request.on('close', () => note('client', 'request closed'))
    const [response] = await once(request, 'response')
    for (const event of ['data', 'aborted', 'error', 'end', 'close']) {
      response.on(event, (value: unknown) =>
        note('client', `${event} ${value instanceof Error ? errorText(value) : value}`),
      )
    }
    await closed(response)
    server.close()
    await closed(server)
  },

  'https with a certificate of its own': async (world, note, pem) => {
    const server = https.createServer({ key: pem, cert: pem }, (request, response) => {
      const { remoteAddress, localPort, encrypted } = request.socket as tls.TLSSocket
      response.end(`${request.url} ${remoteAddress} ${localPort === port} ${encrypted}`)
    })
    server.on('tlsClientError', error => note('server', `tlsClientError: ${errorText(error)}`))
    const port = await world.listen(server)
    for (const options of [{ ca: pem }, {}]) {
      const createConnection = () =>
        tls.connect({ ...options, servername: 'server', socket: world.connect(port) } as tls.ConnectionOptions)
      const request = https.get({ host: HOST, port, path: '/secret', createConnection } as never)
      request.on('error', error => note('client', errorText(error)))
      request.on('response', async response => note('client', await text(response)))
      await closed(request)
    }
    server.close()
    await closed(server)
  },

  'TLS that both sides end': async (world, note, pem) => {
    const server = tls.createServer({ key: pem, cert: pem }, socket => {
      watch(note, 'server', socket)
      socket.pipe(socket)
    })
    const port = await world.listen(server)
    const raw = world.connect(port)
    const socket = tls.connect({ socket: raw, ca: pem, servername: 'server' })
    watch(note, 'client', socket)
    socket.once('secureConnect', () => note('client', `${socket.authorized} ${socket.remoteAddress}`))
    socket.write('hello')
    socket.once('data', () => socket.end())
    await closed(socket)
    server.close()
    await closed(server)
  },

  'TLS over a connection that is open already': async (world, note, pem) => {
    const server = tls.createServer({ key: pem, cert: pem }, socket => socket.end('secret'))
    const port = await world.listen(server)
    const raw = world.connect(port)
    await once(raw, 'connect')
    const socket = tls.connect({ socket: raw, ca: pem, servername: 'server' })
    watch(note, 'client', socket)
    await closed(socket)
    server.close()
    await closed(server)
  },

  'records of TLS that arrive together': async (world, note, pem) => {
    const server = tls.createServer({ key: pem, cert: pem }, socket => {
      for (const text of ['one', 'two', 'three']) socket.write(text)
      socket.end()
    })
    const socket = tls.connect({ socket: world.connect(await world.listen(server)), ca: pem, servername: 'server' })
    await once(socket, 'secureConnect')
    note('client', await eachAwaited(socket))
    await closed(socket)
    server.close()
    await closed(server)
  },

  'chunks of a request that arrive together': async (world, note) => {
    const server = http.createServer(async (request, response) => {
      note('server', await eachAwaited(request))
      response.end()
    })
    const socket = world.connect(await world.listen(server)).resume()
    const chunks = ['one', 'two', 'three', ''].map(text => `${text.length}\r\n${text}\r\n`)
    const headers = ['POST / HTTP/1.1', 'Host: server', 'Connection: close', 'Transfer-Encoding: chunked', '', '']
    socket.write(headers.join('\r\n') + chunks.join(''))
    await closed(socket)
    server.close()
    await closed(server)
  },

  'frames of HTTP/2 that arrive together': async (world, note) => {
    const server = http2.createServer()
    server.on('stream', stream => {
      stream.respond()
      for (const text of ['one', 'two', 'three']) stream.write(text)
      stream.end()
    })
    const socket = world.connect(await world.listen(server))
    const session = http2.connect('http://server', { createConnection: () => socket })
    const request = session.request()
    request.on('response', () => note('client', 'response'))
    request.once('data', () => note('client', 'data'))
    note('client', await eachAwaited(request))
    session.close()
    await closed(socket)
    server.close()
    await closed(server)
  },

  'TLS over a connection that the server resets': async (world, note, pem) => {
    const sockets: net.Socket[] = []
    const server = tls.createServer({ key: pem, cert: pem }, socket => {
      watch(note, 'server', socket)
      socket.once('data', () => sockets[0]?.resetAndDestroy())
    })
    server.on('connection', socket => sockets.push(socket))
    const raw = client(world, note, await world.listen(server))
    const socket = tls.connect({ socket: raw, ca: pem, servername: 'server' })
    watch(note, 'client TLS', socket)
    socket.write('hello')
    await closed(socket)
    server.close()
    await closed(server)
  },

  'TLS inside TLS': async (world, note, pem) => {
    const inner = tls.createServer({ key: pem, cert: pem }, socket => {
      watch(note, 'server', socket)
      socket.pipe(socket)
    })
    const server = tls.createServer({ key: pem, cert: pem }, socket => inner.emit('connection', socket))
    const port = await world.listen(server)
    const outer = tls.connect({ socket: world.connect(port), ca: pem, servername: 'server' })
    const socket = tls.connect({ socket: outer, ca: pem, servername: 'server' })
    watch(note, 'client', socket)
    socket.write('hello'.repeat(10_000))
    socket.removeAllListeners('data')
    const received: Buffer[] = []
    socket.on('data', chunk => {
      received.push(chunk)
      if (Buffer.concat(received).length === 50_000) socket.end()
    })
    await closed(socket)
    server.close()
    await closed(server)
  },

  'TLS that the server destroys': async (world, note, pem) => {
    const server = tls.createServer({ key: pem, cert: pem }, socket => {
      watch(note, 'server', socket)
      socket.once('data', () => socket.destroy())
    })
    const port = await world.listen(server)
    const socket = tls.connect({ socket: world.connect(port), ca: pem, servername: 'server' })
    watch(note, 'client', socket)
    socket.write('hello')
    await closed(socket)
    server.close()
    await closed(server)
  },

  'TLS to a port that does not listen': async (world, note) => {
    const server = net.createServer()
    const port = await world.listen(server)
    server.close()
    await closed(server)
    const socket = tls.connect({ socket: world.connect(port), servername: 'server' })
    watch(note, 'client', socket)
    await closed(socket)
  },

  'TLS with a server that does not speak it': async (world, note) => {
    const server = net.createServer(socket => {
      socket.on('error', () => {}).resume()
      socket.write('220 mail.example ready\r\n')
    })
    const port = await world.listen(server)
    const socket = tls.connect({ socket: world.connect(port), servername: 'server' })
    socket.on('error', ({ code, syscall }: NodeJS.ErrnoException) => note('client', `error ${code} ${syscall}`))
    socket.on('close', hadError => note('client', `close ${hadError}`))
    await closed(socket)
    server.close()
    await closed(server)
  },

  'TLS whose handshake takes too long': async (world, note, pem) => {
    const server = tls.createServer({ key: pem, cert: pem, handshakeTimeout: 20 })
    server.on('tlsClientError', (error, socket) => {
      note('server', errorText(error))
      socket.destroy()
    })
    const port = await world.listen(server)
    const socket = client(world, note, port)
    await closed(socket)
    server.close()
    await closed(server)
  },

  'http2 with a request and a reset stream': async (world, note) => {
    const server = http2.createServer()
    server.on('session', session => session.on('close', () => note('server', 'session closed')))
    server.on('stream', (stream, headers) => {
      note('server', `${headers[':path']}`)
      stream.on('error', error => note('server', errorText(error)))
      if (headers[':path'] === '/reset') stream.close(http2.constants.NGHTTP2_CANCEL)
      else {
        stream.respond({ ':status': 200 })
        stream.end('answer'.repeat(20_000))
      }
    })
    const port = await world.listen(server)
    const session = http2.connect(`http://${HOST}`, { createConnection: () => world.connect(port) })
    for (const event of ['connect', 'error', 'close']) session.on(event, () => note('client', event))
    const request = session.request({ ':path': '/' })
    note('client', `${(await text(request)).length}`)
    const reset = session.request({ ':path': '/reset' })
    reset.on('error', error => note('client', errorText(error)))
    await closed(reset)
    note('client', `${reset.rstCode} ${session.socket.remoteAddress}`)
    session.close()
    await closed(session)
    server.close()
    await closed(server)
  },

  'a datagram and its answer': async (world, note) => {
    const server = dgram.createSocket('udp4')
    server.on('message', (message, { address, family, size }) => {
      note('server', `${message} ${address} ${family} ${size}`)
      if (`${message}` === 'last') server.close()
    })
    server.on('listening', () => note('server', 'listening'))
    server.on('close', () => note('server', 'close'))
    const port = await world.bind(server)
    note('server', JSON.stringify({ ...server.address(), port: 0 }))
    const socket = dgram.createSocket('udp4')
    await world.bind(socket)
    const sent = (error: Error | null, size: number) => note('client', `sent ${error && errorText(error)} ${size}`)
    socket.send('hello', port, HOST, sent)
    socket.send([Buffer.from('in '), 'parts'], port, HOST, sent)
    socket.send(Buffer.alloc(65_508), port, HOST, sent)
    socket.send('one', 9, '203.0.113.9999', error => note('client', `sent ${error?.message.split(' ')[0]}`))
    socket.connect(port, HOST)
    await once(socket, 'connect')
    note('client', JSON.stringify({ ...socket.remoteAddress(), port: 0 }))
    socket.send('last', sent)
    await closed(server)
    socket.close()
    await closed(socket)
  },

  'a datagram that a connected socket sends to no one': async (world, note) => {
    const free = dgram.createSocket('udp4')
    const port = await world.bind(free)
    free.close()
    const socket = dgram.createSocket('udp4')
    await world.bind(socket)
    socket.on('error', error => note('client', errorText(error)))
    socket.connect(port, HOST)
    await once(socket, 'connect')
    socket.send('hello')
    await new Promise(resolve => socket.once('error', resolve))
    socket.disconnect()
    socket.close()
    await closed(socket)
  },

  'chunks and addresses of datagrams': async (world, note) => {
    const [four, six] = [dgram.createSocket('udp4'), dgram.createSocket('udp6')]
    const port = await world.bind(four)
    await world.bind(six, 0, '::')
    four.on('message', message => note('four', `${message}`))
    const send = (end: string, socket: dgram.Socket, chunk: unknown, host: string) =>
      new Promise<void>(resolve => {
        socket.send(chunk as string, port, host, (error, size) => {
          note(end, `sent ${error && errorText(error)} ${size}`)
          resolve()
        })
      })
    const bytes = Buffer.from('a view of bytes')
    const received = once(four, 'message')
    await send('four', four, new DataView(bytes.buffer, bytes.byteOffset + 2, 4), HOST)
    await received
    for (const host of ['::ffff:127.0.0.2', '::ffff:127.0.0.1']) await send('four', four, 'x', host)
    await send('six', six, 'x', HOST)
    const mapped = once(four, 'message')
    await send('six', six, 'mapped', `::ffff:${HOST}`)
    await mapped
    for (const socket of [four, six]) socket.close()
    await Promise.all([closed(four), closed(six)])
  },

  'options of a datagram socket': async (world, note) => {
    const socket = dgram.createSocket({ type: 'udp4', recvBufferSize: 10_000 })
    await world.bind(socket)
    socket.setBroadcast(true)
    socket.setTTL(3)
    socket.setMulticastTTL(3)
    note('client', `${socket.getRecvBufferSize()} ${socket.getSendQueueSize()} ${socket.getSendQueueCount()}`)
    for (const call of [() => socket.setTTL(300), () => socket.bind(1), () => socket.disconnect()]) {
      try {
        call()
      } catch (error) {
        note('client', errorText(error as Error))
      }
    }
    socket.close()
    await closed(socket)
    try {
      socket.address()
    } catch (error) {
      note('client', errorText(error as Error))
    }
  },

  'errors of bind': async (world, note) => {
    const first = dgram.createSocket('udp4')
    const port = await world.bind(first)
    for (const [wanted, host] of [
      [port, HOST],
      [0, '203.0.113.1'],
    ] as const) {
      const second = dgram.createSocket('udp4')
      second.on('error', error => note('server', errorText(error)))
      await world.bind(second, wanted, host).catch(error => note('server', `rejected: ${errorText(error)}`))
      second.close()
    }
    first.close()
    await closed(first)
  },
}
