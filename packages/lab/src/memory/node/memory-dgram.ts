/** Sockets of node:dgram over a UDP in memory. */
import type dgram from 'node:dgram'
import { once } from 'node:events'
import { isIP } from 'node:net'
import type { Udp } from '@vnet/inet/internal/udp'
import { UsageError } from 'vnet/internal/base/usage-error'
import { checkPort } from '../../model/place.ts'
import { Boot } from '../time/boot.ts'
import { dgramState } from './dgram-state.ts'
import { symbolOf } from './native-stream.ts'
import { UdpHandle } from './udp-handle.ts'

const BIND_STATE_UNBOUND = 0

/**
 * Binds a UDP socket that is not bound yet to every address of its family, or to `host`. Returns
 * its port; 0 takes a free one.
 */
export async function bindInMemory(
  udp: Udp,
  socket: dgram.Socket,
  port: number,
  host: string | undefined,
  boot = new Boot(),
): Promise<number> {
  checkPort(port)
  const family = (socket as { type?: string }).type === 'udp6' ? 6 : 4
  const address = host ?? (family === 6 ? '::' : '0.0.0.0')
  if (isIP(address) === 0) throw new UsageError(`'${address}' is not an IP address to listen on`)
  takeOver(udp, socket, family, boot)
  const listening = once(socket, 'listening')
  // If its bind() throws, nothing waits for this promise. It may reject later.
  listening.catch(() => {})
  socket.bind({ port, address, exclusive: true })
  await listening
  return socket.address().port
}

/** Replaces the handle of a socket that is neither bound nor closed. */
function takeOver(udp: Udp, socket: dgram.Socket, family: 4 | 6, boot: Boot): void {
  const state = dgramState(socket)
  const { ipv6Only, reuseAddr } = state
  if (!state.handle || state.bindState !== BIND_STATE_UNBOUND) return
  const old = state.handle
  const handle = new UdpHandle(udp, { family, ipv6Only, reuseAddr, lookup: old.lookup, boot })
  // Node finds the socket of a handle by it.
  const owner = symbolOf(old, 'owner_symbol')
  Object.assign(handle, { [owner]: socket })
  if (!old.hasRef()) handle.unref()
  old.close()
  state.handle = handle
}
