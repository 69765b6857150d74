/**
 * TCP connections from the machine's network that a router passes inside: the kernel is the far end
 * of the link. TCP of pasta(1) recovers from a loss by sending everything again.
 */
import net, { type Socket } from 'node:net'
import { attempt } from 'vnet/internal/base/errno'

/** Passes connections on by `connect`. A reset or failure of one side resets the other. */
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
