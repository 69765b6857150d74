/**
 * What answers the trapped calls of a program under `vnet exec`. Each handler decides: the driver answers, or the kernel does the call
 * as ever. A call about nothing of ours never waits for anything but this process; what goes wrong here becomes the kernel's answer, too.
 */
import { EIO } from '../../core/errno.ts'
import { check } from '../../kernel/errno.ts'
import type { Native } from '../../kernel/native.ts'
import { OtherProcesses } from '../../kernel/other-process.ts'
import { type Notification, NotificationListener } from '../../kernel/seccomp.ts'
import { syscallNumbers } from '../../kernel/syscalls.ts'
import { AF_UNIX, SOCK_STREAM } from '../../kernel/uapi.ts'
import { ownNamespace } from '../directory.ts'
import type { FindOptions } from '../find.ts'
import { Conversations } from './conversations.ts'
import { type Asker, askerOf } from './credentials.ts'
import { GenericNetlink } from './generic-netlink.ts'
import { PrivateIoctls } from './private-ioctl.ts'
import { Vnets } from './vnets.ts'

/** What the handlers work with. */
export interface Supervision {
  readonly native: Native
  readonly listener: NotificationListener
  readonly processes: OtherProcesses
  readonly vnets: Vnets
  readonly conversations: Conversations
  /** Where vnets are looked for. */
  readonly where: FindOptions
  /** In whose name a thread's requests are made; undefined is ours, and null that none are. */
  askerOf(pid: number): Asker | undefined | null
}

export interface SuperviseOptions {
  /** Where vnets are looked for, in place of the usual directories. */
  readonly directory?: string | undefined
  /** Called with an exception in here, which is a defect; the call it came from gets EIO. */
  readonly onDefect: (error: unknown) => void
}

/** Numbers of the descriptors that generic netlink sockets get in a program: below what select(2) can take. */
export const FIRST_DESCRIPTOR = 960
export const LAST_DESCRIPTOR = 1023

/** Answers what comes by notification descriptor `fd`, which it takes over, until disposed of or everybody with the filter is gone. */
export function supervise(native: Native, fd: number, options: SuperviseOptions): Disposable {
  const { directory, onDefect } = options
  const nr = syscallNumbers(process.arch)
  const home = check(native.socket(AF_UNIX, SOCK_STREAM, 0, -1), 'socket(AF_UNIX)')
  const processes = new OtherProcesses(native, { fd: home, inode: ownNamespace('net') })
  const where = { directory }
  const vnets = new Vnets(where)
  const conversations = new Conversations(native)
  const guarded = (handler: (notification: Notification) => void) => (notification: Notification) => {
    try {
      handler(notification)
    } catch (error) {
      onDefect(error)
      listener.answer(notification, -EIO)
    }
  }
  const listener = new NotificationListener(native, fd, notification => handlers.get(notification.nr)?.(notification))
  const supervision: Supervision = {
    ...{ native, listener, processes, vnets, conversations, where },
    askerOf: pid => askerOf(native, processes, pid),
  }
  const ioctls = new PrivateIoctls(supervision)
  const netlink = new GenericNetlink(supervision, { first: FIRST_DESCRIPTOR, last: LAST_DESCRIPTOR })
  const handlers = new Map<number, (notification: Notification) => void>(
    nr === undefined
      ? []
      : [
          [nr.ioctl, guarded(notification => ioctls.handle(notification))],
          [nr.socket, guarded(notification => netlink.socket(notification))],
          [nr.sendmsg, guarded(notification => netlink.sendmsg(notification))],
          [nr.sendto, guarded(notification => netlink.sendto(notification))],
          [nr.write, guarded(notification => netlink.write(notification))],
          [nr.writev, guarded(notification => netlink.writev(notification))],
          [nr.sendmmsg, guarded(notification => netlink.sendmmsg(notification))],
          [nr.setsockopt, guarded(notification => netlink.setsockopt(notification))],
          [nr.recvmsg, guarded(notification => netlink.reception.recvmsg(notification))],
          [nr.recvfrom, guarded(notification => netlink.reception.recvfrom(notification))],
          [nr.recvmmsg, guarded(notification => netlink.reception.recvmmsg(notification))],
          [nr.read, guarded(notification => netlink.reception.read(notification))],
          [nr.readv, guarded(notification => netlink.reception.readv(notification))],
          [nr.preadv2, guarded(notification => netlink.reception.preadv2(notification))],
        ],
  )
  return {
    [Symbol.dispose]() {
      listener.close()
      conversations.close()
      netlink.close()
      processes.close()
      native.close(home)
    },
  }
}
