/**
 * Warm-up: has V8 compile the path of frames before the first frames of users need it. The code of
 * a frame's path is small, but V8 takes up to 7 ms to optimize one of its functions. On one CPU a
 * frame waits for that.
 *
 * The driver is loaded twice more, on Nets of their own. Their interfaces are sockets, each
 * connected to itself: a frame that is written to one is read from it again. So a few frames pass
 * to and fro between the devices, through the same code as all other frames. Nothing is shared with
 * the devices of the user: their counters, captures, wires and hooks never see these frames.
 */
import { setTimeout } from 'node:timers/promises'
import { type Clock, Log, NSEC_PER_MSEC } from '../base/index.ts'
import {
  AF_UNIX,
  check,
  closingOnError,
  type Native,
  SOCK_DGRAM,
  SOCK_NONBLOCK,
} from '../linux/index.ts'
import { FrameBatches, FrameQueue } from '../linux/tap/frame-queue.ts'
import { VIRTIO_NET_HDR_F_NEEDS_CSUM, VIRTIO_NET_HDR_GSO_TCPV4 } from '../linux/uapi.ts'
import type { Driver } from '../netdev/driver.ts'
import { IFF_UP } from '../netdev/if.ts'
import { insmod } from '../netdev/module.ts'
import { Net } from '../netdev/net.ts'
import type { LinkState, Platform, Port, PortSpec } from '../netdev/port.ts'
import { TX_PACKETS } from '../netdev/stats.ts'
import { SkBuffPool } from '../skb/index.ts'

/** Frames after which V8 has optimized all functions of the path. */
const FRAMES = 16_000
/** Milliseconds of frames between two rests. */
const RUN_MS = 3
/** Milliseconds after which the warm-up ends in any case. */
const LIMIT_MS = 1000
/** Slots of each size: more than the frames that are under way. */
const SLOTS = 64

/** The vnet headers of the frames, as the kernel sends them. */
const HEADERS = {
  /** A whole frame: an ARP request. */
  plain: [0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
  /** A datagram without its checksum, which is left to the device. */
  datagram: [VIRTIO_NET_HDR_F_NEEDS_CSUM, 0, 0, 0, 0, 0, 34, 0, 6, 0],
  /** TCP segments of 1448 bytes in one frame. */
  segments: [VIRTIO_NET_HDR_F_NEEDS_CSUM, VIRTIO_NET_HDR_GSO_TCPV4, 66, 0, 0xa8, 5, 34, 0, 16, 0],
}
const LENGTHS = { plain: 60, datagram: 60, segments: 2962 }
/** The addresses of two stations, and IPv4. */
const ETHERNET = [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0]

/** A device's port on a socket that returns what is written to it. */
class SocketPort implements Port {
  readonly queues: readonly FrameQueue[]
  readonly link: LinkState
  readonly announced = true
  readonly created = true
  features: number

  constructor(ifindex: number, { name, features }: PortSpec, queue: FrameQueue) {
    this.queues = [queue]
    this.features = features
    this.link = {
      name,
      ifindex,
      flags: IFF_UP,
      mtu: 1500,
      address: Uint8Array.of(2, 0, 0, 0, 0, ifindex),
      txQueueLen: 1000,
      queues: 1,
      qdisc: 'fq_codel',
      multicast: [],
      addresses: [],
    }
  }

  setFeatures(features: number): number {
    this.features = features
    return features
  }

  refresh(): LinkState {
    return this.link
  }

  onChange(): void {}

  async apply(): Promise<void> {}

  kernelStats(): undefined {
    return undefined
  }

  async close(): Promise<void> {
    for (const queue of this.queues) {
      queue.close()
    }
  }
}

/** A load of the driver. */
interface Load extends AsyncDisposable {
  readonly queues: readonly FrameQueue[]
  /** Returns how many frames its devices were given. */
  count(): number
}

/** Opens ports on sockets that are connected to themselves. */
class SocketPlatform implements Platform {
  readonly fds: number[] = []
  readonly queues: FrameQueue[] = []
  readonly #native: Native
  readonly #batches: FrameBatches

  constructor(native: Native) {
    this.#native = native
    this.#batches = new FrameBatches(native)
  }

  allocName(pattern: string): string {
    return pattern.replace('%d', String(this.fds.length))
  }

  async open(spec: PortSpec): Promise<Port> {
    const native = this.#native
    const fd = check(native.socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, -1), 'socket')
    return closingOnError(native, [fd], () => {
      // An address without a name: the kernel chooses one.
      check(native.bind(fd, Uint8Array.of(AF_UNIX, 0)), 'bind')
      const own = new Uint8Array(110)
      const length = check(native.getsockname(fd, own), 'getsockname')
      check(native.connect(fd, own.subarray(0, length)), 'connect')
      this.fds.push(fd)
      const queue = new FrameQueue(native, fd, HEADERS.plain.length, spec.slots, this.#batches)
      this.queues.push(queue)
      return new SocketPort(this.fds.length, spec, queue)
    })
  }
}

/**
 * Runs frames through loads of `driver` until V8 has optimized its path, or `signal`, and logs how
 * many for `-v`. Loads nothing if that is aborted already. Rejects if the driver cannot be loaded
 * twice more.
 */
export async function warmUp(
  native: Native,
  driver: Driver,
  { clock, log }: Pick<Net, 'clock' | 'log'>,
  signal: AbortSignal,
): Promise<void> {
  if (signal.aborted) return
  const start = clock.now()
  const frames = await exchange(native, driver, clock, signal)
  const ms = Math.round((clock.now() - start) / NSEC_PER_MSEC)
  log.debug(`${driver.name}: warmed up by ${frames} frames of its own in ${ms} ms`)
}

/** Returns how many frames the devices have exchanged. */
async function exchange(
  native: Native,
  driver: Driver,
  clock: Clock,
  signal: AbortSignal,
): Promise<number> {
  await using first = await load(native, driver, clock)
  await pass([first], FRAMES / 3, signal)
  // With one Net, V8 would compile for its functions, and again for the user's Net.
  await using second = await load(native, driver, clock)
  await pass([first, second], FRAMES, signal)
  return first.count() + second.count()
}

/** Lets frames pass until the devices have exchanged `frames` of them. */
async function pass(loads: readonly Load[], frames: number, signal: AbortSignal): Promise<void> {
  const isDone = () => signal.aborted || loads.reduce((n, { count }) => n + count(), 0) >= frames
  for (let ms = 0; ms < LIMIT_MS && !isDone(); ms += RUN_MS + 1) {
    for (const queue of loads.flatMap(({ queues }) => queues)) {
      queue.resume()
    }
    await setTimeout(RUN_MS)
    // V8 compiles in threads of its own, which get no time on a busy CPU unless this one sleeps.
    for (const queue of loads.flatMap(({ queues }) => queues)) {
      queue.pause()
    }
    await setTimeout(1)
  }
}

/** Loads the driver on a Net of its own, and gives it frames. The disposal unloads it. */
async function load(native: Native, driver: Driver, clock: Clock): Promise<Load> {
  const platform = new SocketPlatform(native)
  const pool = new SkBuffPool({ large: SLOTS, small: SLOTS })
  const net = new Net({ platform, clock, log: new Log(0, () => {}), pool })
  const module = insmod(driver, { args: driver.warmUpArgs ?? [], net, txqs: 1, rxqs: 1 })
  await module.up({ configure: async () => {} })
  sendFrames(native, platform.fds)
  return {
    queues: platform.queues,
    count: () => module.devices.reduce((n, dev) => n + (dev.counters.rows[TX_PACKETS] ?? 0), 0),
    [Symbol.asyncDispose]: () => module.rmmod(),
  }
}

/** Gives the first device the frames with offloads, and the last one the frame without. */
function sendFrames(native: Native, fds: readonly number[]): void {
  for (const [kind, header] of Object.entries(HEADERS)) {
    const frame = new Uint8Array(header.length + LENGTHS[kind as keyof typeof LENGTHS])
    frame.set([...header, ...ETHERNET])
    const fd = kind === 'plain' ? fds.at(-1) : fds[0]
    check(native.send(fd as number, frame, 0), 'send')
  }
}
