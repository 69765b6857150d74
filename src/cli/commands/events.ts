/** `vnet events`: what happens to the interfaces of the vnets that run, and of those that begin meanwhile, a line each. */
import { readDirectory, watchDirectory } from '../../control/directory.ts'
import { portsOf } from '../../control/find.ts'
import type { DeviceEvent, DeviceInfo, Subscription } from '../../control/index.ts'
import { ECONNREFUSED, VnetError } from '../../core/errno.ts'
import { IFF_UP } from '../../core/if.ts'
import { askVnets, fail } from '../ask.ts'
import { EXIT_FAILURE, EXIT_OK, type Io } from '../io.ts'
import { label } from '../label.ts'
import { endOf } from '../until-end.ts'

export interface EventsOptions {
  readonly json?: boolean
  /** Frames dropped from one line about drops to the next. */
  readonly drops?: number
}

export function events({ json, drops }: EventsOptions, io: Io): Promise<number> {
  return askVnets('vnet events', [], io, async client => {
    using end = endOf(io)
    const tell = (event: DeviceEvent) => io.out(`${json ? JSON.stringify(words(event)) : line(event)}\n`)
    const onLost = () => io.out(json ? '{"event":"lost"}\n' : 'some events were lost\n')
    /** By port; undefined as long as it is being asked for. */
    const subscriptions = new Map<number, Subscription | undefined>()
    let noneIsLeft = () => {}
    const allEnded = new Promise<false>(resolve => {
      noneIsLeft = () => resolve(false)
    })
    let complained = false
    let isOver = false

    /** Tells the events of a vnet until it ends. Of one that began meanwhile what has happened already is told first. */
    async function listen(port: number, isNew: boolean): Promise<void> {
      subscriptions.set(port, undefined)
      let held: DeviceEvent[] | undefined = isNew ? [] : undefined
      try {
        const onEvent = (event: DeviceEvent) => (held === undefined ? tell(event) : void held.push(event))
        const subscription = await client.subscribe(port, onEvent, { dropThreshold: drops, onLost })
        subscriptions.set(port, subscription)
        if (held !== undefined) {
          // One that has ended by now has told all that it will.
          const devices = await client.devices(port).catch(() => [])
          const before = devices.flatMap(begun).filter(event => !held?.some(isSameAs(event)))
          for (const event of [...before, ...held]) tell(event)
          held = undefined
        }
        await subscription.ended
        subscriptions.delete(port)
        // Another may have its port by now.
        listenToAll(true)
      } catch (error) {
        if (!(error instanceof VnetError)) throw error
        subscriptions.delete(port)
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
      for (const port of portsOf(readDirectory())) if (!subscriptions.has(port)) void listen(port, areNew)
    }
    using _ = watchDirectory(() => listenToAll(true))
    listenToAll(false)
    const asked = await Promise.race([end.asked.then(() => true), allEnded]).finally(() => {
      isOver = true
    })
    if (!asked) return complained ? EXIT_FAILURE : fail(io, 'no vnet is running any more')
    for (const subscription of subscriptions.values()) await subscription?.close()
    return EXIT_OK
  })
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
