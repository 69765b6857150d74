/** Programs with node:tls and node:https. */
import { once } from 'node:events'
import https from 'node:https'
import net from 'node:net'
import { text } from 'node:stream/consumers'
import tls from 'node:tls'
import { HOST } from '../socket-worlds.ts'
import { client, closed, eachAwaited, ended, errorText, type Program, watch } from './program.ts'

export const tlsPrograms: Record<string, Program> = {
  'https with a certificate of its own': async (world, note, pem) => {
    const server = https.createServer({ key: pem, cert: pem }, (request, response) => {
      const { remoteAddress, localPort, encrypted } = request.socket as tls.TLSSocket
      response.end(`${request.url} ${remoteAddress} ${localPort === port} ${encrypted}`)
    })
    server.on('tlsClientError', error => note('server', `tlsClientError: ${errorText(error)}`))
    const port = await world.listen(server)
    for (const options of [{ ca: pem }, {}]) {
      const createConnection = () =>
        tls.connect({
          ...options,
          servername: 'server',
          socket: world.connect(port),
        } as tls.ConnectionOptions)
      const request = https.get({ host: HOST, port, path: '/secret', createConnection } as never)
      request.on('error', error => note('client', errorText(error)))
      request.on('response', async response => note('client', await text(response)))
      await closed(request)
    }
    await ended(server)
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
    socket.once('secureConnect', () =>
      note('client', `${socket.authorized} ${socket.remoteAddress}`),
    )
    socket.write('hello')
    socket.once('data', () => socket.end())
    await closed(socket)
    await ended(server)
  },

  'TLS over a connection that is open already': async (world, note, pem) => {
    const server = tls.createServer({ key: pem, cert: pem }, socket => socket.end('secret'))
    const port = await world.listen(server)
    const raw = world.connect(port)
    await once(raw, 'connect')
    const socket = tls.connect({ socket: raw, ca: pem, servername: 'server' })
    watch(note, 'client', socket)
    await closed(socket)
    await ended(server)
  },

  'records of TLS that arrive together': async (world, note, pem) => {
    const server = tls.createServer({ key: pem, cert: pem }, socket => {
      for (const text of ['one', 'two', 'three']) {
        socket.write(text)
      }
      socket.end()
    })
    const socket = tls.connect({
      socket: world.connect(await world.listen(server)),
      ca: pem,
      servername: 'server',
    })
    await once(socket, 'secureConnect')
    note('client', await eachAwaited(socket))
    await closed(socket)
    await ended(server)
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
    await ended(server)
  },

  'the callback of a write over TLS, and immediates': async (world, note, pem) => {
    const server = tls.createServer({ key: pem, cert: pem }, socket => socket.resume())
    const port = await world.listen(server)
    const socket = tls.connect({ socket: world.connect(port), ca: pem, servername: 'server' })
    await once(socket, 'secureConnect')
    await new Promise(resolve => setTimeout(resolve, 5))
    setImmediate(() => note('client', 'immediate'))
    socket.write('x', () => note('client', 'written'))
    await new Promise(resolve => setTimeout(resolve, 5))
    socket.end()
    await closed(socket)
    server.close()
    await closed(server)
  },

  'TLS inside TLS': async (world, note, pem) => {
    const inner = tls.createServer({ key: pem, cert: pem }, socket => {
      watch(note, 'server', socket)
      socket.pipe(socket)
    })
    const server = tls.createServer({ key: pem, cert: pem }, socket =>
      inner.emit('connection', socket),
    )
    const port = await world.listen(server)
    const outer = tls.connect({ socket: world.connect(port), ca: pem, servername: 'server' })
    const socket = tls.connect({ socket: outer, ca: pem, servername: 'server' })
    watch(note, 'client', socket)
    socket.write('hello'.repeat(10_000))
    socket.removeAllListeners('data')
    const received: Buffer[] = []
    socket.on('data', chunk => {
      received.push(chunk)
      if (Buffer.concat(received).length === 50_000) {
        socket.end()
      }
    })
    await closed(socket)
    await ended(server)
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
    await ended(server)
  },

  'TLS to a port that does not listen': async (world, note) => {
    const server = net.createServer()
    const port = await world.listen(server)
    await ended(server)
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
    socket.on('error', ({ code, syscall }: NodeJS.ErrnoException) =>
      note('client', `error ${code} ${syscall}`),
    )
    socket.on('close', hadError => note('client', `close ${hadError}`))
    await closed(socket)
    await ended(server)
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
    await ended(server)
  },
}
