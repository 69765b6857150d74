/** Ports of a LinuxPlatform in a namespace of the test, and their reported changes. */
import { onTestFinished } from 'vitest'
import { EINVAL } from '#src/base/errno.ts'
import { RTNLGRP_IPV4_MCADDR, RTNLGRP_IPV6_MCADDR } from '#src/linux/links/monitor.ts'
import type { Native } from '#src/linux/native.ts'
import { LinuxPlatform } from '#src/linux/platform.ts'
import type { TapPort } from '#src/linux/tap/port.ts'
import { NETLINK_ADD_MEMBERSHIP, SOL_NETLINK } from '#src/linux/uapi.ts'
import type { LinkChange, PortSpec } from '#src/netdev/port.ts'
import { SkBuffPool } from '#src/skb/pool.ts'
import { type Netns, OwnNetns } from './netns.ts'

export class TapPorts {
  readonly own = new OwnNetns()
  readonly home: Netns = this.own.add()
  readonly platform: LinuxPlatform
  readonly #slots = new SkBuffPool({ large: 4, small: 4 }).openAccount(() => {})

  /**
   * `overrides` replace calls of a Native in a namespace of the test. Everything is removed after
   * the test.
   */
  constructor(overrides: (native: Native) => Partial<Native> = () => ({})) {
    this.platform = new LinuxPlatform(this.own.at(this.home, overrides(this.own.at(this.home))))
    // Also after a timeout.
    onTestFinished(async () => {
      await this.platform.close()
      this.own.remove()
    })
  }

  /** Opens `tap0`, of one queue, by default. */
  open(spec: Partial<PortSpec> = {}): Promise<TapPort> {
    return this.platform.open({ name: 'tap0', queues: 1, features: 0, slots: this.#slots, ...spec })
  }
}

/** A kernel without multicast group events. */
export const withoutGroupEvents = ({ setsockopt }: Native): Partial<Native> => ({
  setsockopt(fd, level, name, value) {
    const joins = level === SOL_NETLINK && name === NETLINK_ADD_MEMBERSHIP
    const missing = joins && [RTNLGRP_IPV4_MCADDR, RTNLGRP_IPV6_MCADDR].includes(value[0])
    return missing ? -EINVAL : setsockopt(fd, level, name, value)
  },
})

/** Records the changes that a port reports from now on. */
export class Told {
  readonly changes: LinkChange[] = []
  #wake = (): void => {}

  constructor(port: TapPort) {
    port.onChange(change => {
      this.changes.push(change)
      this.#wake()
    })
  }

  get kinds(): string[] {
    return this.changes.map(({ kind }) => kind)
  }

  /** Returns the first change of this kind, past or future, for which `is` returns true. */
  async until<K extends LinkChange['kind']>(
    kind: K,
    is: (change: Extract<LinkChange, { kind: K }>) => boolean = () => true,
  ): Promise<Extract<LinkChange, { kind: K }>> {
    for (let seen = 0; ; seen++) {
      while (seen === this.changes.length) {
        await new Promise<void>(resolve => {
          this.#wake = resolve
        })
      }
      const change = this.changes[seen] as Extract<LinkChange, { kind: K }>
      if (change.kind === kind && is(change)) return change
    }
  }
}
