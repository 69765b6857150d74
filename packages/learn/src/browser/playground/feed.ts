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
import type { DeviceEvent, FoundDevice } from 'vnet/control'
import {
  commands,
  deviceEvent,
  deviceInfo,
  deviceStats,
  Events,
  LocalVnet,
  NO_CLIENT,
  type RunningDriver,
  scopeNumbers,
  stepState,
  wireInfo,
} from 'vnet/kit/control'
import { netlink } from 'vnet/kit/netlink'
import type { Net } from 'vnet/net'
import type { Recorder } from './recorder.ts'

/** The page shows one vnet, which is not a process. */
const PLACE = { vnet: 'playground', pid: 1 }

/** The vnet to report about, and the receiver of the messages. */
export interface FeedOptions {
  readonly net: Net
  readonly module: RunningDriver
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
  readonly #events: Events
  #hello = ''
  #halt = ''

  constructor(options: FeedOptions) {
    this.#options = options
    const { net, module, now } = options
    const subject = { devices: net.devices, netnsOf: () => undefined, module, now }
    this.vnet = new LocalVnet(subject)
    this.#events = new Events(net, subject.netnsOf, now)
    this.#events.subscribe({
      ...NO_CLIENT,
      notify: bytes => {
        for (const message of netlink.messages(bytes, 0, bytes.length)) {
          const { offset, length } = netlink.parseGenl(bytes, message)
          this.#event(
            deviceEvent(netlink.decodeAttributes(commands.event.reply, bytes, offset, length)),
          )
        }
        return true
      },
    })
  }

  get devices(): readonly FoundDevice[] {
    return this.vnet
      .dump(commands.getDevices, {})
      .map(reply => ({ ...deviceInfo(reply), ...PLACE }))
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
    const found = this.vnet.dump(commands.getStats, { scope: scopeNumbers.own }).flatMap(reply => {
      const stats = deviceStats([reply])
      return stats === undefined ? [] : rowCounters(deviceId({ ...PLACE, ...stats }), stats)
    })
    send({ type: 'stats', time: now(), devices: found })
  }

  parts(): void {
    this.#each((id, ifname, time) => {
      const parts = this.vnet.dump(commands.getParts, { ifname }).map(({ part }) => part)
      return { type: 'parts', time, id, parts }
    })
  }

  wires(): void {
    this.#each((id, ifname, time, hasWire) => {
      const wire = hasWire ? wireInfo(this.vnet.dump(commands.getWire, { ifname })) : undefined
      return { type: 'wire', time, id, wire }
    })
  }

  params(): void {
    this.#each((id, ifname) => ({
      type: 'params',
      id,
      params: this.vnet.dump(commands.getParam, { ifname }),
    }))
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
    const reply = this.vnet.one(commands.step, { ifname: first.name })
    if (reply === undefined) return
    const { mode, every, halt } = stepState(reply)
    const step = halt && stepInfo(PLACE, halt)
    const key = `${mode} ${every} ${halt?.count} ${step?.id} ${step?.step} ${step?.queue}`
    if (key === this.#halt) return
    this.#halt = key
    this.#each(id => ({ type: 'step', id, mode, every, step }))
  }

  close(): void {
    this.#events[Symbol.dispose]()
  }

  #event(event: DeviceEvent): void {
    const { now, send } = this.#options
    send({ type: 'event', id: deviceId({ ...PLACE, ...event }), time: now(), event })
  }

  #each(
    make: (id: DeviceId, ifname: string, time: number, hasWire: boolean) => FeedMessage | undefined,
  ): void {
    const { net, now, send } = this.#options
    for (const { name, wires } of net.devices) {
      const message = make(deviceId({ ...PLACE, name }), name, now(), wires.length > 0)
      if (message !== undefined) {
        send(message)
      }
    }
  }
}
