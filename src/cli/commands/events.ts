/** `vnet events`: what happens to the interfaces of the vnets that run, and of those that begin meanwhile, a line each. */
import { type Entry, ownNamespace, readDirectories, watchDirectories } from '../../control/directory.ts'
import { directoriesOf, isHere } from '../../control/find.ts'
import type { ControlClient, DeviceEvent, DeviceInfo, Subscription } from '../../control/index.ts'
import { ECONNREFUSED, VnetError } from '../../core/errno.ts'
import { IFF_UP } from '../../core/if.ts'
import { type AskOptions, askVnets, fail } from '../ask.ts'
import { EXIT_FAILURE, EXIT_OK, type Io } from '../io.ts'
import { label } from '../label.ts'
import { endOf } from '../until-end.ts'

export interface EventsOptions extends AskOptions {
  readonly json?: boolean
  /** Frames dropped from one line about drops to the next. */
  readonly drops?: number
}

export function events({ json, drops, user }: EventsOptions, io: Io): Promise<number> {
  const follow = async (client: ControlClient) => {
    using end = endOf(io)
    const tell = (event: DeviceEvent) => io.out(`${json ? JSON.stringify(words(event)) : line(event)}\n`)
    const onLost = () => io.out(json ? '{"event":"lost"}\n' : 'some events were lost\n')
    const directories = directoriesOf({ user })
    const here = ownNamespace('net')
    /** By vnet; undefined as long as it is being asked for. */
    const subscriptions = new Map<string, Subscription | undefined>()
    /** Of vnets that are at home elsewhere, the interfaces that were seen here. */
    const guests = new Map<string, Set<string>>()
    let noneIsLeft = () => {}
    const allEnded = new Promise<false>(resolve => {
      noneIsLeft = () => resolve(false)
    })
    let complained = false
    let isOver = false

    /** Tells the events of a vnet until it ends. Of one that began meanwhile what has happened already is told first. */
    async function listen({ vnet, netns }: Entry, isNew: boolean): Promise<void> {
      subscriptions.set(vnet, undefined)
      let held: DeviceEvent[] | undefined = isNew ? [] : undefined
      try {
        const isShown = (event: DeviceEvent) => netns === here || guests.get(vnet)?.has(keyOf(event))
        const onEvent = (event: DeviceEvent) => {
          if (!isShown(event)) return
          if (held === undefined) tell(event)
          else held.push(event)
        }
        const subscription = await client.subscribe(vnet, onEvent, { dropThreshold: drops, onLost })
        subscriptions.set(vnet, subscription)
        if (held !== undefined) {
          // One that has ended by now has told all that it will.
          const devices = await client.devices(vnet).catch(() => [])
          const before = devices.flatMap(begun).filter(event => isShown(event) && !held?.some(isSameAs(event)))
          for (const event of [...before, ...held]) tell(event)
          held = undefined
        }
        await subscription.ended
        subscriptions.delete(vnet)
      } catch (error) {
        if (!(error instanceof VnetError)) throw error
        subscriptions.delete(vnet)
        if (error.errno !== ECONNREFUSED && !isOver) {
          fail(io, error.message)
          complained = true
        }
      }
      if (subscriptions.size === 0) noneIsLeft()
    }
    function listenToAll(areNew: boolean): void {
      // Told of a change between the end and its last word, it would hear the same vnets anew.
      if (isOver) return
      for (const entry of readDirectories(directories)) {
        if (!isHere(entry, here)) continue
        const { vnet, interfaces } = entry
        const seen = guests.get(vnet) ?? new Set()
        guests.set(vnet, seen)
        for (const device of interfaces) if (device.inode === here) seen.add(keyOf(device))
        if (!subscriptions.has(vnet)) void listen(entry, areNew)
      }
    }
    using _ = watchDirectories(() => listenToAll(true), directories)
    listenToAll(false)
    const asked = await Promise.race([end.asked.then(() => true), allEnded]).finally(() => {
      isOver = true
    })
    if (!asked) return complained ? EXIT_FAILURE : fail(io, 'no vnet is running any more')
    for (const subscription of subscriptions.values()) await subscription?.close()
    return EXIT_OK
  }
  return askVnets('vnet events', [], io, follow, { user })
}

function keyOf({ ifindex, netns }: { readonly ifindex: number; readonly netns?: string | undefined }): string {
  return `${ifindex} ${netns}`
}

/** What has happened to a device that is there. */
function begun({ ifindex, name, netns, flags = 0 }: DeviceInfo): DeviceEvent[] {
  const events: DeviceEvent['event'][] = (flags & IFF_UP) === 0 ? ['registered'] : ['registered', 'up']
  const rest = { queue: undefined, txTimeouts: undefined, dropped: undefined }
  return events.map(event => ({ event, ifindex, name, netns, ...rest }))
}

function isSameAs({ event, ifindex, netns }: DeviceEvent): (other: DeviceEvent) => boolean {
  return other => other.event === event && other.ifindex === ifindex && other.netns === netns
}

function words({ event, name, ifindex, netns, ...rest }: DeviceEvent) {
  return { event, name, ifindex, netns: netns ?? null, ...rest }
}

function line(event: DeviceEvent): string {
  const { queue, txTimeouts, dropped } = event
  const notes = [
    ...(queue === undefined ? [] : [`queue ${queue}`]),
    ...(txTimeouts === undefined ? [] : [`${txTimeouts} so far`]),
    ...(dropped === undefined ? [] : [`${dropped} so far`]),
  ]
  return `${label(event)}: ${[event.event, ...notes].join(', ')}`
}
