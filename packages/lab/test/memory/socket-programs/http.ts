/** Programs with node:http and node:http2. */
import { once } from 'node:events'
import http from 'node:http'
import http2 from 'node:http2'
import { text } from 'node:stream/consumers'
import { HOST } from '../socket-worlds.ts'
import { client, closed, eachAwaited, ended, errorText, type Program, watch } from './program.ts'

export const httpPrograms: Record<string, Program> = {
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
      if (request.url === '/idle') {
        response.end()
      }
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
        socket.write(
          `HTTP/1.1 ${event === 'connect' ? 200 : 101} Fine\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n`,
        )
        watch(note, 'server', socket)
        socket.pipe(socket)
      })
    }
    const port = await world.listen(server)
    for (const [method, path, headers] of [
      ['GET', '/', { connection: 'upgrade', upgrade: 'echo' }],
      ['CONNECT', 'far:80', {}],
    ] as const) {
      const request = http.request({
        method,
        path,
        headers,
        createConnection: () => world.connect(port),
      })
      request.end()
      const [response, socket] = await once(request, method === 'GET' ? 'upgrade' : 'connect')
      note('client', `${response.statusCode}`)
      watch(note, 'client', socket)
      socket.write('hello')
      socket.once('data', () => socket.end())
      await closed(socket)
    }
    await ended(server)
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
    await ended(server)
  },

  'chunks of a request that arrive together': async (world, note) => {
    const server = http.createServer(async (request, response) => {
      note('server', await eachAwaited(request))
      response.end()
    })
    const socket = world.connect(await world.listen(server)).resume()
    const chunks = ['one', 'two', 'three', ''].map(text => `${text.length}\r\n${text}\r\n`)
    const headers = [
      'POST / HTTP/1.1',
      'Host: server',
      'Connection: close',
      'Transfer-Encoding: chunked',
      '',
      '',
    ]
    socket.write(headers.join('\r\n') + chunks.join(''))
    await closed(socket)
    await ended(server)
  },

  'frames of HTTP/2 that arrive together': async (world, note) => {
    const server = http2.createServer()
    server.on('stream', stream => {
      stream.respond()
      for (const text of ['one', 'two', 'three']) {
        stream.write(text)
      }
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
    await ended(server)
  },

  'http2 with a request and a reset stream': async (world, note) => {
    const server = http2.createServer()
    server.on('session', session => session.on('close', () => note('server', 'session closed')))
    server.on('stream', (stream, headers) => {
      note('server', `${headers[':path']}`)
      stream.on('error', error => note('server', errorText(error)))
      if (headers[':path'] === '/reset') {
        stream.close(http2.constants.NGHTTP2_CANCEL)
      } else {
        stream.respond({ ':status': 200 })
        stream.end('answer'.repeat(20_000))
      }
    })
    const port = await world.listen(server)
    const session = http2.connect(`http://${HOST}`, { createConnection: () => world.connect(port) })
    for (const event of ['connect', 'error', 'close']) {
      session.on(event, () => note('client', event))
    }
    const request = session.request({ ':path': '/' })
    note('client', `${(await text(request)).length}`)
    const reset = session.request({ ':path': '/reset' })
    reset.on('error', error => note('client', errorText(error)))
    await closed(reset)
    note('client', `${reset.rstCode} ${session.socket.remoteAddress}`)
    session.close()
    await closed(session)
    await ended(server)
  },
}
