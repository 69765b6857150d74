/**
 * TCP connections from the machine's network that a router passes on to a host inside: the kernel's
 * TCP is then the far end of the link. The TCP of pasta(1) recovers from a lost segment by sending
 * everything again.
 */
import net, { type Socket } from 'node:net'
import { attempt } from 'vnet'

/**
 * Returns a server that passes each connection on to the connection that `connect` returns. If one
 * side is reset, or cannot be connected, the other is reset.
 */
export function proxyServer(connect: (socket: Socket) => Socket): net.Server {
  return net.createServer({ allowHalfOpen: true, noDelay: true }, socket => {
    // It throws while the host has no link, and when the lab has ended.
    const other = attempt(() => connect(socket))
    if (other === undefined) {
      socket.resetAndDestroy()
      return
    }
    other.setNoDelay(true)
    other.allowHalfOpen = true
    for (const [from, to] of [
      [socket, other],
      [other, socket],
    ] as const) {
      from.pipe(to)
      from.on('error', () => to.resetAndDestroy())
      from.on('close', () => to.destroySoon())
    }
  })
}
