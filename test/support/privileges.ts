/** Commands that run others with fewer rights; `ip netns exec` needs its own, so it comes first. */
import type { Netns } from './netns.ts'

/** The user that has no rights anywhere. */
export const NOBODY = 65534

const SETS = ['inh-caps', 'ambient-caps', 'bounding-set']

/** As nobody, who may open every file (the tree can be in root's home) but has no right over interfaces. */
export function asNobodyIn({ name }: Netns): string[] {
  const user = [`--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups']
  return ['ip', 'netns', 'exec', name, 'setpriv', ...user, ...SETS.map(set => `--${set}=-all,+dac_override`)]
}

/** As root without a capability, `net_admin`. */
export function withoutCapIn({ name }: Netns, capability: string): string[] {
  return ['ip', 'netns', 'exec', name, 'setpriv', `--inh-caps=-${capability}`, `--bounding-set=-${capability}`]
}

/** Where there is no /dev/net/tun. */
export function withoutTunIn({ name }: Netns): string[] {
  const script = 'mount -t tmpfs none /dev/net && exec "$@"'
  return ['unshare', '-m', 'sh', '-c', script, 'sh', 'ip', 'netns', 'exec', name]
}
