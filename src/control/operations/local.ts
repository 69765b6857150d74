/** localVnet: requests of vnet_nl in the program of the devices, without a socket. */

import { EPROTO, explain, VnetError } from '../../base/errno.ts'
import type { Driver, Net } from '../../netdev/index.ts'
import * as netlink from '../../netlink/index.ts'
import { commands, scopeNumbers } from '../protocol/family.ts'
import { deviceEvent, deviceInfo, deviceStats, stepState, wireInfo } from '../protocol/replies.ts'
import type {
  Device,
  DeviceEvent,
  DeviceInfo,
  DeviceStats,
  DriverParam,
  PartInfo,
  SetWireOptions,
  StepOptions,
  StepState,
  WireInfo,
} from '../protocol/types.ts'
import { wireChange } from '../protocol/wire-request.ts'
import { Events } from './events.ts'
import { type Command, NO_CLIENT, type Operation, type Write } from './operation.ts'
import type { Subject } from './subject.ts'
import { vnetFamily } from './vnet-family.ts'

export interface LocalVnetOptions {
  readonly driver: Driver
  /** The values of its parameters, as the driver reads them. */
  readonly params: Record<string, unknown>
  /** The wall clock, in milliseconds since 1970. */
  readonly now: () => number
}

/** Returns the devices of `net` as a client has those of a running vnet, with all rights. */
export const localVnet = (net: Net, options: LocalVnetOptions): LocalVnet =>
  new LocalVnet(net, options)

/**
 * The methods of ControlClient for one vnet, in its own program: they return immediately, and
 * throw what a client's reject with. It needs no close(); dispose of its subscriptions.
 */
export class LocalVnet {
  readonly #net: Net
  readonly #subject: Subject
  readonly #operations: readonly Operation[]

  constructor(net: Net, { driver, params, now }: LocalVnetOptions) {
    this.#net = net
    const module = { ...driver, values: params }
    this.#subject = { devices: net.devices, netnsOf: () => undefined, module, now }
    this.#operations = vnetFamily(this.#subject).operations
  }

  devices(): DeviceInfo[] {
    return this.#dump(commands.getDevices, {}).map(deviceInfo)
  }

  allStats(): DeviceStats[] {
    const found = this.#dump(commands.getStats, { scope: scopeNumbers.own })
    return found.flatMap(reply => deviceStats([reply]) ?? [])
  }

  resetStats(device: Device): void {
    this.#do(commands.resetStats, which(device))
  }

  cut(device: Device): void {
    this.#do(commands.cut, which(device))
  }

  plug(device: Device): void {
    this.#do(commands.plug, which(device))
  }

  setCarrier(device: Device, carrier: boolean): void {
    this.#do(commands.setCarrier, { ...which(device), carrier })
  }

  wire(device: Device): WireInfo {
    return wireInfo(this.#dump(commands.getWire, which(device)))
  }

  setWire(device: Device, text: string | undefined, { direction }: SetWireOptions = {}): void {
    this.#do(commands.setWire, { ...which(device), ...wireChange(text, { direction }) })
  }

  params(device: Device): DriverParam[] {
    return this.#dump(commands.getParam, which(device))
  }

  setParam(device: Device, name: string, value: string): void {
    this.#do(commands.setParam, { ...which(device), name, value })
  }

  parts(device: Device): PartInfo[] {
    return this.#dump(commands.getParts, which(device)).map(({ part }) => part)
  }

  trigger(device: Device, fault: string, queue?: number): void {
    this.#do(commands.trigger, { ...which(device), fault, queue })
  }

  step(
    device: Device,
    mode?: 'on' | 'off' | 'next',
    { every, count }: StepOptions = {},
  ): StepState {
    const reply = this.#do(commands.step, { ...which(device), mode, every, count })
    if (reply === undefined) throw new VnetError(EPROTO, ['vnet_nl', ''])
    return stepState(reply)
  }

  /** Calls `onEvent` for each event, as it happens, until the subscription is disposed of. */
  subscribe(onEvent: (event: DeviceEvent) => void): Disposable {
    const events = new Events(this.#net, this.#subject.netnsOf, this.#subject.now)
    events.subscribe({
      ...NO_CLIENT,
      notify: bytes => {
        for (const message of netlink.messages(bytes, 0, bytes.length)) {
          const { offset, length } = netlink.parseGenl(bytes, message)
          onEvent(
            deviceEvent(netlink.decodeAttributes(commands.event.reply, bytes, offset, length)),
          )
        }
        return true
      },
    })
    return events
  }

  /** Returns the reply; undefined if the request is acknowledged only. */
  #do<F extends netlink.Fields, R extends netlink.Fields>(
    command: Command<F, R>,
    request: netlink.Encodable<F>,
  ): netlink.Decoded<R> | undefined {
    return this.#ask(command, request, ({ doit }, bytes) => {
      const write = doit?.(bytes, 0, bytes.length, NO_CLIENT)
      return write && decoded(command, write)
    })
  }

  #dump<F extends netlink.Fields, R extends netlink.Fields>(
    command: Command<F, R>,
    request: netlink.Encodable<F>,
  ): netlink.Decoded<R>[] {
    return this.#ask(command, request, ({ dumpit }, bytes) =>
      Array.from(dumpit?.(bytes, 0, bytes.length, NO_CLIENT) ?? [], write =>
        decoded(command, write),
      ),
    )
  }

  /** A refusal is a VnetError with the text that a client would get. */
  #ask<F extends netlink.Fields, R extends netlink.Fields, T>(
    { cmd, request: policy }: Command<F, R>,
    request: netlink.Encodable<F>,
    run: (operation: Operation, bytes: Uint8Array) => T,
  ): T {
    const operation = this.#operations.find(each => each.cmd === cmd) as Operation
    try {
      return run(
        operation,
        written(builder => netlink.encodeAttributes(builder, policy, request)),
      )
    } catch (error) {
      if (!(error instanceof VnetError)) throw error
      throw new VnetError(error.errno, ['vnet_nl', ''], error.advice ?? explain(error))
    }
  }
}

const which = ({ ifindex, name: ifname, netns }: Device) => ({ ifindex, ifname, netns })

function decoded<F extends netlink.Fields, R extends netlink.Fields>(
  { reply }: Command<F, R>,
  write: Write,
): netlink.Decoded<R> {
  return netlink.decodeAttributes(reply as NonNullable<typeof reply>, written(write))
}

/** Returns the attributes, which are views of their own memory. */
function written(write: Write): Uint8Array {
  const builder = new netlink.MessageBuilder()
  const start = builder.message(0, 0, 0).length
  write(builder)
  return builder.bytes.subarray(start)
}
