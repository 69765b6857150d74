/**
 * Nets in memory for the tests of a file. After each test what it made is taken down, and every frame accounted for: in = out
 * + dropped, no slot of the pool is still out, and no alarm goes on ringing.
 */
import { afterEach, expect } from 'vitest'
import { allocNetdevMqs, etherSetup } from '../../src/core/alloc.ts'
import { NSEC_PER_SEC } from '../../src/core/clock.ts'
import { type DeviceSpec, type Driver, defaultParams, type Params, type ParamValues } from '../../src/core/driver.ts'
import { NETDEV_REGISTER } from '../../src/core/if.ts'
import { LOGLEVEL_INFO, Log } from '../../src/core/log.ts'
import { Net } from '../../src/core/net.ts'
import type { NetDevice } from '../../src/core/net-device.ts'
import type { NetDeviceOps } from '../../src/core/ops.ts'
import { random } from '../../src/core/random.ts'
import { devOpen, registerNetdev, unregisterNetdev } from '../../src/core/register.ts'
import { SkBuffPool, type SkBuffPoolOptions } from '../../src/skb/pool.ts'
import type { SkBuff } from '../../src/skb/sk-buff.ts'
import { assertConserved, type Balance } from '../../src/testing/conservation.ts'
import { FakeClock } from '../../src/testing/fake-clock.ts'
import { MemoryHost, type MemoryPort } from '../../src/testing/memory-port.ts'

export interface MemoryNet {
  readonly net: Net
  readonly host: MemoryHost
  readonly clock: FakeClock
  readonly pool: SkBuffPool
  /** Log lines; without those of debugging unless asked for. */
  readonly lines: string[]
  /** Every device that was ever registered. */
  readonly devices: NetDevice[]
  /** Frames that drivers made themselves; a test that has some says so here. */
  made: number
  /** Throws unless in + made = out + dropped + held, at this moment. */
  conserved(): Balance
}

export interface MemoryNetOptions extends SkBuffPoolOptions {
  /** The chattiest lines to be kept, LOGLEVEL_INFO unless given. */
  level?: number
  msgEnable?: number
}

/** To be called once by a test file; what it answers makes a Net. */
export function memoryNets(): (options?: MemoryNetOptions) => MemoryNet {
  const nets: MemoryNet[] = []
  afterEach(async () => {
    for (const memory of nets.splice(0)) {
      const { net, pool } = memory
      for (const dev of [...net.devices]) await unregisterNetdev(dev)
      memory.conserved()
      // One that rings for nothing within a second may still be there; one that sets itself again would show.
      memory.clock.advance(2 * NSEC_PER_SEC)
      expect([pool.out, net.devices, memory.host.ports, memory.clock.armed]).toEqual([0, [], [], 0])
    }
  })
  return options => {
    const memory = makeNet(options)
    nets.push(memory)
    return memory
  }
}

function makeNet({ level = LOGLEVEL_INFO, msgEnable = 0, ...options }: MemoryNetOptions = {}): MemoryNet {
  const pool = new SkBuffPool({ large: 64, small: 256, poison: true, ...options })
  const [host, clock, lines, devices] = [new MemoryHost(), new FakeClock(), [] as string[], [] as NetDevice[]]
  const log = new Log(level, (_, text) => lines.push(text))
  const net = new Net({ host, clock, log, pool, random: random(7), msgEnable })
  net.registerNetdeviceNotifier((event, dev) => {
    if (event === NETDEV_REGISTER && !devices.includes(dev)) devices.push(dev)
  })
  const memory: MemoryNet = {
    ...{ net, host, clock, pool, lines, devices },
    made: 0,
    conserved: () => assertConserved(net, devices, memory.made),
  }
  return memory
}

export interface DeviceOptions {
  name?: string
  txqs?: number
  rxqs?: number
  features?: number
  watchdogTimeo?: number
  /** Leave it down. */
  down?: boolean
}

/** A device with these ops that frees what it is given, registered and up unless asked otherwise, and its port. */
export async function addDevice(
  { net, host }: MemoryNet,
  ops: Partial<NetDeviceOps<unknown>> = {},
  options: DeviceOptions = {},
): Promise<{ dev: NetDevice; port: MemoryPort }> {
  const dev = makeDevice(ops, options)
  await registerNetdev(dev, net)
  if (!options.down) await devOpen(dev)
  return { dev, port: host.port(dev.name) }
}

/** The same, not registered. */
export function makeDevice(ops: Partial<NetDeviceOps<unknown>> = {}, options: DeviceOptions = {}): NetDevice {
  const { name = 'test%d', txqs, rxqs, features = 0, watchdogTimeo = 0 } = options
  const setup = (dev: NetDevice) => {
    etherSetup(dev)
    dev.netdevOps = { ndoStartXmit: skb => skb.drop(), ...ops }
    dev.features = features
    dev.watchdogTimeo = watchdogTimeo
  }
  return allocNetdevMqs({ name, setup, txqs, rxqs, priv: undefined })
}

/** The devices of a driver, registered and up unless `down`, and their ports. */
export async function addDriver<P extends Params>(
  memory: MemoryNet,
  driver: Driver<P>,
  params: Partial<ParamValues<P>> = {},
  options: { args?: string[]; names?: string[]; txqs?: number; rxqs?: number; features?: number; down?: boolean } = {},
): Promise<{ specs: readonly DeviceSpec[]; devices: NetDevice[]; ports: MemoryPort[] }> {
  const { args = [], names = [], txqs, rxqs } = options
  const specs = driver.init(
    { ...defaultParams(driver.params), ...params },
    { args, names, net: memory.net, txqs, rxqs },
  )
  const devices = specs.map(({ dev }) => dev as NetDevice)
  for (const dev of devices) {
    if (options.features !== undefined) dev.features = options.features
    await registerNetdev(dev, memory.net)
  }
  if (!options.down) for (const dev of devices) await devOpen(dev)
  return { specs, devices, ports: devices.map(dev => memory.host.port(dev.name)) }
}

/** `count` frames of 60 octets, numbered in their last octet from `first` on. */
export function numbered(count: number, first = 0): Uint8Array[] {
  return Array.from({ length: count }, (_, i) => {
    const octets = new Uint8Array(60)
    octets.set([2, 0, 0, 0, 0, 9, 2, 0, 0, 0, 0, 8, 0x88, 0xb5])
    octets[59] = first + i
    return octets
  })
}

/** The frame as a driver that pads sends it: zeros up to 60 octets. */
export function padded(bytes: Uint8Array): Uint8Array {
  const octets = new Uint8Array(Math.max(bytes.length, 60))
  octets.set(bytes)
  return octets
}

/** The number of a frame made by `numbered`. */
export function numberOf(frame: { bytes: Uint8Array } | SkBuff): number {
  return 'data' in frame ? frame.bytes[frame.data + 59] : frame.bytes[59]
}

/** After the event loop has been once round: what was scheduled has happened. */
export function turn(): Promise<void> {
  return new Promise(resolve => setImmediate(() => setImmediate(resolve)))
}
