/**
 * Events for a program: what it asked for by SUBSCRIBE, and the group. Each program's socket has a socket of ours for that, to which the
 * vnet sends; from there they are put into the program's, as long as the process that asked has it under the number it had. It is
 * looked for when there is an event, so that ours keeps neither the socket nor its port from being closed.
 */
import { decodeAttributes, messages, NetlinkParseError, parseGenl, policy, u32 } from '../../netlink/index.ts'
import {
  VNET_ATTR_EVENTS,
  VNET_CMD_EVENT,
  VNET_CMD_SUBSCRIBE,
  VNET_GENL_ID,
  VNET_MCGRP_EVENTS,
  VNET_PORT,
  VNET_PORTS,
} from '../family.ts'
import { DriverSocket, type Question } from './driver-socket.ts'
import type { Driver } from './drivers.ts'
import { inodeOf, portOf } from './program-socket.ts'
import type { Replies } from './replies.ts'
import type { Supervision } from './supervisor.ts'

/** A socket as its process has it. */
interface Where {
  readonly tgid: number
  readonly number: number
  readonly inode: number
  readonly netns: number
}

interface Subscription extends Where {
  readonly socket: DriverSocket
}

const subscribeRequest = policy({ events: u32(VNET_ATTR_EVENTS) })

export class Subscriptions {
  readonly #supervision: Supervision
  readonly #replies: Replies
  /** By the socket, and by whom they come from. */
  readonly #all = new Map<string, Subscription>()

  constructor(supervision: Supervision, replies: Replies) {
    this.#supervision = supervision
    this.#replies = replies
  }

  /** Where descriptor `number` of thread `pid` is, of which `fd` is ours; undefined when its process is gone. */
  where(pid: number, number: number, fd: number, netns: number): Where | undefined {
    const tgid = this.#supervision.processes.identity(pid)?.tgid
    return tgid === undefined ? undefined : { tgid, number, netns, inode: inodeOf(fd) }
  }

  /** Asks a question that has a SUBSCRIBE in it, from where its events are to come to. */
  subscribe(driver: Driver, where: Where, question: Question, ends: boolean): void {
    const key = `${id(where)} ${driver.home} ${driver.port}`
    // Another thread's, which the new one takes the place of.
    if (this.#all.get(key)?.socket.isBusy) this.#close(key)
    const socket = this.#all.get(key)?.socket ?? this.#open(key, driver, where, port => port === driver.port)
    if (typeof socket === 'number') {
      question.onEnd(socket)
      return
    }
    socket.ask({
      ...question,
      onEnd: result => {
        if (ends || result < 0) this.#close(key)
        question.onEnd(result)
      },
    })
  }

  /** Joins the group, of all vnets that are at home where `driver` is: 0, or -errno. -EPERM unless we are root. */
  join(driver: Driver, where: Where): number {
    const key = id(where)
    if (this.#all.has(key)) return 0
    const socket = this.#open(key, driver, where, isVnetPort)
    const result = typeof socket === 'number' ? socket : socket.join(VNET_MCGRP_EVENTS)
    if (result < 0) this.#close(key)
    return result
  }

  leave(where: Where): void {
    this.#close(id(where))
  }

  close(): void {
    for (const key of [...this.#all.keys()]) this.#close(key)
  }

  #open(key: string, driver: Driver, where: Where, isSender: (port: number) => boolean): DriverSocket | number {
    for (const [key, subscription] of this.#all) {
      if (!this.#withSocket(subscription, () => {})) this.#close(key)
    }
    const onDatagram = (bytes: Uint8Array, length: number, from: number) => {
      if (isSender(from) && isEvent(bytes, length)) this.#tell(key, bytes.slice(0, length))
    }
    const socket = DriverSocket.open(driver.native, onDatagram)
    if (typeof socket !== 'number') this.#all.set(key, { ...where, socket })
    return socket
  }

  #close(key: string): void {
    const subscription = this.#all.get(key)
    this.#all.delete(key)
    subscription?.socket.close()
  }

  #tell(key: string, octets: Uint8Array): void {
    const { native } = this.#supervision
    const subscription = this.#all.get(key)
    const put = (fd: number) => {
      const port = portOf(native, fd)
      const { tgid, netns, inode } = subscription as Subscription
      // An event that there is no room for is lost, as the kernel's are.
      if (port !== 0) this.#replies.put({ fd, port, netns, inode }, tgid, [octets])
    }
    if (subscription !== undefined && !this.#withSocket(subscription, put)) this.#close(key)
  }

  /** Calls `fn` with a descriptor of ours for the program's socket; false when it is gone. */
  #withSocket({ tgid, number, inode }: Where, fn: (fd: number) => void): boolean {
    const { native, processes } = this.#supervision
    const fd = processes.descriptor(tgid, number)
    if (fd < 0) return false
    const same = inodeOf(fd) === inode
    if (same) fn(fd)
    native.close(fd)
    return same
  }
}

const id = ({ tgid, number, inode }: Where) => `${tgid} ${number} ${inode}`

const isVnetPort = (port: number) => port >= VNET_PORT && port < VNET_PORT + VNET_PORTS

/** Whether all is events. */
function isEvent(bytes: Uint8Array, length: number): boolean {
  return allOf(bytes, length, VNET_CMD_EVENT).length > 0
}

/** What a datagram of a program's does to its subscription; undefined when it says nothing of that. */
export function subscribes(octets: Uint8Array): 'begins' | 'ends' | undefined {
  const [last] = allOf(octets, octets.length, VNET_CMD_SUBSCRIBE).slice(-1)
  return last === undefined ? undefined : last.events === 0 ? 'ends' : 'begins'
}

function allOf(bytes: Uint8Array, length: number, command: number): { readonly events?: number }[] {
  try {
    return [...messages(bytes, 0, length)].flatMap(message => {
      const { cmd, offset, length } = parseGenl(bytes, message)
      if (message.type !== VNET_GENL_ID || cmd !== command) return []
      return command === VNET_CMD_SUBSCRIBE ? [decodeAttributes(subscribeRequest, bytes, offset, length)] : [{}]
    })
  } catch (error) {
    // What is wrong with it the driver says.
    if (error instanceof NetlinkParseError) return []
    throw error
  }
}
