/**
 * Follows another program's interface: whether it is up, and when it is deleted. Descriptors keep a
 * namespace alive, so a named namespace counts as deleted when its name is removed, and the owner
 * must then release everything it holds there.
 */
import type { Turns } from '../../base/turns.ts'
import { IFF_UP } from '../../netdev/if.ts'
import type { Native } from '../native.ts'
import { watchNetnsName } from '../netns-name.ts'
import { getLink, type Link, RouteSocket } from '../rtnetlink.ts'
import { NSID_HOME } from './events.ts'
import { LinkMonitor } from './monitor.ts'

/**
 * 'up': up, and with a carrier. 'gone': the interface was deleted or moved to another namespace, or
 * its namespace was deleted. Nothing follows 'gone'.
 */
export type WatchedState = 'up' | 'down' | 'gone'

/**
 * The interface to watch, by its index, since its name may change. The descriptor remains the
 * caller's.
 */
export interface WatchTarget {
  readonly ifindex: number
  /** Its namespace by name, and a descriptor of that; undefined and -1 for our own. */
  readonly netns: string | undefined
  readonly nsfd: number
}

/**
 * Calls `fn` with the current state, and then whenever the state changes. Returns a function that
 * stops watching. Watching does not keep the process alive. `turns` grants the time to read events.
 */
export function watchLink(
  native: Native,
  watched: WatchTarget,
  turns: Turns,
  fn: (state: WatchedState) => void,
): () => void {
  let reported: WatchedState | undefined
  return followLink(native, watched, turns, link => {
    const state = stateOf(link)
    if (state === reported) return
    reported = state
    fn(state)
  })
}

function stateOf(link: Link | undefined): WatchedState {
  if (link === undefined) return 'gone'
  return (link.flags & IFF_UP) !== 0 && link.carrier ? 'up' : 'down'
}

/** Interfaces in the same namespace with programs in their clsact qdiscs. */
export interface WatchedPrograms {
  readonly on: readonly number[]
  /** Called when one of the programs is removed. */
  removed(): void
}

/** Like watchLink, but calls `fn` at events with the interface; undefined once it is deleted. */
export function followLink(
  native: Native,
  { ifindex, netns, nsfd }: WatchTarget,
  turns: Turns,
  fn: (link: Link | undefined) => void,
  programs?: WatchedPrograms,
): () => void {
  const ends: (() => void)[] = []
  let isGone = false
  const stop = () => {
    for (const end of ends.splice(0)) {
      end()
    }
  }
  const report = (link: Link | undefined) => {
    if (isGone) return
    isGone = link === undefined
    if (isGone) {
      stop()
    }
    fn(link)
  }
  try {
    const sock = RouteSocket.open(native, nsfd)
    ends.push(() => sock[Symbol.dispose]())
    const read = () => report(getLink(sock, { ifindex }))
    const listener = {
      wants: (nsid: number, index: number) =>
        nsid === NSID_HOME && (index === ifindex || programs?.on.includes(index) === true),
      onLink(_: number, link: Link, event: 'new' | 'del') {
        if (link.ifindex === ifindex) {
          report(event === 'del' ? undefined : link)
        }
      },
      ...(programs && {
        onProgramRemoved(_: number, index: number) {
          if (programs.on.includes(index)) {
            programs.removed()
          }
        },
      }),
      onAddress() {},
      onLost: read,
      onOverrun: read,
      onNsidGone() {},
    }
    const monitor = new LinkMonitor(native, listener, nsfd, turns)
    ends.push(() => monitor.close())
    monitor.unref()
    if (netns !== undefined && nsfd >= 0) {
      ends.push(watchNetnsName(netns, nsfd, () => report(undefined)))
    }
    read()
    return stop
  } catch (error) {
    stop()
    throw error
  }
}
