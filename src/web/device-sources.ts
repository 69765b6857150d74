/** What a page reads of the device that it looks at. */
import { type ControlClient, type FoundDevice, supported } from '../control/index.ts'
import { pack } from './feed.ts'
import type { DeviceId, FeedMessage, Want } from './feed-types.ts'
import { Frames, SNAPLEN } from './frames.ts'
import { Poll, type PollOptions, type Source } from './source.ts'
import type { Vnets } from './vnets.ts'

type Read = (client: ControlClient, device: FoundDevice, id: DeviceId) => Promise<FeedMessage>

/** Those that are read at an interval. */
const READ: { readonly [W in Exclude<Want, 'frames' | 'step'>]: PollOptions & { readonly read: Read } } = {
  parts: {
    interval: 250,
    async read(client, device, id) {
      const parts = (await supported(() => client.parts(device.vnet, device))) ?? []
      return { type: 'parts', time: Date.now(), id, parts }
    },
  },
  wire: {
    interval: 1000,
    async read(client, device, id) {
      const wire = await supported(() => client.wire(device.vnet, device))
      return { type: 'wire', time: Date.now(), id, wire }
    },
  },
  params: {
    interval: 2000,
    isState: true,
    async read(client, device, id) {
      const params = (await supported(() => client.params(device.vnet, device))) ?? []
      return { type: 'params', id, params }
    },
  },
  segment: {
    interval: 2000,
    async read(client, device, id) {
      const segment = await supported(() => client.segment(device.vnet, device))
      return { type: 'segment', id, segment }
    },
  },
  scenario: {
    interval: 5000,
    isState: true,
    async read(client, device, id) {
      const scenario = await supported(() => client.scenario(device.vnet, device))
      return { type: 'scenario', id, scenario }
    },
  },
}

/** Makes a source of messages about the device `id`. */
export function deviceSource(vnets: Vnets, client: ControlClient, id: DeviceId, want: Want): Source | undefined {
  if (want === 'step') return undefined
  if (want === 'frames') {
    return new Frames(id, async () => {
      const device = vnets.known(id)
      return device && client.capture(device.vnet, { devices: [device], snaplen: SNAPLEN })
    })
  }
  const { read, ...options } = READ[want]
  return new Poll(async () => {
    const device = vnets.known(id)
    return device && pack(await read(client, device, id))
  }, options)
}
