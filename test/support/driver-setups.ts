/** The drivers between two ends with addresses, for tests that hold for each of them. */
import type { Netns } from './netns.ts'
import type { End } from './sockets.ts'

export const DRIVERS = ['loop', 'snull', 'cable'] as const

export interface Setup {
  /** The arguments of vnet. */
  readonly args: readonly string[]
  readonly client: End
  readonly server: End
  readonly interfaces: readonly (readonly [Netns, string])[]
}

/** The interfaces of snull and cable are named left, in `near`, and right, in `far`. */
export function driverSetup(driver: (typeof DRIVERS)[number], near: Netns, far: Netns): Setup {
  const ends = [`${near.name}/left`, `${far.name}/right`]
  const interfaces = [[near, 'left'] as const, [far, 'right'] as const]
  const client = { netns: near, address: '198.18.0.1', reachedAt: '198.18.1.1' }
  const server = { netns: far, address: '198.18.1.2', reachedAt: '198.18.0.2' }
  if (driver === 'snull') return { args: ['snull', ...ends], client, server, interfaces }
  if (driver === 'loop') {
    return {
      args: ['--netns', near.name],
      client,
      server: { ...server, netns: near },
      interfaces: [[near, 'vnet0']],
    }
  }
  return {
    args: ['cable', ...ends, '--address', '192.0.2.1/24', '--address', '192.0.2.2/24'],
    client: { netns: near, address: '192.0.2.1', reachedAt: '192.0.2.1' },
    server: { netns: far, address: '192.0.2.2', reachedAt: '192.0.2.2' },
    interfaces,
  }
}
