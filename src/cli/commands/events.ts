/** `vnet events`: what happens to the interfaces of running vnets, a line each, until the user ends it. */
import type { DeviceEvent, Subscription } from '../../control/index.ts'
import { askVnets, fail } from '../ask.ts'
import { EXIT_OK, type Io } from '../io.ts'
import { label } from '../label.ts'
import { endOf } from '../until-end.ts'

export interface EventsOptions {
  readonly json?: boolean
  /** Frames dropped from one line about drops to the next. */
  readonly drops?: number
}

export function events({ json, drops }: EventsOptions, io: Io): Promise<number> {
  return askVnets('vnet events', [], io, async (client, { devices }) => {
    using end = endOf(io)
    const tell = (event: DeviceEvent) => io.out(`${json ? JSON.stringify(words(event)) : line(event)}\n`)
    const subscriptions: Subscription[] = []
    for (const port of new Set(devices.map(device => device.port))) {
      subscriptions.push(await client.subscribe(port, tell, { dropThreshold: drops }))
    }
    const allEnded = Promise.all(subscriptions.map(({ ended }) => ended)).then(() => false)
    const asked = await Promise.race([end.asked.then(() => true), allEnded])
    if (!asked) return fail(io, 'no vnet is running any more')
    for (const subscription of subscriptions) await subscription.close()
    return EXIT_OK
  })
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
