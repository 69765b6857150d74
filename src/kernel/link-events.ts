/**
 * What an rtnetlink datagram tells, given to a listener. Everything in it may be another's: whatever the bytes are, nothing is
 * thrown, and of interfaces that the listener does not want only the index is read. It needs no socket, so that tests can feed it.
 */
import { getS32, type Message, messages, NLMSG_HDRLEN } from '../netlink/index.ts'
import { type Link, parseLink } from './rtnetlink/link-message.ts'
import { parseNsid } from './rtnetlink/nsid.ts'
import {
  RTM_DELADDR,
  RTM_DELLINK,
  RTM_DELMULTICAST,
  RTM_DELNSID,
  RTM_NEWADDR,
  RTM_NEWLINK,
  RTM_NEWMULTICAST,
} from './rtnetlink/uapi.ts'
import { AF_INET6 } from './uapi.ts'

/** The namespace a monitor was opened in, where an nsid is asked for. */
export const NSID_HOME = -1
/** Stands for a namespace whose events do not come; no event has it. */
export const NSID_UNSEEN = -2

/** In struct ifinfomsg and in struct ifaddrmsg. */
const INDEX_AT = 4
const INDEX_END = 8

export interface LinkListener {
  /** Whether events of this interface are wanted; all are where this is left out. */
  wants?(nsid: number, ifindex: number): boolean
  /**
   * An interface was made or changed ('new'), or is gone from its namespace ('del': deleted, or moved, with newNetnsid).
   * `nsid` is the namespace it is in, NSID_HOME here.
   */
  onLink(nsid: number, link: Link, event: 'new' | 'del'): void
  /**
   * The protocol addresses of an interface may be other ones, or the groups that it is in. An IPv6 address of the kernel's
   * own, while it is probed for duplicates, shows by its group alone.
   */
  onAddress(nsid: number, ifindex: number): void
  /** An event of this interface could not be read: its state is to be read anew. `onOverrun` is called where this is left out. */
  onLost?(nsid: number, ifindex: number): void
  /** What was there has been told, for now. Answers whether anything was told because of that. */
  onRead(): boolean
  /** Events were lost. Called after the last one that is left: what is read from here on is as new as can be. */
  onOverrun(): void
  /**
   * A namespace with an id here is gone, and all its interfaces with it: their own 'del' events do not come. From now on the
   * id may be another's.
   */
  onNsidGone(nsid: number): void
  /** An event could not be read, or the listener threw while it was told: for a log. */
  onError?(error: unknown): void
}

/** Called for an event that could not be read or told; without an index it is not known which interface it was about. */
export type OnBadEvent = (error: unknown, ifindex?: number) => void

/**
 * Tells `listener` of each message in the datagram `bytes` from namespace `nsid`, as long as `isOpen`. What one of them, or
 * telling it, throws is given to `onBad`, and the next one follows.
 */
export function readEvents(
  bytes: Uint8Array,
  nsid: number,
  listener: LinkListener,
  onBad: OnBadEvent,
  isOpen: () => boolean = () => true,
): void {
  try {
    for (const message of messages(bytes)) {
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

/** The index of the interface that the first message of a datagram is about, also of one that was cut; undefined if it is not about one. */
export function firstIndex(bytes: Uint8Array): number | undefined {
  if (bytes.length < NLMSG_HDRLEN + INDEX_END) return undefined
  const [type, length] = [bytes[4] | (bytes[5] << 8), bytes.length - NLMSG_HDRLEN]
  return indexOf(bytes, { type, offset: NLMSG_HDRLEN, length })
}

function indexOf(bytes: Uint8Array, { type, offset, length }: Pick<Message, 'type' | 'offset' | 'length'>) {
  switch (type) {
    case RTM_NEWLINK:
    case RTM_DELLINK:
    case RTM_NEWADDR:
    case RTM_DELADDR:
    case RTM_NEWMULTICAST:
    case RTM_DELMULTICAST:
      return length < INDEX_END ? undefined : getS32(bytes, offset + INDEX_AT)
    default:
      return undefined
  }
}

function readEvent(
  bytes: Uint8Array,
  message: Message,
  ifindex: number | undefined,
  nsid: number,
  listener: LinkListener,
): void {
  if (message.type === RTM_DELNSID) {
    // those of other namespaces are numbers of theirs
    if (nsid === NSID_HOME) listener.onNsidGone(parseNsid(bytes, message))
    return
  }
  if (ifindex === undefined || listener.wants?.(nsid, ifindex) === false) return
  const isLink = message.type === RTM_NEWLINK || message.type === RTM_DELLINK
  // IPv6 tells that it has set up an interface, with a first address
  if (!isLink || bytes[message.offset] === AF_INET6) {
    listener.onAddress(nsid, ifindex)
    return
  }
  const link = parseLink(bytes, message)
  if (link !== undefined) listener.onLink(nsid, link, message.type === RTM_NEWLINK ? 'new' : 'del')
}
