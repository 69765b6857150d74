/** Observations of checks: frames as text, and the calls of a driver. */
import { ETH_ALEN, ETH_HLEN, formatAddress, formatMac } from 'vnet/internal/packet/index'
import * as ipv4 from 'vnet/internal/packet/ipv4'

/** `NOT_SPECIFIED 3, UNHANDLED_PROTO 2`; `nothing` for an empty record. */
export function counts(all: Readonly<Record<string, number>>): string {
  const texts = Object.entries(all).map(([name, n]) => `${name} ${n}`)
  return texts.length === 0 ? 'nothing' : texts.join(', ')
}

/** Returns the IPv4 addresses of a frame, as text. */
export function addressesOf(bytes: Uint8Array): { from: string; to: string } {
  const at = ETH_HLEN
  const text = (from: number) => formatAddress(bytes.subarray(from, from + ipv4.IPV4_ALEN))
  return { from: text(ipv4.sourceAt(at)), to: text(ipv4.destinationAt(at)) }
}

/** Returns the hardware address at a position of a frame, as text. */
export function macAt(bytes: Uint8Array, at: number): string {
  return formatMac(bytes.subarray(at, at + ETH_ALEN))
}

/** The number that the group of a pattern matches; undefined without a match. */
export function numberOf(pattern: RegExp, text: string): number | undefined {
  const found = pattern.exec(text)?.[1]
  return found === undefined ? undefined : Number(found)
}

/** Calls `look` before each call of a method of this object. */
export function beforeCall(object: object, method: string, look: () => void): void {
  const target = object as Record<string, (...args: unknown[]) => unknown>
  const call = target[method]
  if (call === undefined) throw new TypeError(`no method ${method}`)
  target[method] = (...args) => {
    look()
    return call.apply(object, args)
  }
}

/** Records the names of methods, such as `napi.enable`, as they are called. */
export function recordCalls(methods: Readonly<Record<string, object>>): string[] {
  const called: string[] = []
  for (const [name, object] of Object.entries(methods))
    beforeCall(object, name.slice(name.lastIndexOf('.') + 1), () => called.push(name))
  return called
}
