/**
 * testBed: a driver in memory, with its devices registered and up, a kernel above each of them, and
 * a clock that the test moves. It needs no root and no waiting.
 *
 *     await using bed = await testBed(driver, { delay: 5 })
 *     const { received } = bed.ping({ to: '198.18.0.9' })
 *
 * At its end the devices are unregistered. The driver must not leave a frame, a timer, or an error
 * in the log.
 */
import {
  durationOf,
  LOGLEVEL_ERR,
  LOGLEVEL_INFO,
  Log,
  NSEC_PER_MSEC,
  NSEC_PER_SEC,
  random,
} from '../base/index.ts'
import { flipAddress } from '../drivers/flip/address.ts'
import type { Debug, DebugOptions } from '../netdev/debug/debug.ts'
import { functionPlace } from '../netdev/debug/function-place.node.ts'
import type { Finding } from '../netdev/debug/hooks.ts'
import { ByteMemory, devIoctl, noMemory } from '../netdev/dev-ioctl.ts'
import type { AnyDevice, Driver, Params, ParamValues } from '../netdev/driver.ts'
import { IFF_UP, IFR_IFRU, IFREQ_LEN } from '../netdev/if.ts'
import { insmod, type Module } from '../netdev/module.ts'
import { Net } from '../netdev/net.ts'
import type { NetDevice } from '../netdev/net-device.ts'
import { devOpen } from '../netdev/netif.ts'
import { type LinkStats64, linkStats64 } from '../netdev/stats.ts'
import { formatAddress, isInPrefix, plus } from '../packet/address.ts'
import { print } from '../packet/print.ts'
import { dropsByName, type SkBuff, SkBuffPool } from '../skb/index.ts'
import { BedCapture, capturedFrames } from './bed-capture.ts'
import type {
  BedIoctlResult,
  IoctlOptions,
  PingOptions,
  PingResult,
  TestBedOptions,
  TransmitOptions,
} from './bed-options.ts'
import { type Balance, balance } from './conservation.ts'
import { FakeClock } from './fake-clock.ts'
import { echoRequest, ipv4Of } from './frames.ts'
import {
  type Frame,
  type FrameInfo,
  frameOf,
  MemoryPlatform,
  type MemoryPort,
} from './memory-port.ts'
import { NetworkStack, refuse } from './network-stack.ts'

/** The address at which an ioctl caller's memory starts. */
const DATA_AT = 0x1000n

/** Small slots for frames that a bed's wires hold. */
const RESERVE = 1 << 14

/** Rounds without time passing, after which a driver is considered stuck. */
const ROUNDS_MAX = 10_000

/** Loads the driver checker. Few beds use it. */
async function loadDebug(options: true | DebugOptions): Promise<(net: Net) => Debug> {
  const { debugWith } = await import('../netdev/debug/debug.ts')
  return debugWith({
    pool: { reserve: RESERVE },
    placeOf: functionPlace,
    ...(options === true ? {} : options),
  })
}

/**
 * A loaded driver and the kernel above its devices. Methods act in the present of the bed's clock
 * and return when all that follows at this moment has happened; only `advance`, `ping` and
 * `transmitPcap` move the clock. `close()`, or the end of an `await using` block, unloads the
 * driver and throws if frames, timers or errors in the log remain.
 */
export class TestBed<P extends Params = Params, Dev extends AnyDevice = AnyDevice>
  implements AsyncDisposable
{
  readonly net: Net
  readonly clock = new FakeClock()
  readonly platform = new MemoryPlatform()
  /** The lines of the log. */
  readonly log: string[] = []
  readonly #driver: Driver<P, Dev>
  readonly #given: Partial<ParamValues<P>>
  #module: Module<P, Dev> | undefined
  readonly #options: TestBedOptions
  readonly #devices: Dev[] = []
  readonly #stacks = new Map<AnyDevice, NetworkStack>()
  readonly #capture = new BedCapture()
  readonly #errors: string[] = []
  #closed = false
  /** The current ping: its identifier, the time of each request, and the replies. */
  #ping = { identifier: 0, sent: [] as number[], rtts: [] as number[] }

  private constructor(
    driver: Driver<P, Dev>,
    params: Partial<ParamValues<P>>,
    options: TestBedOptions,
    debug: ((net: Net) => Debug) | undefined,
  ) {
    const { seed = 1, logLevel = LOGLEVEL_INFO, onLog } = options
    this.#driver = driver
    this.#options = options
    this.#given = params
    const log = new Log(logLevel, (level, text) => {
      this.log.push(text)
      if (level <= LOGLEVEL_ERR) {
        this.#errors.push(text)
      }
      onLog?.(text, level)
    })
    const pool = debug === undefined ? new SkBuffPool({ reserve: RESERVE }) : undefined
    this.net = new Net({
      platform: this.platform,
      clock: this.clock,
      log,
      pool,
      random: random(seed),
      debug,
    })
  }

  static async make<Q extends Params, D extends AnyDevice>(
    driver: Driver<Q, D>,
    params: Partial<ParamValues<Q>>,
    options: TestBedOptions,
  ): Promise<TestBed<Q, D>> {
    const bed = new TestBed(
      driver,
      params,
      options,
      options.debug ? await loadDebug(options.debug) : undefined,
    )
    try {
      await bed.#open()
    } catch (error) {
      bed.#closed = true
      await bed.#module?.rmmod()
      throw error
    }
    return bed
  }

  /** The driver's parameters; a live one may be changed. */
  get params(): ParamValues<P> {
    return (this.#module as Module<P, Dev>).params
  }

  /** The devices, in the driver's order. */
  get devices(): readonly Dev[] {
    return this.#devices
  }

  /** The first device. */
  get dev(): Dev {
    return this.#devices[0] as Dev
  }

  /** Frames that the kernel received on the first device, oldest first. */
  get received(): Frame[] {
    return this.port().received
  }

  /** The findings of `debug` so far. */
  get findings(): readonly Finding[] {
    return this.net.debug?.findings ?? []
  }

  /** Returns the port of an interface, by default of the first device. */
  port(name: string = this.dev.name): MemoryPort {
    return this.platform.port(name)
  }

  /**
   * The kernel transmits a frame. When this returns the driver has had it, unless its queue is
   * stopped, and whatever that caused at this moment has happened. Throws for a frame that the
   * kernel would not send.
   */
  transmit(frame: Uint8Array, options: TransmitOptions<Dev> = {}): void {
    const { dev = this.dev, queue = 0, ...info } = options
    refuse(dev, frame, info)
    this.#transmit(dev, frame, queue, info)
    this.#settle()
  }

  /**
   * The kernel transmits the frames of a capture file, given by its bytes or its name, at their
   * distances and without those marked as received. Returns their number.
   */
  transmitPcap(
    file: Uint8Array | string,
    options: { readonly dev?: Dev; readonly queue?: number } = {},
  ): number {
    let frames = 0
    for (const { bytes, gap } of capturedFrames(file)) {
      this.#run(this.clock.now() + gap)
      this.transmit(bytes, options)
      frames++
    }
    return frames
  }

  /** Returns all frames that the kernel transmitted and received, as a pcapng file. */
  pcap(): Uint8Array {
    return this.#capture.file(this.devices)
  }

  /** Moves the clock by ms or a time with its unit (`2s`, `50us`); timers run at their moments. */
  advance(time: number | string): void {
    this.#run(this.clock.now() + durationOf(time))
  }

  /** Pings like ping(8). The clock moves until the last reply arrives or the timeout ends. */
  ping(options: PingOptions<Dev> = {}): PingResult {
    const {
      from = this.dev,
      count = 1,
      interval = '1s',
      size = 56,
      timeout = '10s',
      queue = 0,
    } = options
    const stack = this.#stack(from)
    const to = options.to === undefined ? this.targetOf(from) : ipv4Of(options.to)
    const source = stack.sourceFor(to)
    if (source === undefined) throw new Error(`${from.name}: no route to ${formatAddress(to)}`)
    const { identifier } = this.#ping
    const ping = {
      identifier: (identifier + 1) & 0xffff,
      sent: [] as number[],
      rtts: [] as number[],
    }
    this.#ping = ping
    const isDone = () => ping.rtts.length === count
    for (let sequence = 1; sequence <= count; sequence++) {
      ping.sent[sequence] = this.clock.now()
      const frame = echoRequest({ from: source, to, identifier: ping.identifier, sequence, size })
      // The kernel loses packets that it sends without a carrier.
      if (from.carrier) {
        refuse(from, frame, {})
      }
      stack.send(frame, queue)
      this.#run(this.clock.now() + durationOf(sequence < count ? interval : timeout), isDone)
    }
    return { sent: count, received: ping.rtts.length, rtts: ping.rtts }
  }

  /** @internal Returns the address that `ping` has from a device by default. */
  targetOf(dev: AnyDevice): Uint8Array {
    const stack = this.#stack(dev)
    const [first] = stack.prefixes
    if (first === undefined) {
      throw new Error('the device has no IPv4 address: name one with `addresses`')
    }
    const own = [...this.#stacks.values()].flatMap(({ prefixes }) =>
      prefixes.map(({ bytes }) => bytes),
    )
    const far = this.#driver.flips ? own.map(flipAddress) : []
    const others = own.filter(address => !stack.isOwn(address))
    const reached = stack.prefixes.flatMap(prefix =>
      [...far, ...others].filter(address => isInPrefix(address, prefix)),
    )
    if (reached[0] !== undefined) return reached[0]
    const next = plus(first.bytes, 1)
    return isInPrefix(plus(next, 1), first) ? next : plus(first.bytes, -1)
  }

  /** Performs an ioctl on a device. */
  ioctl(cmd: number, options: IoctlOptions<Dev> = {}): BedIoctlResult {
    const { dev = this.dev, ifru, mayChange = true } = options
    const data = options.data?.slice() ?? new Uint8Array(0)
    const ifr = new Uint8Array(IFREQ_LEN)
    new TextEncoder().encodeInto(dev.name, ifr)
    if (ifru !== undefined) {
      ifr.set(ifru, IFR_IFRU)
    } else if (data.length > 0) {
      new DataView(ifr.buffer).setBigUint64(IFR_IFRU, DATA_AT, true)
    }
    const result = devIoctl(
      dev,
      cmd,
      ifr,
      data.length === 0 ? noMemory : new ByteMemory(data, DATA_AT),
      mayChange,
    )
    this.#settle()
    return { result, ifr, data }
  }

  /** Returns the counters of a device, by default the first. */
  stats(dev: Dev = this.dev): LinkStats64 {
    return linkStats64(dev.getStats64())
  }

  /** Returns the frames that a device dropped, by the reason's name: `{ NOT_SPECIFIED: 2 }`. */
  drops(dev: Dev = this.dev): Record<string, number> {
    const { tx, rx } = dev.counters.drops()
    return dropsByName(tx, rx)
  }

  /** Returns the balance of all frames: in + made = out + dropped + held. */
  balance(): Balance {
    return balance(this.net, this.#devices as readonly NetDevice[])
  }

  /**
   * Ends the bed: unregisters the devices and unloads the driver. Throws if a frame is held or was
   * lost uncounted, if a timer still runs, or if an error was logged. Idempotent.
   */
  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    await this.#module?.rmmod()
    // An alarm that rings once more does no harm; one that arms itself again never ends.
    this.clock.advance(2 * NSEC_PER_SEC)
    this.net.debug?.end()
    const problems = [...this.#leaks(), ...(this.#options.allowErrors ? [] : this.#logged())]
    if (problems.length > 0) throw new Error(`${this.#driver.name}: ${problems.join('; ')}`)
  }

  readonly [Symbol.asyncDispose] = (): Promise<void> => this.close()

  async #open(): Promise<void> {
    const {
      args = [],
      names = [],
      addresses = [],
      up = true,
      txqs,
      rxqs,
      wireResources,
    } = this.#options
    const context = { args, names, txqs, rxqs, wireResources, net: this.net }
    this.#module = insmod(this.#driver, { ...context, params: this.#given })
    this.#devices.push(...this.#module.specs.map(({ dev }) => dev))
    await this.#module.up({
      configure: async (dev, i) => {
        this.#connect(dev, i)
        const given = addresses[i] ?? this.#module?.specs[i]?.addresses
        await dev.port?.apply({ addresses: given ?? [`198.18.0.${i + 1}/24`] })
        if (up) {
          await devOpen(dev)
        }
      },
    })
    this.#settle()
  }

  #connect(dev: NetDevice, index: number): void {
    const port = dev.port as MemoryPort
    const transmit = (bytes: Uint8Array, queue: number) => this.#transmit(dev, bytes, queue)
    const stack = new NetworkStack(dev, port, transmit, (id, sequence) =>
      this.#echoed(id, sequence),
    )
    this.#stacks.set(dev, stack)
    port.onFrame = (skb, queue) => {
      const frame = frameOf(skb, queue)
      port.received.push(frame)
      this.#capture.add(index, frame.bytes, this.clock.now(), true)
      stack.receive(frame)
    }
  }

  #stack(dev: AnyDevice): NetworkStack {
    const stack = this.#stacks.get(dev)
    if (stack === undefined) throw new Error(`${dev.name} is not a device of this test bed`)
    return stack
  }

  #transmit(dev: AnyDevice, bytes: Uint8Array, queue: number, info: FrameInfo = {}): void {
    if (!dev.carrier || (dev.flags & IFF_UP) === 0) return
    this.#capture.add(this.#devices.indexOf(dev as Dev), bytes, this.clock.now(), false)
    this.#stack(dev).port.transmit(bytes, queue, info)
  }

  /** Passes waiting frames on and runs interrupts and polls, until nothing is due now. */
  #settle(): void {
    for (let round = 0; round < ROUNDS_MAX; round++) {
      this.net.flush()
      if (this.platform.ports.reduce((n, port) => n + port.drain(), 0) === 0) return
    }
    throw new Error(`${this.#driver.name}: frames go round without end`)
  }

  #run(end: number, isDone = () => false): void {
    const { clock } = this
    let rounds = 0
    for (;;) {
      this.#settle()
      if (isDone()) return
      const next = clock.next
      if (next === undefined || next > end) break
      // An alarm that is armed for now rings a nanosecond later.
      rounds = next - clock.now() > 1 ? 0 : rounds + 1
      if (rounds > ROUNDS_MAX) throw this.#endless()
      clock.advance(Math.max(next - clock.now(), 0))
    }
    clock.advance(end - clock.now())
    this.#settle()
  }

  /** Names the handler or the poll that is due again each time that it has run. */
  #endless(): Error {
    const { softirq } = this.net
    const place = softirq && functionPlace(softirq.code)
    const what =
      softirq === undefined ? 'timers run' : `${softirq.what}${place ? ` at ${place}` : ''} runs`
    return new Error(`${this.#driver.name}: ${what} without end`)
  }

  #echoed(identifier: number, sequence: number): void {
    const { sent, rtts } = this.#ping
    const at = sent[sequence]
    if (identifier !== this.#ping.identifier || at === undefined) return
    delete sent[sequence]
    rtts.push((this.clock.now() - at) / NSEC_PER_MSEC)
  }

  #leaks(): string[] {
    const { length: n, 0: first } = this.net.pool.frames()
    const { in: read, made, out, dropped, held } = this.balance()
    const lost = read + made - out - dropped - held
    return [
      ...(first === undefined ? [] : [heldAfterTheEnd(n, first)]),
      ...(lost > 0
        ? [
            `frames were freed that neither the kernel received nor a drop counts: ${lost} (skb.free())`,
          ]
        : []),
      ...(this.clock.armed > 0
        ? [`timers still run after the end: ${this.clock.armed}: cancel them in ndoStop`]
        : []),
    ]
  }

  #logged(): string[] {
    const [first, ...more] = this.#errors
    if (first === undefined) return []
    return [`it logged '${first}'${more.length === 0 ? '' : ` and ${more.length} more errors`}`]
  }
}

function heldAfterTheEnd(n: number, { bytes, data, len, dev }: SkBuff): string {
  const frame = `'${print(bytes, data, len)}' of ${dev?.name}`
  const held =
    n === 1 ? 'a frame is held after the end:' : `${n} frames are held after the end, such as`
  return `${held} ${frame}: hand on or free each, in ndoStop at the latest`
}
