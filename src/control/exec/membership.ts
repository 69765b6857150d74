/** setsockopt(SOL_NETLINK, NETLINK_ADD_MEMBERSHIP or NETLINK_DROP_MEMBERSHIP) of vnet_nl's group. Other groups, and options, are the kernel's. */
import { EPERM } from '../../core/errno.ts'
import type { Notification } from '../../kernel/seccomp.ts'
import { isGeneric } from '../../kernel/socket-identity.ts'
import { NETLINK_ADD_MEMBERSHIP, SOL_NETLINK } from '../../kernel/uapi.ts'
import { getU32 } from '../../netlink/index.ts'
import { PROGRAM_GROUP } from './group.ts'
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

  setsockopt(notification: Notification): void | Promise<void> {
    const { listener, drivers } = this.#supervision
    if (!this.#isOurGroup(notification)) return listener.proceed(notification)
    const change = () => this.#change(notification)
    return drivers.isChanged ? drivers.ask().then(change) : change()
  }

  #isOurGroup(notification: Notification): boolean {
    const name = notification.int(2)
    if (notification.int(1) !== SOL_NETLINK || notification.int(4) < INT_LEN) return false
    if (name !== NETLINK_ADD_MEMBERSHIP && name !== NETLINK_DROP_MEMBERSHIP) return false
    const group = new Uint8Array(INT_LEN)
    const read = this.#supervision.processes.read(notification.pid, notification.address(3), group)
    return read === 0 && getU32(group, 0) === PROGRAM_GROUP
  }

  #change(notification: Notification): void {
    const { native, processes, drivers, listener } = this.#supervision
    const { pid } = notification
    const number = notification.int(0)
    const fd = processes.descriptor(pid, number)
    const netns = fd >= 0 && isGeneric(native, fd) ? processes.namespaceOf(fd) : undefined
    const where = netns === undefined ? undefined : this.#subscriptions.where(pid, number, fd, netns)
    const asker = this.#supervision.askerOf(pid)
    const [driver] = netns === undefined ? [] : drivers.serving(netns)
    const end = (result: number | undefined) => {
      if (fd >= 0) native.close(fd)
      if (result === undefined) listener.proceed(notification)
      else listener.answer(notification, result)
    }
    if (where === undefined || driver === undefined || !listener.isWaiting(notification)) end(undefined)
    else if (notification.int(2) === NETLINK_DROP_MEMBERSHIP) {
      this.#subscriptions.leave(where)
      end(0)
    } else if (asker === null || (asker?.uid ?? ROOT) !== ROOT) end(-EPERM)
    else end(this.#subscriptions.join(driver, where))
  }
}
