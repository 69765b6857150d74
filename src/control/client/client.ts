/**
 * ControlClient sends requests to running vnets, by the paths of their sockets; `findVnets` finds
 * the paths. Any number of requests may be pending; a vnet serves a client's requests one after the
 * other. Failures are VnetErrors: ECONNREFUSED if no vnet listens, or not any more; ETIMEDOUT if it
 * does not reply; EPERM if the request is for root and the vnet's owner, or the socket is another
 * user's; EBUSY if a user has too many connections; and other errors from the vnet or the driver.
 *
 * Only root and the vnet's owner may reset statistics, set carriers, wires and parameters, cut and
 * plug cables, trigger faults, inject and step. Capture is also for the group that the vnet names.
 */
import { setTimeout } from 'node:timers/promises'
import { type Call, EPROTO, VnetError } from '../../base/errno.ts'
import { type Addon, loadNative, type Native, netnsCookieOf } from '../../linux/index.ts'
import { IFNAMSIZ } from '../../netdev/if.ts'
import * as netlink from '../../netlink/index.ts'
import { encodeFilter } from '../protocol/attachment.ts'
import {
  commands,
  eventNumbers,
  scopeNumbers,
  segmentPartNumbers,
  VNET_IFREQ_LEN,
} from '../protocol/family.ts'
import { encodeFrames } from '../protocol/frame-list.ts'
import {
  deviceEvent,
  deviceInfo,
  deviceStats,
  runtimeInfo,
  scenarioInfo,
  segmentInfo,
  stepState,
  wireInfo,
} from '../protocol/replies.ts'
import type { SegmentEntryKind } from '../protocol/segment-entry.ts'
import type {
  CaptureRequest,
  Device,
  DeviceEvent,
  DeviceInfo,
  DeviceStats,
  DriverParam,
  IoctlRequest,
  IoctlResult,
  MistakeInfo,
  PartInfo,
  RuntimeInfo,
  ScenarioInfo,
  SegmentInfo,
  SetWireOptions,
  StepOptions,
  StepState,
  SubscribeOptions,
  Subscription,
  WireInfo,
} from '../protocol/types.ts'
import type { WireChange } from '../protocol/wire-request.ts'
import { type NetNamespace, ownNamespace } from '../sockets/directory.ts'
import { type CaptureStream, VnetCapture } from './capture-stream.ts'
import { Exchanges, type Request } from './exchange.ts'

/** How long a vnet may take for the next part of its reply. */
const TIMEOUT_MS = 5000
/**
 * The same for a page, a scrape or a list, which must not wait for a vnet that is stuck. On a busy
 * machine a vnet loads what serves its first request in up to a second.
 */
export const SERVED_TIMEOUT_MS = 2000
/** Milliseconds before frames that a vnet could not accept are sent again. */
const AGAIN_MS = 1
const ROOT = 0
const NO_REPLY = netlink.policy({}) as netlink.Policy<never>

/** The options of a client, for all vnets and for its whole life. */
export interface ControlClientOptions {
  /** How long a vnet may take for the next part of its reply, in milliseconds. */
  readonly timeoutMs?: number | undefined
  /** A user with trusted vnets, besides root and the caller. */
  readonly user?: number | undefined
}

interface Command<F extends netlink.Fields, R extends netlink.Fields> {
  readonly cmd: number
  readonly name: string
  readonly request: netlink.Policy<F>
  readonly reply?: netlink.Policy<R>
}

/**
 * A client of any number of vnets, each named by the path of its socket. It connects to a vnet at
 * the first request and keeps the connection. `close()`, or the end of a `using` block, closes all
 * connections: pending requests reject with ECANCELED, subscriptions and captures end.
 */
export class ControlClient {
  /** The network namespace that the client was made in. */
  readonly namespace: NetNamespace
  readonly #exchanges: Exchanges
  readonly #native: Native
  readonly #captures = new Set<VnetCapture>()

  /** `native` is the addon, which opens the connections. */
  constructor(
    addon: Native | Addon,
    { timeoutMs = TIMEOUT_MS, user = ROOT }: ControlClientOptions = {},
  ) {
    const native = addon as Native
    this.#native = native
    this.namespace = { inode: ownNamespace('net'), cookie: netnsCookieOf(native) }
    const users = new Set([ROOT, process.geteuid?.() ?? ROOT, user])
    this.#exchanges = new Exchanges(native, timeoutMs, users)
  }

  /** Returns a client of all vnets. Loads the addon. */
  static open(options: ControlClientOptions = {}): ControlClient {
    return new ControlClient(loadNative(), options)
  }

  /** Returns the text as the vnet sent it back. */
  async echo(vnet: string, text: string): Promise<string> {
    return (await this.#one(vnet, commands.echo, { text })).text
  }

  /** Returns the devices of a vnet. */
  async devices(vnet: string): Promise<DeviceInfo[]> {
    return (await this.#dump(vnet, commands.getDevices, {})).map(deviceInfo)
  }

  /** Returns the statistics of a device and its queues; undefined if the device does not exist. */
  async stats(vnet: string, { ifindex, name, netns }: Device): Promise<DeviceStats | undefined> {
    const found = await this.#dump(
      vnet,
      commands.getStats,
      { ifindex, ifname: name, scope: scopeNumbers.queue },
      name,
    )
    // Two namespaces may have the same name and number.
    return deviceStats(found.filter(reply => reply.netns === netns))
  }

  /** Returns the statistics of all devices, without the slow ones of queues and of the kernel. */
  async allStats(vnet: string): Promise<DeviceStats[]> {
    const found = await this.#dump(vnet, commands.getStats, { scope: scopeNumbers.own })
    return found.flatMap(reply => deviceStats([reply]) ?? [])
  }

  /** Sets the statistics of a device to 0: vnet's own, and vnet's view of the kernel's. */
  async resetStats(vnet: string, device: Device): Promise<void> {
    await this.#change(vnet, commands.resetStats, which(device), device.name)
  }

  /** Cuts the cable of a device: neither end has a carrier until `plug`, whatever the links do. */
  async cut(vnet: string, device: Device): Promise<void> {
    await this.#change(vnet, commands.cut, which(device), device.name)
  }

  /** Plugs the cable of a device in again, at both ends. */
  async plug(vnet: string, device: Device): Promise<void> {
    await this.#change(vnet, commands.plug, which(device), device.name)
  }

  /** Returns the wires of a device: their texts, stages and counts. EOPNOTSUPP if it has none. */
  async wire(vnet: string, device: Device): Promise<WireInfo> {
    return wireInfo(await this.#dump(vnet, commands.getWire, which(device), device.name))
  }

  /** Returns the scenario that changes the wires of a device. EOPNOTSUPP if it has none. */
  async scenario(vnet: string, device: Device): Promise<ScenarioInfo> {
    return scenarioInfo(await this.#dump(vnet, commands.getScenario, which(device), device.name))
  }

  /** Returns the state of a device's parts: queues, rings, interrupts, polls, frame memory. */
  async parts(vnet: string, device: Device): Promise<PartInfo[]> {
    const found = await this.#dump(vnet, commands.getParts, which(device), device.name)
    return found.map(({ part }) => part)
  }

  /** Returns the mistakes of `vnet node`. EOPNOTSUPP if the vnet is another program. */
  async mistakes(vnet: string): Promise<MistakeInfo> {
    const found = await this.#dump(vnet, commands.getMistakes, {})
    const present = found.flatMap(({ mistake }) => mistake ?? [])
    return { count: found[0]?.mistakeCount ?? 0, present }
  }

  /** Returns the resources that a vnet uses: event loop, garbage collection, memory, CPU time. */
  async runtime(vnet: string): Promise<RuntimeInfo> {
    return runtimeInfo(await this.#one(vnet, commands.getRuntime, {}))
  }

  /**
   * Replaces the stages of all wires of a device, or of the wires in `direction`, by the stages
   * that `text` describes; undefined removes all stages. Packets that are in flight still arrive.
   * This process reads the files and compiles the filters that the text names, with its own rights,
   * unless `wireChange` did so before. Throws a UsageError if the text is wrong; nothing is changed
   * then.
   */
  async setWire(
    vnet: string,
    device: Device,
    text: string | WireChange | undefined,
    { direction }: SetWireOptions = {},
  ): Promise<void> {
    const change =
      typeof text === 'object'
        ? text
        : (await import('../protocol/wire-request.ts')).wireChange(text, { direction })
    await this.#change(vnet, commands.setWire, { ...which(device), ...change }, device.name)
  }

  /** Turns the carrier of a device on or off as its driver would: a fault of this end alone. */
  async setCarrier(vnet: string, device: Device, carrier: boolean): Promise<void> {
    await this.#change(vnet, commands.setCarrier, { ...which(device), carrier }, device.name)
  }

  /** Returns the parameters of the driver that has the device. */
  async params(vnet: string, device: Device): Promise<DriverParam[]> {
    return this.#dump(vnet, commands.getParam, which(device), device.name)
  }

  /** Returns one of these parameters. */
  async param(vnet: string, device: Device, name: string): Promise<DriverParam> {
    return this.#one(
      vnet,
      commands.getParam,
      { ...which(device), name },
      `${name} of ${device.name}`,
    )
  }

  /** Sets a parameter that may change while running; `value` is as on the command line. */
  async setParam(vnet: string, device: Device, name: string, value: string): Promise<void> {
    await this.#change(
      vnet,
      commands.setParam,
      { ...which(device), name, value },
      `${name} of ${device.name}`,
    )
  }

  /** Returns entries of the devices' segment, all or of some kinds. EOPNOTSUPP without one. */
  async segment(
    vnet: string,
    device: Device,
    kinds?: readonly SegmentEntryKind[],
  ): Promise<SegmentInfo> {
    const parts = kinds?.reduce((mask, kind) => mask | segmentPartNumbers[kind], 0)
    return segmentInfo(
      await this.#dump(vnet, commands.getSegment, { ...which(device), parts }, device.name),
    )
  }

  /** Causes one fault now: one of `faults` of the device, or another that the driver has. */
  async trigger(vnet: string, device: Device, fault: string, queue?: number): Promise<void> {
    await this.#change(
      vnet,
      commands.trigger,
      { ...which(device), fault, queue },
      `${fault} of ${device.name}`,
    )
  }

  /**
   * Single-steps frames: `on` stops every frame of the vnet before each step of its path, `next`
   * runs the next step, `off` lets all frames continue. No mode changes nothing. Returns
   * the frame that waits then. With the `count` of a halt, `next` runs that halt's step or none.
   */
  async step(
    vnet: string,
    device: Device,
    mode?: 'on' | 'off' | 'next',
    { every, count }: StepOptions = {},
  ): Promise<StepState> {
    return stepState(
      await this.#one(vnet, commands.step, { ...which(device), mode, every, count }, device.name),
    )
  }

  /**
   * Makes a device receive whole Ethernet frames, in order. Settles when the vnet has accepted
   * them. Returns how many it dropped because they are shorter than an Ethernet header, or longer
   * than the MTU, the header and a VLAN tag. Rejects with ENETDOWN if the interface is down.
   */
  async inject(
    vnet: string,
    device: Device,
    frames: readonly Uint8Array[],
  ): Promise<{ readonly refused: number }> {
    let refused = 0
    for (let from = 0; from < frames.length; ) {
      const { list, count } = encodeFrames(frames, from)
      if (count === 0) {
        // It is longer than any request, and any MTU that a frame of it could have.
        from++
        refused++
        continue
      }
      const reply = await this.#one(
        vnet,
        commands.inject,
        { ...which(device), frames: list },
        device.name,
      )
      from += reply.taken
      refused += reply.refused
      // No slot was free for a frame: the network comes first.
      if (reply.taken === 0) {
        await setTimeout(AGAIN_MS)
      }
    }
    return { refused }
  }

  /** Runs a private ioctl. A refusal is the -errno in `result`: -EOPNOTSUPP without any. */
  async ioctl(
    vnet: string,
    device: Device,
    { cmd, ifreq, data }: IoctlRequest,
  ): Promise<IoctlResult> {
    const values = { ...which(device), cmd, ifreq: ifreq ?? ifreqOf(device), data }
    const call = `0x${cmd.toString(16)} ${device.name}`
    const reply = await this.#one(vnet, commands.ioctl, values, call)
    const after = data?.slice()
    if (after !== undefined && reply.data !== undefined) {
      const { length } = reply.data
      if (length > after.length) {
        throw new VnetError(
          EPROTO,
          whatOf(commands.ioctl, call),
          `${length} bytes of data are more than were sent`,
        )
      }
      // Bytes that the driver did not write are unchanged.
      after.set(reply.data)
    }
    return { result: reply.result, ifreq: reply.ifreq, data: after }
  }

  /**
   * Calls `onEvent` for the vnet's events until the subscription is closed; keeps the process
   * alive. A client has one subscription to a vnet: the second replaces the first.
   */
  async subscribe(
    vnet: string,
    onEvent: (event: DeviceEvent) => void,
    { device = {}, events, dropThreshold, onLost = () => {} }: SubscribeOptions = {},
  ): Promise<Subscription> {
    let end = () => {}
    const ended = new Promise<void>(resolve => {
      end = resolve
    })
    const message = (cmd: number, attributes: Uint8Array) => {
      if (cmd === commands.event.cmd) {
        onEvent(deviceEvent(netlink.decodeAttributes(commands.event.reply, attributes)))
      }
    }
    const mask = events?.reduce((bits, name) => bits | (1 << eventNumbers[name]), 0)
    // An event may precede the acknowledgement.
    const listening = this.#exchanges.listen(vnet, { message, lost: onLost, end })
    try {
      await this.#change(vnet, commands.subscribe, {
        ...which(device),
        events: mask,
        dropThreshold,
      })
    } catch (error) {
      listening.stop()
      throw error
    }
    const close = async () => {
      // A vnet that has ended meanwhile has no subscribers.
      if (listening.stop()) {
        await this.#change(vnet, commands.subscribe, { events: 0 }).catch(() => {})
      }
    }
    return { ended, close, [Symbol.asyncDispose]: close }
  }

  /**
   * Captures the frames of devices of a vnet, as a stream of pcapng. It captures the given devices
   * until the last of them is unregistered, or by default all devices, including later ones.
   * Compiles the filter here, with the rights of this process. Throws a UsageError if the filter is
   * wrong, EPERM if this user may not capture, ENODEV for an unknown device, EBUSY for too many
   * captures.
   */
  async capture(vnet: string, options: CaptureRequest = {}): Promise<CaptureStream> {
    const { devices, snaplen, filter, dropsOnly } = options
    const values = {
      devices: devices?.map(which),
      snaplen,
      filter,
      drops: dropsOnly || undefined,
      program:
        filter === undefined
          ? undefined
          : encodeFilter(filter, (await import('../../linux/pcap-filter.ts')).compileFilter(filter))
              .bytes,
    }
    const detached = await this.#exchanges.detach(
      vnet,
      requestOf(commands.capture, values, netlink.NLM_F_ACK),
    )
    const capture = new VnetCapture(this.#native, detached, ended => this.#captures.delete(ended))
    this.#captures.add(capture)
    return capture
  }

  /** Cancels pending requests, and ends captures immediately. Idempotent. */
  close(): void {
    this.#exchanges.close()
    for (const capture of [...this.#captures]) {
      capture.close()
    }
  }

  readonly [Symbol.dispose] = (): void => this.close()

  async #one<F extends netlink.Fields, R extends netlink.Fields>(
    vnet: string,
    command: Command<F, R>,
    values: netlink.Encodable<F>,
    object?: string,
  ): Promise<netlink.Decoded<R>> {
    const [reply] = await this.#dump(vnet, command, values, object, netlink.NLM_F_ACK)
    if (reply === undefined) throw new VnetError(EPROTO, whatOf(command, object))
    return reply
  }

  async #change<F extends netlink.Fields>(
    vnet: string,
    command: Command<F, netlink.Fields>,
    values: netlink.Encodable<F>,
    object?: string,
  ) {
    await this.#dump(vnet, command, values, object, netlink.NLM_F_ACK)
  }

  /** A request with any number of reply messages. `object` is its subject, for errors. */
  #dump<F extends netlink.Fields, R extends netlink.Fields>(
    vnet: string,
    command: Command<F, R>,
    values: netlink.Encodable<F>,
    object?: string,
    flags = netlink.NLM_F_DUMP,
  ): Promise<netlink.Decoded<R>[]> {
    return this.#exchanges.ask(
      vnet,
      requestOf(command, values, flags, object),
      command.reply ?? NO_REPLY,
    )
  }
}

function requestOf<F extends netlink.Fields>(
  { cmd, name, request }: Command<F, netlink.Fields>,
  values: netlink.Encodable<F>,
  flags: number,
  object?: string,
): Request {
  return {
    cmd,
    flags,
    what: whatOf({ name }, object),
    write: builder => netlink.encodeAttributes(builder, request, values),
  }
}

const whatOf = ({ name }: { readonly name: string }, object = 'vnet'): Call => [name, object]

const which = ({ ifindex, name: ifname, netns }: Partial<Device>) => ({ ifindex, ifname, netns })

function ifreqOf({ name }: Device): Uint8Array {
  const ifreq = new Uint8Array(VNET_IFREQ_LEN)
  ifreq.set(netlink.encodeName(name).subarray(0, IFNAMSIZ - 1))
  return ifreq
}
