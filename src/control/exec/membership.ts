/** setsockopt(SOL_NETLINK, NETLINK_ADD_MEMBERSHIP or NETLINK_DROP_MEMBERSHIP) of vnet_nl's group. Other groups, and options, are the kernel's. */
import { EPERM } from '../../core/errno.ts'
import type { Notification } from '../../kernel/seccomp.ts'
import { isGeneric } from '../../kernel/socket-identity.ts'
import { NETLINK_ADD_MEMBERSHIP, SOL_NETLINK } from '../../kernel/uapi.ts'
import { getU32 } from '../../netlink/index.ts'
import { VNET_MCGRP_EVENTS } from '../family.ts'
import type { Subscriptions } from './subscriptions.ts'
import type { Supervision } from './supervisor.ts'

const NETLINK_DROP_MEMBERSHIP = 2
const INT_LEN = 4
const ROOT = 0

export class Membership {
  readonly #supervision: Supervision
  readonly #subscriptions: Subscriptions

  constructor(supervision: Supervision, subscriptions: Subscriptions) {
    this.#supervision = supervision
    this.#subscriptions = subscriptions
  }

  setsockopt(notification: Notification): void {
    const { listener } = this.#supervision
    const result = this.#isOurGroup(notification) ? this.#change(notification) : undefined
    if (result === undefined) listener.proceed(notification)
    else listener.answer(notification, result)
  }

  #isOurGroup(notification: Notification): boolean {
    const name = notification.int(2)
    if (notification.int(1) !== SOL_NETLINK || notification.int(4) < INT_LEN) return false
    if (name !== NETLINK_ADD_MEMBERSHIP && name !== NETLINK_DROP_MEMBERSHIP) return false
    const group = new Uint8Array(INT_LEN)
    const read = this.#supervision.processes.read(notification.pid, notification.address(3), group)
    return read === 0 && getU32(group, 0) === VNET_MCGRP_EVENTS
  }

  /** What the call returns; undefined when the kernel is to run it. */
  #change(notification: Notification): number | undefined {
    const { processes, vnets, listener, askerOf } = this.#supervision
    const { pid } = notification
    const number = notification.int(0)
    const where = processes.withDescriptor(pid, number, fd => {
      const netns = isGeneric(this.#supervision.native, fd) ? processes.namespaceOf(fd) : undefined
      return netns === undefined ? undefined : this.#subscriptions.where(pid, number, fd, netns)
    })
    const asker = askerOf(pid)
    if (where === undefined || vnets.serving(where.netns).length === 0 || !listener.isWaiting(notification))
      return undefined
    if (notification.int(2) === NETLINK_DROP_MEMBERSHIP) {
      this.#subscriptions.leave(where)
      return 0
    }
    // As the kernel has it for the groups of most families.
    if (asker !== undefined || process.geteuid?.() !== ROOT) return -EPERM
    this.#subscriptions.join(where)
    return 0
  }
}
