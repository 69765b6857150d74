/** Feed: messages about the devices of the playground, as a server sends them to the live page. */
import {
  type DeviceId,
  deviceId,
  type FeedMessage,
  presets,
  rowCounters,
  stepInfo,
  vnetRows,
} from '@vnet/web/kit'
import type { Driver } from 'vnet'
import type { Device, DeviceEvent, FoundDevice } from 'vnet/control'
import { type LocalVnet, localVnet } from 'vnet/kit/control'
import type { Net } from 'vnet/net'
import type { Recorder } from './recorder.ts'

/** The page shows one vnet, which is not a process. */
const PLACE = { vnet: 'playground', pid: 1 }

/** The vnet to report about, and the receiver of the messages. */
export interface FeedOptions {
  readonly net: Net
  readonly driver: Driver
  readonly params: Record<string, unknown>
  /** Milliseconds since 1970. */
  readonly now: () => number
  readonly addressesOf: (name: string) => readonly string[]
  readonly send: (message: FeedMessage) => void
}

/**
 * The messages of one world. Its methods send them when they are called; events are sent as they
 * happen, until close().
 */
export class Feed {
  readonly vnet: LocalVnet
  readonly #options: FeedOptions
  readonly #subscription: Disposable
  #hello = ''
  #halt = ''

  constructor(options: FeedOptions) {
    this.#options = options
    this.vnet = localVnet(options.net, options)
    this.#subscription = this.vnet.subscribe(event => this.#event(event))
  }

  get devices(): readonly FoundDevice[] {
    return this.vnet.devices().map(device => ({ ...device, ...PLACE }))
  }

  /** Sends the devices, if they have changed. */
  hello(): void {
    const { addressesOf, send } = this.#options
    const vnets = vnetRows(this.devices, ({ name }) => addressesOf(name))
    const text = JSON.stringify(vnets)
    if (text === this.#hello) return
    this.#hello = text
    send({ type: 'hello', version: 'playground', vnets, mayChange: true, presets })
  }

  stats(): void {
    const { now, send } = this.#options
    const found = this.vnet
      .allStats()
      .map(stats => rowCounters(deviceId({ ...PLACE, ...stats }), stats))
    send({ type: 'stats', time: now(), devices: found })
  }

  parts(): void {
    this.#each((id, device, time) => {
      return { type: 'parts', time, id, parts: this.vnet.parts(device) }
    })
  }

  wires(): void {
    this.#each((id, device, time, hasWire) => {
      const wire = hasWire ? this.vnet.wire(device) : undefined
      return { type: 'wire', time, id, wire }
    })
  }

  params(): void {
    this.#each((id, device) => ({ type: 'params', id, params: this.vnet.params(device) }))
  }

  frames(recorder: Recorder): void {
    this.#each(id => {
      const { frames, skipped } = recorder.frames(id)
      return frames.length + skipped === 0 ? undefined : { type: 'frames', id, frames, skipped }
    })
  }

  /** `isStart` as in the message. */
  flights(recorder: Recorder, isStart = false): void {
    this.#each((id, _, time) => {
      const frames = recorder.flights(id)
      if (isStart) return { type: 'flights', time, id, frames, isStart }
      return frames.length === 0 ? undefined : { type: 'flights', time, id, frames }
    })
  }

  /** Sends the frame that waits for a step, if it is another one. */
  step(): void {
    const [first] = this.#options.net.devices
    if (first === undefined) return
    const { mode, every, halt } = this.vnet.step({ ifindex: first.ifindex, name: first.name })
    const step = halt && stepInfo(PLACE, halt)
    const key = `${mode} ${every} ${halt?.count} ${step?.id} ${step?.step} ${step?.queue}`
    if (key === this.#halt) return
    this.#halt = key
    this.#each(id => ({ type: 'step', id, mode, every, step }))
  }

  close(): void {
    this.#subscription[Symbol.dispose]()
  }

  #event(event: DeviceEvent): void {
    const { now, send } = this.#options
    send({ type: 'event', id: deviceId({ ...PLACE, ...event }), time: now(), event })
  }

  #each(
    make: (id: DeviceId, device: Device, time: number, hasWire: boolean) => FeedMessage | undefined,
  ): void {
    const { net, now, send } = this.#options
    for (const { ifindex, name, wires } of net.devices) {
      const id = deviceId({ ...PLACE, name })
      const message = make(id, { ifindex, name }, now(), wires.length > 0)
      if (message !== undefined) {
        send(message)
      }
    }
  }
}
