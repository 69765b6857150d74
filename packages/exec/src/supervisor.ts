/**
 * Handles the trapped calls of a program under `vnet exec`. For each call a handler either returns
 * the driver's result or lets the kernel run the call. A call that concerns no vnet waits for this
 * process only. Calls that fail here are left to the kernel as well.
 */
import { EIO } from 'vnet'
import { ownNamespace } from 'vnet/kit/control'
import { check, closeFd, closingOnError, type Native } from 'vnet/kit/linux'
import { uapi } from 'vnet/kit/net'
import { Conversations } from './conversations.ts'
import { GenericNetlink } from './generic-netlink.ts'
import { OtherProcesses } from './other-process.ts'
import { privateIoctls } from './private-ioctl.ts'
import { requesterOf } from './program-socket.ts'
import { Reception } from './reception.ts'
import { relayOf } from './relay.ts'
import { Replies } from './replies.ts'
import { type Notification, NotificationListener } from './seccomp.ts'
import { Subscriptions } from './subscriptions.ts'
import type { Supervision } from './supervision.ts'
import { bySyscallNumber } from './system-calls.ts'
import { ReachableVnets } from './vnets.ts'

/** Takes over `fd` until disposed of or no process has the filter. Calls that throw return EIO. */
export function supervise(
  native: Native,
  fd: number,
  onDefect: (error: unknown) => void,
): Disposable {
  const home = check(native.socket(uapi.AF_UNIX, uapi.SOCK_STREAM, 0, -1), 'socket(AF_UNIX)')
  const processes = new OtherProcesses(native, { fd: home, inode: ownNamespace('net') })
  const vnets = new ReachableVnets()
  const conversations = new Conversations({ native, onDefect })
  const handle = (notification: Notification) => {
    try {
      handlers.get(notification.nr)?.(notification)
    } catch (error) {
      onDefect(error)
      listener.answer(notification, -EIO)
    }
  }
  const listener = closingOnError(
    native,
    [home, fd],
    () => new NotificationListener(native, fd, handle),
  )
  const supervision: Supervision = {
    native,
    listener,
    processes,
    vnets,
    conversations,
    onDefect,
    requesterOf: pid => requesterOf(native, processes, pid),
  }
  const replies = new Replies(native)
  const subscriptions = new Subscriptions(supervision, replies)
  const reception = new Reception(supervision, replies)
  const netlink = new GenericNetlink(supervision, relayOf(supervision, replies, subscriptions))
  const handlers = bySyscallNumber<(call: Notification) => void>({
    ioctl: privateIoctls(supervision),
    socket: call => netlink.socket(call),
    sendmsg: call => netlink.sendmsg(call),
    sendto: call => netlink.sendto(call),
    write: call => netlink.write(call),
    writev: call => netlink.writev(call),
    sendmmsg: call => netlink.sendmmsg(call),
    setsockopt: call => subscriptions.setsockopt(call),
    recvmsg: call => reception.recvmsg(call),
    recvfrom: call => reception.recvfrom(call),
    recvmmsg: call => reception.recvmmsg(call),
    read: call => reception.read(call),
    readv: call => reception.readv(call),
    preadv2: call => reception.preadv2(call),
  })
  return {
    [Symbol.dispose]() {
      listener.close()
      conversations.close()
      subscriptions.close()
      reception.close()
      processes.close()
      closeFd(native, home)
    },
  }
}
