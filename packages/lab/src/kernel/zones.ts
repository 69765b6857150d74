/**
 * Zones of IPv6 addresses, such as `fe80::1%server`. Node takes their interfaces from the network
 * namespace of the process, so sockets in another one refuse and hide them.
 */
import { attempt, ENODEV } from 'vnet/internal/base/errno'
import { UsageError } from 'vnet/internal/base/usage-error'
import { checkZone } from '../model/place.ts'
import type { DgramHandle } from '../world/dgram-state.ts'

/** The methods of a UDP handle that take an interface, under the names of dgram.Socket. */
const GROUP_CALLS = [
  'addMembership',
  'dropMembership',
  'addSourceSpecificMembership',
  'dropSourceSpecificMembership',
  'setMulticastInterface',
] as const

/** Makes a UDP socket refuse zones, and removes those of senders. */
export function refuseZones(handle: DgramHandle): void {
  for (const name of GROUP_CALLS) {
    const call = handle[name].bind(handle)
    handle[name] = (...addresses) => {
      for (const each of addresses) checkZone(name, each)
      return call(...addresses)
    }
  }
  const { onmessage, onerror } = handle
  handle.onmessage = (length, own, data, from) => {
    if (from?.address !== undefined) from.address = withoutZone(from.address)
    onmessage(length, own, data, from)
  }
  // The machine may have no interface with the number of the host's.
  handle.onerror = (length, own, error) => {
    const isZone = error.syscall === 'uv_if_indextoiid'
    const text = 'a datagram from a link-local address is lost: only a program on the host can receive it here'
    onerror(length, own, isZone ? new UsageError(text) : error)
  }
}

const withoutZone = (address: string): string => address.replace(/%.*/, '')

interface AcceptedHandle {
  getpeername(out: { address?: string }): number
  getsockname(out: { address?: string }): number
}

/** Removes zones from the addresses of an accepted connection. */
export function hideZones({ _handle: handle }: { readonly _handle: AcceptedHandle | null }): void {
  if (handle === null) return
  for (const name of ['getpeername', 'getsockname'] as const) {
    const call = handle[name].bind(handle)
    handle[name] = out => {
      // Fails if the machine has no such interface: Node then shows no address.
      const status = attempt(() => call(out)) ?? -ENODEV
      if (out.address !== undefined) out.address = withoutZone(out.address)
      return status
    }
  }
}
