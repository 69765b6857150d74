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
import { AF_NETLINK, NETLINK_USERSOCK, SOCK_RAW } from '../../kernel/uapi.ts'
import { ownNamespace, RUN_DIRECTORY } from '../directory.ts'
import { type Asker, askerOf } from './credentials.ts'
import { DriverSockets } from './driver-socket.ts'
import { Drivers } from './drivers.ts'
import { GenericNetlink } from './generic-netlink.ts'
import { PrivateIoctls } from './private-ioctl.ts'

/** What the handlers work with. */
export interface Supervision {
  readonly native: Native
  readonly listener: NotificationListener
  readonly processes: OtherProcesses
  readonly drivers: Drivers
  readonly sockets: DriverSockets
  /** In whose name a thread's requests are made; undefined is ours, and null that none are. */
  askerOf(pid: number): Asker | undefined | null
}

export interface SuperviseOptions {
  readonly directory?: string
  /** Told of an exception in here, which is a defect; the call it came from gets EIO. */
  readonly onDefect: (error: unknown) => void
}

/** Numbers of the descriptors that generic netlink sockets get in a program: below what select(2) can take. */
export const FIRST_DESCRIPTOR = 960
export const LAST_DESCRIPTOR = 1023

/** Answers what comes by notification descriptor `fd`, which it takes over, until disposed of or everybody with the filter is gone. */
export function supervise(native: Native, fd: number, options: SuperviseOptions): Disposable {
  const { directory = RUN_DIRECTORY, onDefect } = options
  const nr = syscallNumbers(process.arch)
  const home = check(native.socket(AF_NETLINK, SOCK_RAW, NETLINK_USERSOCK, -1), 'socket(AF_NETLINK, NETLINK_USERSOCK)')
  const processes = new OtherProcesses(native, { fd: home, inode: ownNamespace('net') })
  const drivers = new Drivers(native, directory)
  const sockets = new DriverSockets()
  const guarded = (handler: (notification: Notification) => void | Promise<void>) => (notification: Notification) => {
    const failed = (error: unknown) => {
      onDefect(error)
      listener.answer(notification, -EIO)
    }
    try {
      const done = handler(notification)
      if (done !== undefined) done.catch(failed)
    } catch (error) {
      failed(error)
    }
  }
  const listener = new NotificationListener(native, fd, notification => handlers.get(notification.nr)?.(notification))
  const supervision: Supervision = {
    ...{ native, listener, processes, drivers, sockets },
    askerOf: pid => askerOf(processes, pid),
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
      sockets.close()
      netlink.close()
      drivers.close()
      processes.close()
      native.close(home)
    },
  }
}
