/**
 * Parses rtnetlink events and reports them to a listener. Events may be about other programs'
 * interfaces: malformed bytes never throw, and for interfaces that the listener does not want, only
 * the index is read. No socket is needed, so tests can feed it.
 */
import {
  endOfMessage,
  getS32,
  getU32,
  type Message,
  NLMSG_HDRLEN,
  readMessage,
} from '../../netlink/index.ts'
import { type Link, parseLink } from '../rtnetlink/link.ts'
import { parseNsid } from '../rtnetlink/nsid.ts'
import { TC_H_CLSACT } from '../rtnetlink/traffic-control.ts'
import * as uapi from '../uapi.ts'

/** The nsid that means the monitor's own namespace. */
export const NSID_HOME = -1
/** The nsid for a namespace without received events. No event has it. */
export const NSID_UNSEEN = -2

/** Removals of a qdisc or a filter, in struct tcmsg. */
const TC_REMOVALS = [uapi.RTM_DELQDISC, uapi.RTM_DELTFILTER]
/** Messages that have the index of an interface at one place, in struct ifinfomsg and others. */
const INDEXED = [
  ...[
    uapi.RTM_NEWLINK,
    uapi.RTM_DELLINK,
    uapi.RTM_NEWADDR,
    uapi.RTM_DELADDR,
    uapi.RTM_NEWMULTICAST,
    uapi.RTM_DELMULTICAST,
  ],
  ...TC_REMOVALS,
]
const INDEX_AT = 4
const INDEX_END = 8
/** The position of tcm_parent. TC_H_CLSACT is the lowest parent of clsact. */
const PARENT_AT = 12

/**
 * The receiver of the events of a LinkMonitor. `nsid` is the id of a namespace as the monitor's
 * socket sees it. Calls come in the order of the events, in the time that Turns grants.
 */
export interface LinkListener {
  /** Returns true if the listener wants the events of an interface; by default of all. */
  wants?(nsid: number, ifindex: number): boolean
  /** An interface was created or changed ('new'), or left namespace `nsid` ('del'). */
  onLink(nsid: number, link: Link, event: 'new' | 'del'): void
  /**
   * The protocol addresses or multicast groups of an interface may have changed. While the kernel
   * probes an IPv6 address for duplicates, only its multicast group is reported.
   */
  onAddress(nsid: number, ifindex: number): void
  /** The clsact qdisc of an interface, or a program in it, was removed (traffic-control.ts). */
  onProgramRemoved?(nsid: number, ifindex: number): void
  /** An event was unreadable: read the interface again. Without it, onOverrun is called. */
  onLost?(nsid: number, ifindex: number): void
  /** Events were lost. Called after the last event before the loss: read all state again. */
  onOverrun(): void
  /** A namespace was deleted, with its interfaces and without 'del' events. Its id is free. */
  onNsidGone(nsid: number): void
  /** An event was unreadable, or the listener threw. For a log. */
  onError?(error: unknown): void
}

/**
 * Reports each message of the datagram `bytes`, from namespace `nsid`, until `isOpen` returns
 * false. An exception, also one of the listener, is passed to `onBad`, and the next message
 * follows. If the rest of the datagram cannot be read, `onBad` is called without an index.
 */
export function readEvents(
  bytes: Uint8Array,
  nsid: number,
  listener: LinkListener,
  onBad: (error: unknown, ifindex?: number) => void,
  isOpen: () => boolean = () => true,
): void {
  try {
    // Not by messages(), which makes more objects: any namespace can send events endlessly.
    for (let at = 0; at < bytes.length; ) {
      const message = readMessage(bytes, at, bytes.length)
      at = endOfMessage(message)
      if (!isOpen()) return
      const ifindex = indexOf(bytes, message)
      try {
        readEvent(bytes, message, ifindex, nsid, listener)
      } catch (error) {
        onBad(error, ifindex)
      }
    }
  } catch (error) {
    onBad(error)
  }
}

/** The interface index in the first message of a datagram that may be cut; or undefined. */
export function firstIndex(bytes: Uint8Array): number | undefined {
  if (bytes.length < NLMSG_HDRLEN + INDEX_END) return undefined
  const [type, length] = [bytes[4] | (bytes[5] << 8), bytes.length - NLMSG_HDRLEN]
  return indexOf(bytes, { type, offset: NLMSG_HDRLEN, length })
}

function indexOf(
  bytes: Uint8Array,
  { type, offset, length }: Pick<Message, 'type' | 'offset' | 'length'>,
) {
  return length < INDEX_END || !INDEXED.includes(type)
    ? undefined
    : getS32(bytes, offset + INDEX_AT)
}

function readEvent(
  bytes: Uint8Array,
  message: Message,
  ifindex: number | undefined,
  nsid: number,
  listener: LinkListener,
): void {
  if (message.type === uapi.RTM_DELNSID) {
    // Other namespaces report ids from their own numbering.
    if (nsid === NSID_HOME) {
      listener.onNsidGone(parseNsid(bytes, message))
    }
    return
  }
  if (ifindex === undefined || listener.wants?.(nsid, ifindex) === false) return
  if (TC_REMOVALS.includes(message.type)) {
    const isWhole = message.length >= PARENT_AT + 4
    if (isWhole && getU32(bytes, message.offset + PARENT_AT) >= TC_H_CLSACT) {
      listener.onProgramRemoved?.(nsid, ifindex)
    }
    return
  }
  const isLink = message.type === uapi.RTM_NEWLINK || message.type === uapi.RTM_DELLINK
  // A link message of IPv6 means that it set up the interface, with a first address.
  if (!isLink || bytes[message.offset] === uapi.AF_INET6) {
    listener.onAddress(nsid, ifindex)
    return
  }
  const link = parseLink(bytes, message)
  if (link !== undefined) {
    listener.onLink(nsid, link, message.type === uapi.RTM_NEWLINK ? 'new' : 'del')
  }
}
