/** Observations of checks: frames as text, the calls of a driver, and live checks with ping(8). */
import { ETH_ALEN, ETH_HLEN, formatAddress, formatMac, ipv4 } from 'vnet'
import { type Live, type ProgramOutput, verify } from './exercise.ts'

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
export const macAt = (bytes: Uint8Array, at: number): string =>
  formatMac(bytes.subarray(at, at + ETH_ALEN))

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

/** The pings of verifyNothingLost(). */
export interface Pings {
  readonly count: number
  /** Seconds between pings. A flood by default. */
  readonly interval?: string
  /** The addresses that are pinged at the same time. By default 198.18.0.9. */
  readonly targets?: readonly string[]
  /** Why all frames are received. */
  readonly because?: string
}

const FAR = '198.18.0.9'
const MIRRORED = 'a request and a reply for each ping, each mirrored'

/**
 * Starts vnet with `args` and pings each target. Fails unless the kernel received all frames that
 * it transmitted, by its own counters: a driver may print any. The count of ping is not used,
 * because ping's socket may lose replies that it does not read in time. Returns the last
 * statistics.
 */
export async function verifyNothingLost(
  { vnet, run }: Live,
  args: readonly string[],
  pings: Pings,
) {
  const { count, interval, targets = [FAR], because = MIRRORED } = pings
  const pace = interval === undefined ? ['-f'] : ['-i', interval]
  const running = await vnet(...args)
  await Promise.all(targets.map(to => run('ping', '-q', ...pace, '-c', `${count}`, '-W', '2', to)))
  // A queue keeps the order: these replies are the last. Others may be too late for their ping.
  await Promise.all(targets.map(to => run('ping', '-c', '1', '-W', '10', to)))
  const { tx, rx } = kernelCounts(await run('ip', '-s', '-j', 'link', 'show'), running.interfaces)
  const statistics = await running.stop()
  const all = 2 * targets.length * (count + 1)
  const times = targets.length === 1 ? '' : `${targets.length} times `
  verify(tx >= all && rx === tx, {
    seen: `${times}${count} pings, and one more: ${tx} frames transmitted, ${rx} received`,
    expected: `${all} at least, and all of them received: ${because}`,
  })
  return statistics
}

/** Takes the interface down and up, `times` times during pings, or once. Fails without replies. */
export async function verifyDownAndUp(
  { vnet, run }: Live,
  args: readonly string[] = [],
  times = 0,
): Promise<void> {
  const [name = ''] = (await vnet(...args)).interfaces
  const pings = times > 0 && run('ping', '-q', '-c', '100', '-i', '0.01', '-W', '1', FAR)
  for (let i = 0; i < Math.max(times, 1); i++) {
    await run('ip', 'link', 'set', name, 'down')
    await run('ip', 'link', 'set', name, 'up')
  }
  await pings
  // The first may be sent before vnet has noticed that the interface is up.
  const { status } = await run('ping', '-q', '-c', '1', '-i', '0.2', '-w', '10', FAR)
  const seen = `ip link set ${name} down, then up, then ping: no reply for 10 s`
  verify(status === 0, { seen, expected: 'replies' })
}

/** The frames of all these interfaces, by `ip -s -j link show`. */
function kernelCounts(
  { stdout }: ProgramOutput,
  names: readonly string[],
): { tx: number; rx: number } {
  const all = JSON.parse(stdout || '[]') as {
    ifname: string
    stats64: Record<'tx' | 'rx', { packets: number }>
  }[]
  const sum = (side: 'tx' | 'rx') =>
    all.reduce(
      (n, { ifname, stats64 }) => n + (names.includes(ifname) ? stats64[side].packets : 0),
      0,
    )
  return { tx: sum('tx'), rx: sum('rx') }
}

/** Pings, and fails unless a part of this kind was used, such as an interrupt that was taken. */
export async function verifyUsed(
  { vnet, run }: Live,
  args: readonly string[],
  kind: 'irq' | 'napi',
): Promise<void> {
  const [name = ''] = (await vnet(...args)).interfaces
  await run('ping', '-q', '-c', '3', '-i', '0.1', '-w', '10', FAR)
  const { stdout } = await run('vnet', 'show', name, '--json')
  const { parts = [] } = JSON.parse(stdout || '{}') as {
    parts?: { kind: string; count?: number }[]
  }
  const found = parts.filter(part => part.kind === kind)
  const texts = found.map(({ count = 0 }) => `${kind} used ${count} times`)
  verify(
    found.some(({ count = 0 }) => count > 0),
    {
      seen: `3 pings; vnet show ${name}: ${texts.join(', ') || `no ${kind}`}`,
      expected: `${kind} used: a frame is received by it`,
    },
  )
}
