/**
 * ControlClient asks running vnets, by the paths of their sockets; `findVnets` finds those. Any number of questions may be under
 * way at once; a vnet answers those of a client one after the other. Whatever cannot be done is a VnetError: ECONNREFUSED where
 * no vnet listens, or not any more, ETIMEDOUT where it does not answer, EPERM where only root or the vnet's owner may or the
 * socket is another user's, EBUSY where a user has too many connections, and what else the vnet, or the driver, says.
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
  encodeName,
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
  VNET_GENL_ID,
  VNET_GENL_NAME,
  VNET_GENL_VERSION,
  VNET_IFREQ_LEN,
  VNET_SCOPE_QUEUE,
} from './family.ts'
import type { IoctlAnswer, IoctlRequest } from './ioctl-request.ts'
import { partsMask, type SegmentInfo, segmentInfo } from './segment-info.ts'

/** How long a vnet may take for the next part of its answer. */
const TIMEOUT_MS = 5000
const ROOT = 0

type Write = (builder: MessageBuilder) => void

export interface ControlClientOptions {
  /** How long a vnet may take for the next part of its answer, in milliseconds. */
  readonly timeoutMs?: number
  /** A user whose vnets are asked too; root's and one's own are always. */
  readonly user?: number | undefined
}

const familyPolicy = policy({ id: required(u16(CTRL_ATTR_FAMILY_ID)) })
const nothing = policy({})

export class ControlClient {
  readonly #exchanges: Exchanges

  /** `native` is the addon, which opens the connections. */
  constructor(native: Native, { timeoutMs = TIMEOUT_MS, user = ROOT }: ControlClientOptions = {}) {
    this.#exchanges = new Exchanges(native, timeoutMs, new Set([ROOT, process.geteuid?.() ?? ROOT, user]))
  }

  /** A client of vnets wherever they are. Loads the addon. */
  static open(options: ControlClientOptions = {}): ControlClient {
    return new ControlClient(loadNative(), options)
  }

  /** Message type of vnet_nl. */
  async family(vnet: string): Promise<number> {
    const what = `${VNET_GENL_NAME} of ${vnet}`
    const write: Write = builder => void builder.string(CTRL_ATTR_FAMILY_NAME, VNET_GENL_NAME)
    const header = { type: GENL_ID_CTRL, cmd: CTRL_CMD_GETFAMILY, version: CTRL_VERSION, flags: NLM_F_ACK }
    const [found] = await this.#exchanges.ask(vnet, { ...header, what, write }, familyPolicy)
    if (found === undefined) throw new VnetError(EPROTO, what)
    return found.id
  }

  /** The text, as the vnet sends it back. */
  async echo(vnet: string, text: string): Promise<string> {
    const write: Write = builder => void builder.string(VNET_ECHO_ATTR_TEXT, text)
    return (await this.#one(vnet, VNET_CMD_ECHO, 'ECHO', write, echoAnswer)).text
  }

  /** The devices of a vnet. */
  async devices(vnet: string): Promise<DeviceInfo[]> {
    const found = await this.#dump(vnet, VNET_CMD_GET_DEVICES, 'GET_DEVICES', () => {}, answerPolicy)
    return found.map(deviceInfo)
  }

  /** Statistics of one of its devices, with its queues; undefined when it is gone. */
  async stats(vnet: string, { ifindex, name, netns }: Device): Promise<DeviceStats | undefined> {
    const write: Write = builder =>
      void builder.u32(VNET_ATTR_IFINDEX, ifindex).name(VNET_ATTR_IFNAME, name).u32(VNET_ATTR_SCOPE, VNET_SCOPE_QUEUE)
    const found = await this.#dump(vnet, VNET_CMD_GET_STATS, `GET_STATS ${name}`, write, answerPolicy)
    // Two namespaces may have the same name and number.
    const ours = found.filter(answer => answer.netns === netns)
    const [sum, ...queues] = ours
    return sum === undefined ? undefined : deviceStats(sum, queues)
  }

  /** Its statistics begin anew, ours and what we know of the kernel's. For root and the owner. */
  async resetStats(vnet: string, device: Device): Promise<void> {
    await this.#change(vnet, VNET_CMD_RESET_STATS, `RESET_STATS ${device.name}`, naming(device))
  }

  /** Its carrier, on or off, as its driver would set it. For root and the owner. */
  async setCarrier(vnet: string, device: Device, on: boolean): Promise<void> {
    await this.#change(vnet, VNET_CMD_SET_CARRIER, `SET_CARRIER ${device.name}`, builder => {
      naming(device)(builder)
      builder.u8(VNET_ATTR_CARRIER, on ? 1 : 0)
    })
  }

  /** The parameters of the driver that has the device. */
  async params(vnet: string, device: Device): Promise<DriverParam[]> {
    const what = `GET_PARAM ${device.name}`
    return (await this.#dump(vnet, VNET_CMD_GET_PARAM, what, naming(device), paramAnswer)).map(driverParam)
  }

  /** One of them. */
  async param(vnet: string, device: Device, name: string): Promise<DriverParam> {
    const write: Write = builder => {
      naming(device)(builder)
      builder.string(VNET_ATTR_PARAM_NAME, name)
    }
    return driverParam(await this.#one(vnet, VNET_CMD_GET_PARAM, `GET_PARAM ${name}`, write, paramAnswer))
  }

  /** Sets one that may change while running; `value` is as on the command line. For root and the owner. */
  async setParam(vnet: string, device: Device, name: string, value: string): Promise<void> {
    await this.#change(vnet, VNET_CMD_SET_PARAM, `SET_PARAM ${name}`, builder => {
      naming(device)(builder)
      builder.string(VNET_ATTR_PARAM_NAME, name).string(VNET_ATTR_PARAM_VALUE, value)
    })
  }

  /** What is on the segment behind its devices, all of it unless some kinds are named. EOPNOTSUPP where there is none. */
  async segment(vnet: string, device: Device, kinds?: readonly SegmentEntryKind[]): Promise<SegmentInfo> {
    const write: Write = builder => {
      naming(device)(builder)
      builder.u32(VNET_ATTR_SEGMENT_PARTS, partsMask(kinds))
    }
    return segmentInfo(await this.#dump(vnet, VNET_CMD_GET_SEGMENT, `GET_SEGMENT ${device.name}`, write, segmentAnswer))
  }

  /** A fault now, once: 'lockup', 'lost-interrupt', or what else the driver has. For root and the owner. */
  async trigger(vnet: string, device: Device, fault: string, queue?: number): Promise<void> {
    await this.#change(vnet, VNET_CMD_TRIGGER, `TRIGGER ${fault}`, builder => {
      naming(device)(builder)
      builder.string(VNET_ATTR_FAULT, fault)
      if (queue !== undefined) builder.u32(VNET_ATTR_QUEUE, queue)
    })
  }

  /**
   * A private ioctl of the driver. What the driver refuses is no error here, but the -errno in `result`; without a driver that has
   * any it is -EOPNOTSUPP.
   */
  async ioctl(vnet: string, device: Device, { cmd, ifreq, data }: IoctlRequest): Promise<IoctlAnswer> {
    const what = `IOCTL 0x${cmd.toString(16)} ${device.name}`
    const write: Write = builder => {
      naming(device)(builder)
      builder.u32(VNET_ATTR_IOCTL_CMD, cmd).binary(VNET_ATTR_IOCTL_IFREQ, ifreq ?? ifreqOf(device))
      if (data !== undefined) builder.binary(VNET_ATTR_IOCTL_DATA, data)
    }
    const answer = await this.#one(vnet, VNET_CMD_IOCTL, what, write, ioctlAnswer)
    const after = data?.slice()
    // What the driver did not write is as it was.
    if (answer.ioctlData !== undefined) after?.set(answer.ioctlData, answer.ioctlDataOffset)
    return { result: answer.ioctlResult, ifreq: answer.ifreq, data: after }
  }

  /**
   * Calls `onEvent` for what happens to the vnet's devices from now on, until the subscription is closed; the process waits
   * for it. A client has one subscription to a vnet: the second takes the place of the first.
   */
  async subscribe(
    vnet: string,
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
      this.#change(vnet, VNET_CMD_SUBSCRIBE, 'SUBSCRIBE', builder => {
        builder.u32(VNET_ATTR_EVENTS, mask).u64(VNET_ATTR_DROP_THRESHOLD, BigInt(threshold))
      })
    // An event may come before the acknowledgement.
    const listening = this.#exchanges.listen(vnet, { message, lost: onLost, end })
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
  async #one<F extends Fields>(vnet: string, cmd: number, what: string, write: Write, policy: Policy<F>) {
    const [answer] = await this.#ask(vnet, cmd, what, NLM_F_ACK, write, policy)
    if (answer === undefined) throw new VnetError(EPROTO, what)
    return answer
  }

  /** What is acknowledged, and nothing else. */
  async #change(vnet: string, cmd: number, what: string, write: Write): Promise<void> {
    await this.#ask(vnet, cmd, what, NLM_F_ACK, write, nothing)
  }

  #dump<F extends Fields>(vnet: string, cmd: number, what: string, write: Write, policy: Policy<F>) {
    return this.#ask(vnet, cmd, what, NLM_F_DUMP, write, policy)
  }

  #ask<F extends Fields>(
    vnet: string,
    cmd: number,
    what: string,
    flags: number,
    write: Write,
    policy: Policy<F>,
  ): Promise<Decoded<F>[]> {
    return this.#exchanges.ask(
      vnet,
      { type: VNET_GENL_ID, cmd, version: VNET_GENL_VERSION, flags, what, write },
      policy,
    )
  }
}

/** Names a device in a request. */
function naming({ ifindex, name, netns }: Device): Write {
  return builder => {
    builder.u32(VNET_ATTR_IFINDEX, ifindex).name(VNET_ATTR_IFNAME, name)
    if (netns !== undefined) builder.string(VNET_ATTR_NETNS, netns)
  }
}

/** A struct ifreq that names the device and holds nothing else. */
function ifreqOf({ name }: Device): Uint8Array {
  const ifreq = new Uint8Array(VNET_IFREQ_LEN)
  ifreq.set(encodeName(name).subarray(0, IFNAMSIZ - 1))
  return ifreq
}
