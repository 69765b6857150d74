/**
 * Zones of IPv6 addresses, such as `fe80::1%server`. Node takes the interfaces of received
 * addresses from the network namespace of the process, so they are removed.
 */
import { UsageError } from 'vnet/internal/base/usage-error'
import type { CodeHost } from '../world/code.ts'
import type { DgramHandle } from '../world/dgram-state.ts'

/** Makes a UDP socket send to zones of its host, and removes those of senders. */
export function useZones(handle: DgramHandle, host: CodeHost): void {
  const { onmessage, onerror, send6 } = handle
  if (send6 === undefined) return
  handle.send6 = function (this: object, ...args: unknown[]) {
    const hasZone = args.some(each => typeof each === 'string' && each.includes('%'))
    return hasZone ? host.call(send6, this, args) : send6.apply(this, args)
  }
  handle.onmessage = (length, own, data, from) => {
    if (from?.address !== undefined) from.address = from.address.replace(/%.*/, '')
    onmessage(length, own, data, from)
  }
  // The machine may have no interface with the number of the host's.
  handle.onerror = (length, own, error) => {
    const isZone = error.syscall === 'uv_if_indextoiid'
    const text = 'a datagram from a link-local address is lost: only a program on the host can receive it here'
    onerror(length, own, isZone ? new UsageError(text) : error)
  }
}
