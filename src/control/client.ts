/**
 * ControlClient asks running vnets of this network namespace, by their netlink ports; `findVnets` finds those. Questions to
 * different vnets may be under way at once; a vnet answers one dump of a client at a time. Whatever cannot be done is a VnetError:
 * ECONNREFUSED where nobody listens, or not any more, ETIMEDOUT where nobody answers, EPERM where only root or the vnet's
 * owner may, EOPNOTSUPP where the vnet is an older one, and what else the vnet, or the driver, says.
 */
import { EPROTO, VnetError } from '../core/errno.ts'
import { IFNAMSIZ } from '../core/if.ts'
import type { SegmentEntryKind } from '../core/segment-entry.ts'
import { loadNative, type Native } from '../kernel/native.ts'
import {
  CTRL_ATTR_FAMILY_ID,
  CTRL_ATTR_FAMILY_NAME,
  CTRL_CMD_GETFAMILY,
  CTRL_VERSION,
  type Decoded,
  decodeAttributes,
  type Fields,
  GENL_ID_CTRL,
  type MessageBuilder,
  NLM_F_ACK,
  NLM_F_DUMP,
  type Policy,
  policy,
  required,
  u16,
} from '../netlink/index.ts'
import { type DeviceEvent, deviceEvent, eventMask, type SubscribeOptions, type Subscription } from './device-event.ts'
import { type Device, type DeviceInfo, type DeviceStats, deviceInfo, deviceStats } from './device-stats.ts'
import { type DriverParam, driverParam } from './driver-param.ts'
import { Exchanges } from './exchange.ts'
import {
  answerPolicy,
  echoAnswer,
  eventPolicy,
  ioctlAnswer,
  paramAnswer,
  segmentAnswer,
  VNET_ATTR_CARRIER,
  VNET_ATTR_DROP_THRESHOLD,
  VNET_ATTR_EVENTS,
  VNET_ATTR_FAULT,
  VNET_ATTR_IFINDEX,
  VNET_ATTR_IFNAME,
  VNET_ATTR_IOCTL_CMD,
  VNET_ATTR_IOCTL_DATA,
  VNET_ATTR_IOCTL_IFREQ,
  VNET_ATTR_NETNS,
  VNET_ATTR_PARAM_NAME,
  VNET_ATTR_PARAM_VALUE,
  VNET_ATTR_QUEUE,
  VNET_ATTR_SCOPE,
  VNET_ATTR_SEGMENT_PARTS,
  VNET_CMD_ECHO,
  VNET_CMD_EVENT,
  VNET_CMD_GET_DEVICES,
  VNET_CMD_GET_PARAM,
  VNET_CMD_GET_SEGMENT,
  VNET_CMD_GET_STATS,
  VNET_CMD_IOCTL,
  VNET_CMD_RESET_STATS,
  VNET_CMD_SET_CARRIER,
  VNET_CMD_SET_PARAM,
  VNET_CMD_SUBSCRIBE,
  VNET_CMD_TRIGGER,
  VNET_ECHO_ATTR_TEXT,
  VNET_GENL_NAME,
  VNET_GENL_VERSION,
  VNET_IFREQ_LEN,
  VNET_SCOPE_QUEUE,
} from './family.ts'
import type { IoctlAnswer, IoctlRequest } from './ioctl-request.ts'
import { partsMask, type SegmentInfo, segmentInfo } from './segment-info.ts'

/** How long a vnet may take for the next part of its answer. */
const TIMEOUT_MS = 5000

type Write = (builder: MessageBuilder) => void

export interface ControlClientOptions {
  /** How long a vnet may take for the next part of its answer, in milliseconds. */
  readonly timeoutMs?: number
}

const familyPolicy = policy({ id: required(u16(CTRL_ATTR_FAMILY_ID)) })
const nothing = policy({})

export class ControlClient {
  readonly #exchanges: Exchanges

  /** `native` is the addon, which opens the socket. */
  constructor(native: Native, { timeoutMs = TIMEOUT_MS }: ControlClientOptions = {}) {
    this.#exchanges = new Exchanges(native, timeoutMs)
  }

  /** A client with a socket in this thread's network namespace. Loads the addon. */
  static open(options: ControlClientOptions = {}): ControlClient {
    return new ControlClient(loadNative(), options)
  }

  /** Message type of vnet_nl at a port. */
  async family(port: number): Promise<number> {
    const what = `${VNET_GENL_NAME} on port ${port}`
    const write: Write = builder => void builder.string(CTRL_ATTR_FAMILY_NAME, VNET_GENL_NAME)
    const header = { type: GENL_ID_CTRL, cmd: CTRL_CMD_GETFAMILY, version: CTRL_VERSION, flags: NLM_F_ACK }
    const [found] = await this.#exchanges.ask(port, { ...header, what, write }, familyPolicy)
    if (found === undefined) throw new VnetError(EPROTO, what)
    return found.id
  }

  /** The text, as the vnet sends it back. */
  async echo(port: number, text: string): Promise<string> {
    const write: Write = builder => void builder.string(VNET_ECHO_ATTR_TEXT, text)
    return (await this.#one(port, VNET_CMD_ECHO, 'ECHO', write, echoAnswer)).text
  }

  /** The devices of the vnet at a port. */
  async devices(port: number): Promise<DeviceInfo[]> {
    const found = await this.#dump(port, VNET_CMD_GET_DEVICES, 'GET_DEVICES', () => {}, answerPolicy)
    return found.map(deviceInfo)
  }

  /** Statistics of one of its devices, with its queues; undefined when it is gone. */
  async stats(port: number, { ifindex, name, netns }: Device): Promise<DeviceStats | undefined> {
    const write: Write = builder =>
      void builder.u32(VNET_ATTR_IFINDEX, ifindex).string(VNET_ATTR_IFNAME, name).u32(VNET_ATTR_SCOPE, VNET_SCOPE_QUEUE)
    const found = await this.#dump(port, VNET_CMD_GET_STATS, `GET_STATS ${name}`, write, answerPolicy)
    // Two namespaces may have the same name and number.
    const ours = found.filter(answer => answer.netns === netns)
    const [sum, ...queues] = ours
    return sum === undefined ? undefined : deviceStats(sum, queues)
  }

  /** Its statistics begin anew, ours and what we know of the kernel's. For root and the owner. */
  async resetStats(port: number, device: Device): Promise<void> {
    await this.#change(port, VNET_CMD_RESET_STATS, `RESET_STATS ${device.name}`, naming(device))
  }

  /** Its carrier, on or off, as its driver would set it. For root and the owner. */
  async setCarrier(port: number, device: Device, on: boolean): Promise<void> {
    await this.#change(port, VNET_CMD_SET_CARRIER, `SET_CARRIER ${device.name}`, builder => {
      naming(device)(builder)
      builder.u8(VNET_ATTR_CARRIER, on ? 1 : 0)
    })
  }

  /** The parameters of the driver that has the device. */
  async params(port: number, device: Device): Promise<DriverParam[]> {
    const what = `GET_PARAM ${device.name}`
    return (await this.#dump(port, VNET_CMD_GET_PARAM, what, naming(device), paramAnswer)).map(driverParam)
  }

  /** One of them. */
  async param(port: number, device: Device, name: string): Promise<DriverParam> {
    const write: Write = builder => {
      naming(device)(builder)
      builder.string(VNET_ATTR_PARAM_NAME, name)
    }
    return driverParam(await this.#one(port, VNET_CMD_GET_PARAM, `GET_PARAM ${name}`, write, paramAnswer))
  }

  /** Sets one that may change while running; `value` is as on the command line. For root and the owner. */
  async setParam(port: number, device: Device, name: string, value: string): Promise<void> {
    await this.#change(port, VNET_CMD_SET_PARAM, `SET_PARAM ${name}`, builder => {
      naming(device)(builder)
      builder.string(VNET_ATTR_PARAM_NAME, name).string(VNET_ATTR_PARAM_VALUE, value)
    })
  }

  /** What is on the segment behind its devices, all of it unless some kinds are named. EOPNOTSUPP where there is none. */
  async segment(port: number, device: Device, kinds?: readonly SegmentEntryKind[]): Promise<SegmentInfo> {
    const write: Write = builder => {
      naming(device)(builder)
      builder.u32(VNET_ATTR_SEGMENT_PARTS, partsMask(kinds))
    }
    return segmentInfo(await this.#dump(port, VNET_CMD_GET_SEGMENT, `GET_SEGMENT ${device.name}`, write, segmentAnswer))
  }

  /** A fault now, once: 'lockup', 'lost-interrupt', or what else the driver has. For root and the owner. */
  async trigger(port: number, device: Device, fault: string, queue?: number): Promise<void> {
    await this.#change(port, VNET_CMD_TRIGGER, `TRIGGER ${fault}`, builder => {
      naming(device)(builder)
      builder.string(VNET_ATTR_FAULT, fault)
      if (queue !== undefined) builder.u32(VNET_ATTR_QUEUE, queue)
    })
  }

  /**
   * A private ioctl of the driver. What the driver refuses is no error here, but the -errno in `result`; without a driver that has
   * any it is -EOPNOTSUPP.
   */
  async ioctl(port: number, device: Device, { cmd, ifreq, data }: IoctlRequest): Promise<IoctlAnswer> {
    const what = `IOCTL 0x${cmd.toString(16)} ${device.name}`
    const write: Write = builder => {
      naming(device)(builder)
      builder.u32(VNET_ATTR_IOCTL_CMD, cmd).binary(VNET_ATTR_IOCTL_IFREQ, ifreq ?? ifreqOf(device))
      if (data !== undefined) builder.binary(VNET_ATTR_IOCTL_DATA, data)
    }
    const answer = await this.#one(port, VNET_CMD_IOCTL, what, write, ioctlAnswer)
    return { result: answer.ioctlResult, ifreq: answer.ifreq, data: answer.ioctlData }
  }

  /**
   * Calls `onEvent` for what happens to the vnet's devices from now on, until the subscription is closed; the process waits
   * for it. A client has one subscription to a vnet: the second takes the place of the first.
   */
  async subscribe(
    port: number,
    onEvent: (event: DeviceEvent) => void,
    { events, dropThreshold = 0, onLost = () => {} }: SubscribeOptions = {},
  ): Promise<Subscription> {
    let end = () => {}
    const ended = new Promise<void>(resolve => {
      end = resolve
    })
    const message = (cmd: number, attributes: Uint8Array) => {
      if (cmd === VNET_CMD_EVENT) onEvent(deviceEvent(decodeAttributes(eventPolicy, attributes)))
    }
    const request = (mask: number, threshold: number) =>
      this.#change(port, VNET_CMD_SUBSCRIBE, 'SUBSCRIBE', builder => {
        builder.u32(VNET_ATTR_EVENTS, mask).u64(VNET_ATTR_DROP_THRESHOLD, BigInt(threshold))
      })
    // An event may come before the acknowledgement.
    const listening = this.#exchanges.listen(port, { message, lost: onLost, end })
    try {
      await request(eventMask(events), dropThreshold)
    } catch (error) {
      listening.stop()
      throw error
    }
    const close = async () => {
      // One that has ended meanwhile has no subscribers.
      if (listening.stop()) await request(0, 0).catch(() => {})
    }
    return { ended, close, [Symbol.asyncDispose]: close }
  }

  /** What is under way ends with an error. Idempotent. */
  close(): void {
    this.#exchanges.close()
  }

  [Symbol.dispose](): void {
    this.close()
  }

  /** What is asked of one thing, and answered by one message. */
  async #one<F extends Fields>(port: number, cmd: number, what: string, write: Write, policy: Policy<F>) {
    const [answer] = await this.#ask(port, cmd, what, NLM_F_ACK, write, policy)
    if (answer === undefined) throw new VnetError(EPROTO, what)
    return answer
  }

  /** What is acknowledged, and nothing else. */
  async #change(port: number, cmd: number, what: string, write: Write): Promise<void> {
    await this.#ask(port, cmd, what, NLM_F_ACK, write, nothing)
  }

  #dump<F extends Fields>(port: number, cmd: number, what: string, write: Write, policy: Policy<F>) {
    return this.#ask(port, cmd, what, NLM_F_DUMP, write, policy)
  }

  async #ask<F extends Fields>(
    port: number,
    cmd: number,
    what: string,
    flags: number,
    write: Write,
    policy: Policy<F>,
  ): Promise<Decoded<F>[]> {
    const type = await this.family(port)
    return this.#exchanges.ask(port, { type, cmd, version: VNET_GENL_VERSION, flags, what, write }, policy)
  }
}

/** Names a device in a request. */
function naming({ ifindex, name, netns }: Device): Write {
  return builder => {
    builder.u32(VNET_ATTR_IFINDEX, ifindex).string(VNET_ATTR_IFNAME, name)
    if (netns !== undefined) builder.string(VNET_ATTR_NETNS, netns)
  }
}

/** A struct ifreq that names the device and holds nothing else. */
function ifreqOf({ name }: Device): Uint8Array {
  const ifreq = new Uint8Array(VNET_IFREQ_LEN)
  new TextEncoder().encodeInto(name, ifreq.subarray(0, IFNAMSIZ - 1))
  return ifreq
}
