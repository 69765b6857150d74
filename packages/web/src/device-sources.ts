/** The data that a page reads about the device it shows. */
import { EPERM, isErrno } from 'vnet'
import {
  type ControlClient,
  type FoundDevice,
  type SegmentInfo,
  type StepState,
  supported,
} from 'vnet/control'
import { labPlace } from 'vnet/kit/control'
import type { DeviceId, FeedMessage, StageReport, StepInfo, Want } from './feed-types.ts'
import { FlightSource, FrameSource, SNAPLEN } from './frames.ts'
import { quantile, since } from './lateness.ts'
import { orNothing } from './metrics/snapshot.ts'
import { stepInfo } from './rows.ts'
import { type Packed, Poll, type PollOptions, pack, type Source } from './source.ts'
import { unlessStuck, type Vnets } from './vnets.ts'

type Late = NonNullable<StageReport['late']>
type Read = (client: ControlClient, device: FoundDevice, id: DeviceId) => Promise<FeedMessage>

const READ: Readonly<
  Record<'parts' | 'wire' | 'params' | 'scenario', PollOptions & { readonly read: Read }>
> = {
  parts: {
    interval: 250,
    async read(client, device, id) {
      const parts = await client.parts(device.vnet, device)
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
  scenario: {
    interval: 5000,
    isState: true,
    async read(client, device, id) {
      const scenario = await supported(() => client.scenario(device.vnet, device))
      return { type: 'scenario', id, scenario }
    },
  },
}

const DHCP = 'udp port 67 or udp port 68'
/** Frames per second, beyond which they are not captured one by one. */
const FLIGHTS_MOST = 40
const SEGMENT_MS = 2000
const LATE_MS = 2000
/** The most hosts a page gets, and ms until they are read again: a segment may have a million. */
const HOSTS_MAX = 20_000
const HOSTS_MS = 10_000

/** Returns a function that reads a segment, and its hosts less often than the rest. */
function segmentReader(): Read {
  let hosts: SegmentInfo['hosts'] = []
  let allHosts: number | undefined
  let due = 0
  return async (client, device, id) => {
    const isDue = performance.now() >= due
    const kinds = isDue ? undefined : (['lease', 'neighbour', 'station', 'counter'] as const)
    const segment = await supported(() => client.segment(device.vnet, device, kinds))
    if (isDue) {
      const { length } = segment?.hosts ?? []
      hosts = segment?.hosts.slice(0, HOSTS_MAX) ?? []
      allHosts = length > HOSTS_MAX ? length : undefined
      due = performance.now() + HOSTS_MS * Math.max(1, length / HOSTS_MAX)
    }
    return {
      type: 'segment',
      id,
      segment: segment && { ...segment, hosts },
      ...(allHosts && { allHosts }),
    }
  }
}

/** Returns a function that reads the lateness of all wires; both ends of a cable share one. */
function latenessReader(vnets: Vnets, client: ControlClient) {
  const without = new Set<DeviceId>()
  let before: ReadonlyMap<string, Late['counts']> = new Map()
  // A vnet that ends, or does not reply, has no numbers; `hello` reports that.
  const readWire = (id: DeviceId, device: FoundDevice) =>
    orNothing(async () => {
      const wire = await supported(() => client.wire(device.vnet, device))
      if (wire === undefined) {
        without.add(id)
      }
      return wire
    })
  return async (id: DeviceId): Promise<FeedMessage> => {
    const now = new Map<string, Late['counts']>()
    const p99: Record<DeviceId, number> = {}
    const wires: Record<DeviceId, { readonly out: string; readonly in: string }> = {}
    /** The devices with wires to read, by vnet and label. */
    const ends = new Map<string, DeviceId>()
    const readEnd = async (end: DeviceId, device: FoundDevice) => {
      const { text, outgoing = 'ab', stages = [] } = (await readWire(end, device)) ?? {}
      if (text !== undefined && labPlace(device.place ?? device.netns) !== undefined) {
        wires[end] = { out: text[outgoing], in: text[outgoing === 'ab' ? 'ba' : 'ab'] }
      }
      for (const { direction, path, stage, late } of stages) {
        if (late === undefined) continue
        const key = `${end} ${direction} ${path}${stage}`
        now.set(key, late.counts)
        const last = before.get(key)
        const ms = last && quantile(since(late.counts, last), 0.99)
        if (ms !== undefined) {
          p99[end] = Math.max(ms, p99[end] ?? 0)
        }
      }
    }
    for (const end of without) {
      if (!vnets.all.has(end)) {
        without.delete(end)
      }
    }
    const reading: Promise<void>[] = []
    for (const [end, device] of vnets.all) {
      const { vnet, name, netns, peer } = device
      if (without.has(end) || ends.has(`${vnet} ${peer}`)) continue
      ends.set(`${vnet} ${netns === undefined ? name : `${netns}/${name}`}`, end)
      reading.push(readEnd(end, device))
    }
    await unlessStuck(Promise.all(reading))
    for (const [end, { vnet, peer }] of vnets.all) {
      const ms = p99[ends.get(`${vnet} ${peer}`) ?? '']
      if (ms !== undefined) {
        p99[end] ??= ms
      }
    }
    before = now
    return { type: 'late', id, p99, wires }
  }
}

/**
 * Returns a new source of messages about one device. It reads nothing before a page is added. The
 * caller deletes all pages from it at the end.
 */
export function deviceSource(
  vnets: Vnets,
  client: ControlClient,
  id: DeviceId,
  want: Want,
): Source {
  if (want === 'frames' || want === 'dhcp') {
    const filter = want === 'dhcp' ? DHCP : undefined
    const open = async () => {
      const device = vnets.all.get(id)
      return device && client.capture(device.vnet, { devices: [device], snaplen: SNAPLEN, filter })
    }
    return new FrameSource(id, open, want)
  }
  if (want === 'flights') {
    const open = async () => {
      const device = vnets.all.get(id)
      const devices = [device, vnets.peerOf(id)].filter(each => each !== undefined)
      return device && client.capture(device.vnet, { devices, snaplen: 1 })
    }
    const peer = () => {
      const { name, netns } = vnets.peerOf(id) ?? {}
      return netns === undefined ? name : `${netns}/${name}`
    }
    return new FlightSource({
      id,
      open,
      peer,
      isBusy: () => vnets.framesPerSecond(id) > FLIGHTS_MOST,
    })
  }
  if (want === 'step') {
    const read = async () => {
      const device = vnets.all.get(id)
      return device && readStep(client, device, id)
    }
    // An event reports each waiting step; this is for a vnet that was stepping before.
    return new Poll(read, { interval: 2000, isState: true })
  }
  if (want === 'late') {
    const read = latenessReader(vnets, client)
    return new Poll(async () => pack(await read(id)), { interval: LATE_MS })
  }
  const { read, ...options } =
    want === 'segment' ? { read: segmentReader(), interval: SEGMENT_MS } : READ[want]
  const readPacked = async () => {
    const device = vnets.all.get(id)
    return device && pack(await read(client, device, id))
  }
  return new Poll(readPacked, { ...options, ...(want === 'wire' && { recent: vnets.recent }) })
}

/** Reads the step that waits anywhere in a device's vnet. Its frame is only for token holders. */
async function readStep(client: ControlClient, device: FoundDevice, id: DeviceId): Promise<Packed> {
  const { mode, every, halt } = await stateOf(client, device)
  const message = (info: StepInfo | undefined): FeedMessage => ({
    type: 'step',
    id,
    mode,
    every,
    step: info,
  })
  if (halt === undefined) return pack(message(undefined))
  const step = stepInfo(device, halt)
  return pack(message({ ...step, frame: undefined, source: undefined }), message(step))
}

/** A vnet of another user shows no steps. */
async function stateOf(client: ControlClient, device: FoundDevice): Promise<StepState> {
  try {
    return await client.step(device.vnet, device)
  } catch (error) {
    if (isErrno(error, EPERM)) return { mode: 'off', every: 0, halt: undefined }
    throw error
  }
}
