/** Programs for host.start that send back what they receive. */
import net from 'node:net'
import type { HostProgram } from '../../src/network/host-start.ts'

/** Listens on port 80 of TCP. */
export const echo: HostProgram = async ({ host }) => {
  await host.listen(
    net.createServer(socket => socket.on('error', () => {}).pipe(socket)),
    80,
  )
}

/** Listens on port 5000 of UDP. */
export const echoDatagrams: HostProgram = async ({ host }) => {
  const socket = await host.createSocket('udp4', 5000)
  socket.on('message', (message, from) => socket.send(message, from.port, from.address))
}
