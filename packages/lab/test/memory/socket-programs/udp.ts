/** Programs with sockets of node:dgram. */
import dgram from 'node:dgram'
import { once } from 'node:events'
import { HOST } from '../socket-worlds.ts'
import { closed, errorText, type Program } from './program.ts'

export const udpPrograms: Record<string, Program> = {
  'a datagram and its answer': async (world, note) => {
    const server = dgram.createSocket('udp4')
    server.on('message', (message, { address, family, size }) => {
      note('server', `${message} ${address} ${family} ${size}`)
      if (`${message}` === 'last') {
        server.close()
      }
    })
    server.on('listening', () => note('server', 'listening'))
    server.on('close', () => note('server', 'close'))
    const port = await world.bind(server)
    note('server', JSON.stringify({ ...server.address(), port: 0 }))
    const socket = dgram.createSocket('udp4')
    await world.bind(socket)
    const sent = (error: Error | null, size: number) =>
      note('client', `sent ${error && errorText(error)} ${size}`)
    socket.send('hello', port, HOST, sent)
    socket.send([Buffer.from('in '), 'parts'], port, HOST, sent)
    socket.send(Buffer.alloc(65_508), port, HOST, sent)
    await new Promise<void>(resolve => {
      socket.send('one', 9, '203.0.113.9999', error => {
        note('client', `sent ${error?.message.split(' ')[0]}`)
        resolve()
      })
    })
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
    for (const host of ['::ffff:127.0.0.2', '::ffff:127.0.0.1']) {
      await send('four', four, 'x', host)
    }
    await send('six', six, 'x', HOST)
    const mapped = once(four, 'message')
    await send('six', six, 'mapped', `::ffff:${HOST}`)
    await mapped
    for (const socket of [four, six]) {
      socket.close()
    }
    await Promise.all([closed(four), closed(six)])
  },

  'options of a datagram socket': async (world, note) => {
    const socket = dgram.createSocket({ type: 'udp4', recvBufferSize: 10_000 })
    await world.bind(socket)
    socket.setBroadcast(true)
    socket.setTTL(3)
    socket.setMulticastTTL(3)
    note(
      'client',
      `${socket.getRecvBufferSize()} ${socket.getSendQueueSize()} ${socket.getSendQueueCount()}`,
    )
    for (const call of [
      () => socket.setTTL(300),
      () => socket.bind(1),
      () => socket.disconnect(),
    ]) {
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
      await world
        .bind(second, wanted, host)
        .catch(error => note('server', `rejected: ${errorText(error)}`))
      second.close()
    }
    first.close()
    await closed(first)
  },

  'addresses to which a socket is bound': async (world, note) => {
    for (const [type, host] of [
      ['udp4', '::1'],
      ['udp4', '::'],
      ['udp4', `::ffff:${HOST}`],
      ['udp6', HOST],
      ['udp6', '0.0.0.0'],
      ['udp6', '2001:db8::1'],
      ['udp6', `::ffff:${HOST}`],
    ] as const) {
      const socket = dgram.createSocket(type)
      socket.on('error', () => {})
      await world.bind(socket, 0, host).then(
        () => note(type, `bound to ${socket.address().address}`),
        error => note(type, errorText(error)),
      )
      socket.close()
    }
  },
}
