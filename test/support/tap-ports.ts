/** Ports of a LinuxHost that is at home in a namespace of the test's own, and what they tell. */
import { onTestFinished } from 'vitest'
import { EINVAL } from '../../src/core/errno.ts'
import type { LinkChange, PortSpec } from '../../src/core/port.ts'
import { LinuxHost } from '../../src/kernel/host.ts'
import type { Native } from '../../src/kernel/native.ts'
import { RTNLGRP_IPV4_MCADDR, RTNLGRP_IPV6_MCADDR } from '../../src/kernel/rtnetlink/uapi.ts'
import type { TapPort } from '../../src/kernel/tap-port.ts'
import { NETLINK_ADD_MEMBERSHIP, SOL_NETLINK } from '../../src/kernel/uapi.ts'
import { SkBuffPool } from '../../src/skb/pool.ts'
import { type Netns, OwnNetns } from './netns.ts'

export class TapPorts {
  readonly own = new OwnNetns()
  readonly home: Netns = this.own.add()
  readonly host: LinuxHost
  readonly #slots = new SkBuffPool({ large: 4, small: 4 }).openAccount(() => {})

  /** `overrides` make calls of a Native that is at home there answer otherwise. All is removed when the test has ended. */
  constructor(overrides: (native: Native) => Partial<Native> = () => ({})) {
    this.host = new LinuxHost(this.own.at(this.home, overrides(this.own.at(this.home))))
    // Also when it timed out.
    onTestFinished(async () => {
      await this.host.close()
      this.own.remove()
    })
  }

  /** Opens `tap0`, of one queue, unless asked otherwise. */
  open(spec: Partial<PortSpec> = {}): Promise<TapPort> {
    return this.host.open({ name: 'tap0', queues: 1, features: 0, slots: this.#slots, ...spec })
  }
}

/** A kernel that has no events of groups. */
export const withoutGroupEvents = ({ setsockopt }: Native): Partial<Native> => ({
  setsockopt(fd, level, name, value) {
    const joins = level === SOL_NETLINK && name === NETLINK_ADD_MEMBERSHIP
    const missing = joins && [RTNLGRP_IPV4_MCADDR, RTNLGRP_IPV6_MCADDR].includes(value[0])
    return missing ? -EINVAL : setsockopt(fd, level, name, value)
  },
})

/** What a port tells from now on. */
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

  /** The first change of this kind that is so, told up to now or from now on. */
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
