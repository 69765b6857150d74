/** `vnet events`: one line an event, also of vnets that start in the meantime, until Ctrl-C. */

import { ECONNREFUSED, VnetError } from '../../base/errno.ts'
import { aboutVnet, directoriesOf, isHere, isOfLab, labNames } from '../../control/client/find.ts'
import type { ControlClient, DeviceEvent, DeviceInfo, Subscription } from '../../control/index.ts'
import { type Entry, isSameNamespace, readDirectories, watchDirectories } from '../../control/protocol/directory.ts'
import { directionText } from '../../netdev/device-wire.ts'
import { IFF_UP } from '../../netdev/if.ts'
import { type AskOptions, askVnets, fail, failEnded } from '../ask.ts'
import { isAmong, label, type NamedDevice, sideOf } from '../device-text.ts'
import { EXIT_FAILURE, EXIT_OK, endOf, type Io } from '../io.ts'

export interface EventsOptions extends AskOptions {
  readonly json?: boolean
  /** Dropped frames of an interface between two `drops` events. */
  readonly drops?: number
}

/** Prints the events of the interfaces `names`, or of all if `names` is empty. */
export function events(names: readonly string[], { json, drops, user }: EventsOptions, io: Io): Promise<number> {
  const follow = async (client: ControlClient) => {
    using end = endOf(io)
    const onLost = () => io.out(json ? '{"event":"lost"}\n' : 'some events were lost\n')
    const directories = directoriesOf({ user })
    const here = client.namespace
    /** The subscription to each vnet; undefined while the vnet has not replied yet. */
    const subscriptions = new Map<string, Subscription | undefined>()
    /** For each vnet of another namespace: its interfaces that were seen in this one. */
    const guests = new Map<string, Set<string>>()
    let namesOf = labNames([])
    let noneIsLeft = () => {}
    const allEnded = new Promise<false>(resolve => {
      noneIsLeft = () => resolve(false)
    })
    let complained = false
    let isOver = false

    /** Prints a vnet's events until it ends; for a new vnet, first its events up to now. */
    async function listen(entry: Entry, isNew: boolean): Promise<void> {
      const { vnet, netns, pid } = entry
      subscriptions.set(vnet, undefined)
      let held: DeviceEvent[] | undefined = isNew ? [] : undefined
      const named = (event: DeviceEvent) => ({ ...event, ...namesOf(event.netns, pid) })
      const print = (event: DeviceEvent) =>
        io.out(`${json ? JSON.stringify(fields(event)) : eventLine(named(event))}\n`)
      try {
        const isShown = (event: DeviceEvent) =>
          isAmong(named(event), names) &&
          (netns === here.inode || isOfLab(event) || guests.get(vnet)?.has(keyOf(event)))
        const onEvent = (event: DeviceEvent) => {
          if (!isShown(event)) return
          if (held === undefined) print(event)
          else held.push(event)
        }
        const subscription = await client.subscribe(vnet, onEvent, { dropThreshold: drops, onLost })
        subscriptions.set(vnet, subscription)
        if (held !== undefined) {
          // A vnet that has ended by now has sent all its events.
          const devices = await client.devices(vnet).catch(() => [])
          const before = devices.flatMap(begun).filter(event => isShown(event) && !held?.some(isSameAs(event)))
          for (const event of [...before, ...held]) print(event)
          held = undefined
        }
        await subscription.ended
        subscriptions.delete(vnet)
      } catch (error) {
        if (!(error instanceof VnetError)) throw error
        subscriptions.delete(vnet)
        if (error.errno !== ECONNREFUSED && !isOver) {
          fail(io, aboutVnet(error, entry))
          complained = true
        }
      }
      if (subscriptions.size === 0) noneIsLeft()
    }
    function listenToAll(areNew: boolean): void {
      // A change of the directory while the command ends must not subscribe again.
      if (isOver) return
      const entries = readDirectories(directories)
      namesOf = labNames(entries)
      for (const entry of entries) {
        if (!isHere(entry, here)) continue
        const { vnet, interfaces } = entry
        const seen = guests.get(vnet) ?? new Set()
        guests.set(vnet, seen)
        for (const device of interfaces) if (isSameNamespace(device, here)) seen.add(keyOf(device))
        if (!subscriptions.has(vnet)) void listen(entry, areNew)
      }
    }
    using _ = watchDirectories(() => listenToAll(true), directories)
    listenToAll(false)
    const asked = await Promise.race([end.asked.then(() => true), allEnded]).finally(() => {
      isOver = true
    })
    if (!asked) return complained ? EXIT_FAILURE : failEnded(io)
    for (const subscription of subscriptions.values()) await subscription?.close()
    return EXIT_OK
  }
  return askVnets(names, io, follow, { user })
}

function keyOf({ ifindex, netns }: { readonly ifindex: number; readonly netns?: string | undefined }): string {
  return `${ifindex} ${netns}`
}

/** Returns the events that have led to the present state of a device. */
function begun({ ifindex, name, netns, flags }: DeviceInfo): DeviceEvent[] {
  const events: DeviceEvent['event'][] = (flags & IFF_UP) === 0 ? ['registered'] : ['registered', 'up']
  const rest = { queue: undefined, txTimeouts: undefined, dropped: undefined, attached: false }
  return events.map(event => ({ event, time: undefined, ifindex, name, netns, ...rest }))
}

function isSameAs({ event, ifindex, netns }: DeviceEvent): (other: DeviceEvent) => boolean {
  return other => other.event === event && other.ifindex === ifindex && other.netns === netns
}

function fields({ event, time, name, ifindex, netns, attached, ...rest }: DeviceEvent) {
  const { direction } = rest
  const side = direction && sideOf(direction, attached)
  return { event, time: time ?? null, name, ifindex, netns: netns ?? null, ...rest, side }
}

/** Returns `2026-11-21T02:00:00.125Z sn0: up`; without the time if it was before the command. */
export function eventLine(event: DeviceEvent & NamedDevice): string {
  const { time, queue, txTimeouts, dropped, direction, text, mode, step } = event
  const at = time === undefined ? '' : `${new Date(time).toISOString()} `
  const total = txTimeouts ?? dropped
  if (direction !== undefined) {
    const shown = directionText({ direction, side: sideOf(direction, event.attached) })
    return `${at}${label(event)}: wire ${shown}: ${text === '' ? 'off' : text}`
  }
  if (step !== undefined) return `${at}${label(event)}: step ${step.number}, ${step.next}`
  if (mode !== undefined) return `${at}${label(event)}: step ${mode}`
  const notes = [queue === undefined ? [] : `queue ${queue}`, total === undefined ? [] : `${total} so far`]
  return `${at}${label(event)}: ${[event.event, ...notes.flat()].join(', ')}`
}
