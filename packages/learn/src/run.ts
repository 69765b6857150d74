/**
 * The worker of `vnet check`: a process that runs the checks of one exercise in one place, so that
 * a driver that does not return can be ended from outside. It prints one JSON line when a check
 * starts and one when it has ended.
 */
import { writeFileSync } from 'node:fs'
import { setImmediate } from 'node:timers/promises'
import { attempt } from 'vnet/internal/base/errno'
import type { Driver } from 'vnet/internal/netdev/driver'
import { formatAddress, formatMac } from 'vnet/internal/packet/address'
import { ETH_ALEN, ETH_HLEN } from 'vnet/internal/packet/ethernet'
import * as ipv4 from 'vnet/internal/packet/ipv4'
import type { CheckPlace, Exercise } from './exercise.ts'
import { onVnet, runLive } from './live.ts'
import { type Report, runEach, runMemoryChecks } from './run-memory.ts'

/**
 * Runs checks until one fails: later checks would mislead about a driver that does less than they
 * assume. `load` returns the file's driver. `isConfined`: its programs cannot reach this process.
 */
export async function runChecks(
  exercise: Exercise,
  where: CheckPlace,
  { file, isConfined }: { readonly file: string; readonly isConfined: boolean },
  load: () => Promise<Driver>,
  report: (report: Report) => void,
): Promise<void> {
  if (where === 'live') {
    silenceIpv6()
    return runEach(exercise.live, check => runLive(check, onVnet(file, isConfined)), report)
  }
  return runMemoryChecks(exercise, { load, report, timers, turn: setImmediate })
}

/** The number of timers of Node.js that keep this process alive. */
const timers = (): number => process.getActiveResourcesInfo().filter(name => name === 'Timeout').length

/** Keeps the kernel from transmitting frames that no check requested, if IPv6 is available here. */
export function silenceIpv6(): void {
  attempt(() => writeFileSync('/proc/sys/net/ipv6/conf/default/disable_ipv6', '1'))
}

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
  for (const [name, object] of Object.entries(methods)) {
    beforeCall(object, name.slice(name.lastIndexOf('.') + 1), () => called.push(name))
  }
  return called
}
