/**
 * Follows one interface that is not ours, where it is: whether frames pass, and its end. A namespace that a name stands for ends with
 * that name, also where a descriptor of ours would keep it alive: so whoever is told lets go.
 */
import { IFF_UP } from '../core/if.ts'
import { NSID_HOME } from './link-events.ts'
import { LinkMonitor } from './link-monitor.ts'
import type { Native } from './native.ts'
import { watchNetnsName } from './netns-name.ts'
import { getLink, type Link, RouteSocket } from './rtnetlink.ts'

/** 'up': up, and with a carrier. 'gone': deleted, moved to another namespace, or its namespace is. Nothing follows that. */
export type WatchedState = 'up' | 'down' | 'gone'

export interface WatchedLink {
  readonly ifindex: number
  /** Where it is: `nsfd` is -1, or refers to the namespace named. */
  readonly netns: string | undefined
  readonly nsfd: number
}

/** Calls `fn` with the state at once, and with each other one from then on; answers how to stop. Keeps no process alive. */
export function watchLink(
  native: Native,
  { ifindex, netns, nsfd }: WatchedLink,
  fn: (state: WatchedState) => void,
): () => void {
  const ends: (() => void)[] = []
  let told: WatchedState | undefined
  const stop = () => {
    for (const end of ends.splice(0)) end()
  }
  const tell = (state: WatchedState) => {
    if (state === told || told === 'gone') return
    told = state
    if (state === 'gone') stop()
    fn(state)
  }
  try {
    const sock = RouteSocket.open(native, nsfd)
    ends.push(() => sock[Symbol.dispose]())
    const ask = () => tell(stateOf(getLink(sock, { ifindex })))
    const listener = {
      wants: (nsid: number, index: number) => nsid === NSID_HOME && index === ifindex,
      onLink(_: number, link: Link, event: 'new' | 'del') {
        tell(event === 'del' ? 'gone' : stateOf(link))
      },
      onAddress() {},
      onRead: () => false,
      onLost: ask,
      onOverrun: ask,
      onNsidGone() {},
    }
    const monitor = LinkMonitor.open(native, listener, nsfd)
    ends.push(() => monitor.close())
    monitor.unref()
    if (netns !== undefined && nsfd >= 0) ends.push(watchName(netns, nsfd, () => tell('gone')))
    ask()
    return stop
  } catch (error) {
    stop()
    throw error
  }
}

function stateOf(link: Link | undefined): WatchedState {
  if (link === undefined) return 'gone'
  return (link.flags & IFF_UP) !== 0 && link.carrier ? 'up' : 'down'
}

function watchName(netns: string, nsfd: number, fn: () => void): () => void {
  try {
    return watchNetnsName(netns, nsfd, fn)
  } catch {
    // No watch to be had (fs.inotify.max_user_watches): its end is then not seen, and all else goes on.
    return () => {}
  }
}
