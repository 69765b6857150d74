/** The line at the end of a run: its time in the guest, its time here, and the busy programs. */
import { printable } from 'vnet/internal/base/printable'
import type { GuestReport } from './guest.ts'

const NS_PER_S = 1e9
const MS_PER_S = 1000
const UNITS = [
  [86_400, 'd'],
  [3600, 'h'],
  [60, 'min'],
] as const
/** Programs that are named. */
const NAMED = 4
/** Digits of the digest: enough to see that a run is the same. */
const DIGEST_SHOWN = 16

/** `2 h 0.32 s`. */
export function guestTime(ns: number): string {
  const parts: string[] = []
  let rest = ns / NS_PER_S
  for (const [seconds, unit] of UNITS) {
    const whole = Math.floor(rest / seconds)
    if (whole > 0) parts.push(`${whole} ${unit}`)
    rest -= whole * seconds
  }
  return [...parts, `${rest.toFixed(2)} s`].join(' ')
}

/**
 * Returns `2 h 0.32 s in the guest, 1.41 s here; busy 0.36 s: node 0.30 s, sh 0.06 s; sha256 ...`.
 * If the run took longer here, the text says how many times.
 */
export function reportText({ guestNs, wallMs, usage, digest }: GuestReport): string {
  const busy = usage.reduce((sum, { ns }) => sum + ns, 0)
  const seconds = (ns: number) => `${(ns / NS_PER_S).toFixed(2)} s`
  const named = usage.slice(0, NAMED).map(({ name, ns }) => `${printable(name)} ${seconds(ns)}`)
  const ratio = ((wallMs / MS_PER_S) * NS_PER_S) / guestNs
  const speed = ratio >= 2 ? `, ${ratio.toFixed(0)} times slower` : ''
  const here = `${(wallMs / MS_PER_S).toFixed(2)} s here${speed}`
  const bytes = `sha256 ${digest.slice(0, DIGEST_SHOWN)}`
  return `${guestTime(guestNs)} in the guest, ${here}; busy ${seconds(busy)}: ${named.join(', ')}; ${bytes}`
}
