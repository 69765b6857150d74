/** Programs with sockets of node:net. */
import { AsyncLocalStorage } from 'node:async_hooks'
import { once } from 'node:events'
import net from 'node:net'
import { HOST } from '../socket-worlds.ts'
import {
  client,
  closed,
  ended,
  errorText,
  type Program,
  pair,
  serverSocket,
  state,
  watch,
  watched,
} from './program.ts'

export const tcpPrograms: Record<string, Program> = {
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
    await ended(server)
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
    await ended(server)
  },

  'a client that is destroyed with unread data': pair(
    socket => socket.write('unread'),
    socket => {
      socket.pause()
      // Once Node has read the data, the kernel closes the connection instead of resetting it.
      const look = setInterval(() => {
        if (socket.bytesRead === 0) return
        clearInterval(look)
        socket.destroy()
      }, 1)
    },
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
    await ended(server)
  },

  'writes after the end of the peer': pair(
    socket => socket.end(),
    (socket, note) =>
      socket.on('end', () =>
        socket.write('late', error => note('client', `written: ${error && errorText(error)}`)),
      ),
  ),

  'writes to a peer that has closed': pair(
    socket => socket.destroy(),
    (socket, note) =>
      socket.once('end', () => {
        const written = (error?: Error | null) =>
          note('client', `written: ${error && errorText(error)}`)
        socket.write('first', written)
        setTimeout(() => socket.write('second', written), 5)
      }),
    { client: { allowHalfOpen: true } },
  ),

  'writes after a reset that was not read': pair(
    () => {},
    async (socket, note, accepted) => {
      const written = (error?: Error | null) =>
        note('server', `written: ${error && errorText(error)}`)
      const [other] = await Promise.all([accepted, once(socket, 'connect')])
      socket.resetAndDestroy()
      await closed(socket)
      setTimeout(() => other.write('late', written), 5)
    },
    { server: { pauseOnConnect: true } },
  ),

  'writes that wait when their socket is destroyed': async (world, note) => {
    const server = net.createServer({ pauseOnConnect: true })
    const accepted = serverSocket(server)
    const socket = client(world, note, await world.listen(server))
    socket.once('connect', () => {
      for (const bytes of [Buffer.alloc(20 * 2 ** 20), 'more']) {
        socket.write(bytes, error => note('client', `written: ${error && errorText(error)}`))
      }
      setTimeout(() => socket.destroy(), 5)
    })
    await closed(socket)
    const other = await accepted
    other.destroy()
    await ended(server)
  },

  'callbacks of writes, ticks and immediates': pair(
    socket => socket.resume(),
    (socket, note) =>
      socket.once('connect', () => {
        note('client', `${socket.write('one', () => note('client', 'one'))}`)
        process.nextTick(() => note('client', 'tick'))
        setImmediate(() => note('client', 'immediate'))
        note(
          'client',
          `${socket.write('two', () => note('client', 'two'))} ${socket.writableLength}`,
        )
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
    note(
      'client',
      `${state(socket)} ${socket.localAddress} ${socket.remoteAddress} ${socket.remotePort === port}`,
    )
    note('client', JSON.stringify({ ...socket.address(), port: 0 }))
    await closed(socket)
    note('client', `${state(socket)} ${socket.localAddress} ${socket.remoteAddress}`)
    await ended(server)
  },

  'time-outs': pair(
    socket => socket.on('end', () => socket.end()),
    (socket, note) =>
      socket.once('connect', () =>
        socket.setTimeout(20, () => {
          note('client', `idle ${socket.timeout}`)
          socket.setTimeout(0)
          socket.end()
        }),
      ),
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
    await ended(server)
  },

  'servers of all addresses of IPv4': async (world, note) => {
    const [server, other] = [net.createServer(socket => socket.end('hello')), net.createServer()]
    const port = await world.listen(server, 0, '0.0.0.0')
    for (const host of [HOST, '::1', '::ffff:127.0.0.1']) {
      const socket = world.connectTo(port, host).resume()
      socket.on('error', (error: NodeJS.ErrnoException) => note(host, `${error.code}`))
      socket.on('connect', () => note(host, `connected to ${socket.remoteAddress}`))
      await closed(socket)
    }
    await world.listen(other, port, '::1')
    note('other', 'listens')
    await Promise.all([ended(server), ended(other)])
  },

  'a server of IPv6 only beside one of IPv4': async (world, note) => {
    const [six, four] = [net.createServer(), net.createServer()]
    const connect = async (host: string) => {
      const socket = world.connectTo(port, host).resume()
      socket.on('error', ({ code }: NodeJS.ErrnoException) => note(host, `${code}`))
      socket.on('connect', () => note(host, 'connected'))
      await closed(socket)
    }
    for (const server of [six, four]) {
      server.on('connection', socket => {
        note(server === six ? 'six' : 'four', `${socket.remoteAddress}`)
        socket.end()
      })
    }
    // It has no effect on a server of IPv4.
    const listen = async (server: net.Server, host: string, wanted: number) => {
      world.enter(() => server.listen({ host, port: wanted, ipv6Only: true }))
      await once(server, 'listening')
      return (server.address() as net.AddressInfo).port
    }
    const port = await listen(six, '::', 0)
    await connect('::1')
    await connect(HOST)
    await listen(four, '0.0.0.0', port)
    await connect('::1')
    await connect(HOST)
    const other = net.createServer()
    await world.listen(other, port, '::').catch(({ code }) => note('other', code))
    await Promise.all([ended(six), ended(four)])
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
    await ended(server)
  },

  'local addresses of a client': async (world, note) => {
    const server = net.createServer(socket => socket.end())
    const port = await world.listen(server, 0, '::')
    for (const [host, localAddress] of [
      [HOST, '127.0.0.2'],
      [HOST, '0.0.0.0'],
      [HOST, '203.0.113.1'],
      [HOST, '::1'],
      [HOST, '::'],
      [HOST, `::ffff:${HOST}`],
      ['::1', '::1'],
      ['::1', HOST],
      ['::1', '2001:db8::1'],
      ['::1', `::ffff:${HOST}`],
      [`::ffff:${HOST}`, `::ffff:${HOST}`],
      [`::ffff:${HOST}`, '::1'],
    ] as const) {
      const end = `${host} from ${localAddress}`
      const socket = world.connectTo(port, host, { localAddress }).resume()
      socket.on('error', ({ code, syscall }: NodeJS.ErrnoException) =>
        note(end, `${syscall} ${code}`),
      )
      socket.on('connect', () => note(end, `connected from ${socket.localAddress}`))
      await closed(socket)
    }
    await ended(server)
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
        for (let chunk = socket.read(2); chunk !== null; chunk = socket.read(2)) {
          note('server', `read ${chunk}`)
        }
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
    await ended(server)
  },

  'errors of listen': async (world, note) => {
    const first = net.createServer()
    const port = await world.listen(first)
    const second = net.createServer()
    second.on('error', error => note('server', errorText(error)))
    await world.listen(second, port).catch(error => note('server', `rejected: ${errorText(error)}`))
    note('server', `${second.listening} ${second.address()}`)
    await world
      .listen(second, 0, '203.0.113.1')
      .catch(error => note('server', `rejected: ${errorText(error)}`))
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
      const end = () => socket.setTimeout(0).end('x')
      socket.once('data', () => context.run('server socket', () => socket.setTimeout(10, end)))
    })
    const port = await context.run('server', () => world.listen(server))
    const socket = context.run('client', () => world.connect(port))
    see('client', socket)
    context.run('writer', () =>
      socket.write('x', () => note('client', `written ${context.getStore()}`)),
    )
    await context.run('other', () => closed(socket))
    await ended(server)
  },
}
