/**
 * Nets in memory for the tests of a file. After each test its devices are taken down, and every
 * frame must be accounted for: in = out + dropped, every slot is back in the pool, and no alarm
 * rings again.
 */
import { afterEach, beforeEach, expect } from 'vitest'
import { NSEC_PER_SEC } from '#src/base/clock.ts'
import { LOGLEVEL_INFO, Log } from '#src/base/log.ts'
import { random } from '#src/base/random.ts'
import type { Turns } from '#src/base/turns.ts'
import { assertConserved, type Balance } from '#src/bed/conservation.ts'
import { FakeClock } from '#src/bed/fake-clock.ts'
import { MemoryPlatform, type MemoryPort } from '#src/bed/memory-port.ts'
import type { DeviceSpec, Driver, DriverContext, Params, ParamValues } from '#src/netdev/driver.ts'
import { allocNetdevMqs, etherSetup } from '#src/netdev/eth.ts'
import { NETDEV_REGISTER } from '#src/netdev/if.ts'
import { insmod } from '#src/netdev/module.ts'
import { Net } from '#src/netdev/net.ts'
import type { NetDevice } from '#src/netdev/net-device.ts'
import { devOpen } from '#src/netdev/netif.ts'
import type { NetDeviceOps } from '#src/netdev/ops.ts'
import { registerNetdev, unregisterNetdev } from '#src/netdev/register.ts'
import type { SkBuffPool } from '#src/skb/pool.ts'
import type { SkBuff } from '#src/skb/sk-buff.ts'
import { PoisonedPool, type PoisonedPoolOptions } from './poisoned-pool.ts'

export interface MemoryNet {
  readonly net: Net
  readonly platform: MemoryPlatform
  readonly clock: FakeClock
  readonly pool: SkBuffPool
  /** Log lines; debug lines only if requested. */
  readonly lines: string[]
  /** Every device that was ever registered. */
  readonly devices: NetDevice[]
  /** The number of frames that drivers made themselves; set by the test. */
  made: number
  /** Throws unless in + made = out + dropped + held, at this moment. */
  conserved(): Balance
}

export interface MemoryNetOptions extends PoisonedPoolOptions {
  /** The highest level of lines that are kept, by default LOGLEVEL_INFO. */
  level?: number
  msgEnable?: number
  /** By default a turn does all work immediately, because the clock stands still. */
  turns?: Turns
}

/** Returns a function that makes a Net. Call it once in a test file. */
export function memoryNets(): (options?: MemoryNetOptions) => MemoryNet {
  const nets = checkedNets()
  return options => {
    const memory = makeNet(options)
    nets.push(memory)
    return memory
  }
}

/** Returns an object that is another Net in each test. Call it once in a test file. */
export function freshNet(): MemoryNet {
  const nets = checkedNets()
  const memory = {} as MemoryNet
  beforeEach(() => void nets.push(makeNet({}, memory)))
  return memory
}

/** Returns the list of nets that are taken down and checked after each test. */
function checkedNets(): MemoryNet[] {
  const nets: MemoryNet[] = []
  afterEach(async () => {
    for (const memory of nets.splice(0)) {
      const { net, pool } = memory
      for (const dev of [...net.devices]) {
        await unregisterNetdev(dev)
      }
      memory.conserved()
      // An alarm that rings once more within a second is harmless; one that sets itself again
      // fails.
      memory.clock.advance(2 * NSEC_PER_SEC)
      expect([pool.out, net.devices, memory.platform.ports, memory.clock.armed]).toEqual([
        0,
        [],
        [],
        0,
      ])
    }
  })
  return nets
}

/** Fills `memory` with a new Net. */
function makeNet(
  { level = LOGLEVEL_INFO, msgEnable = 0, turns, ...options }: MemoryNetOptions = {},
  memory = {} as MemoryNet,
): MemoryNet {
  const pool = new PoisonedPool({ large: 64, small: 256, ...options })
  const [platform, clock, lines, devices] = [
    new MemoryPlatform(),
    new FakeClock(),
    [] as string[],
    [] as NetDevice[],
  ]
  const log = new Log(level, (_, text) => lines.push(text))
  if (turns !== undefined) {
    Object.assign(platform, { turns })
  }
  const net = new Net({ platform, clock, log, pool, random: random(7), msgEnable })
  net.registerNetdeviceNotifier((event, dev) => {
    if (event === NETDEV_REGISTER && !devices.includes(dev)) {
      devices.push(dev)
    }
  })
  const conserved = () => assertConserved(net, devices, memory.made)
  return Object.assign(memory, { net, platform, clock, pool, lines, devices, made: 0, conserved })
}

export interface DeviceOptions {
  name?: string
  txqs?: number
  rxqs?: number
  features?: number
  watchdogTimeo?: number
  /** Leaves the device down. */
  down?: boolean
}

/**
 * A device with these ops that frees what it is given, registered and up by default,
 * and its port.
 */
export async function addDevice(
  { net, platform }: MemoryNet,
  ops: Partial<NetDeviceOps<unknown>> = {},
  options: DeviceOptions = {},
): Promise<{ dev: NetDevice; port: MemoryPort }> {
  const dev = makeDevice(ops, options)
  await registerNetdev(dev, net)
  if (!options.down) {
    await devOpen(dev)
  }
  return { dev, port: platform.port(dev.name) }
}

/** Returns the same device, not registered. */
export function makeDevice(
  ops: Partial<NetDeviceOps<unknown>> = {},
  options: DeviceOptions = {},
): NetDevice {
  const { name = 'test%d', txqs, rxqs, features = 0, watchdogTimeo = 0 } = options
  const setup = (dev: NetDevice) => {
    etherSetup(dev)
    dev.netdevOps = { ndoStartXmit: skb => skb.drop(), ...ops }
    dev.features = features
    dev.watchdogTimeo = watchdogTimeo
  }
  return allocNetdevMqs({ name, setup, txqs, rxqs, priv: undefined })
}

/** Returns the devices of a driver, registered and up unless `down`, and their ports. */
export async function addDriver<P extends Params>(
  memory: MemoryNet,
  driver: Driver<P>,
  params: Partial<ParamValues<P>> = {},
  options: Pick<Partial<DriverContext>, 'args' | 'names' | 'txqs' | 'rxqs' | 'wireResources'> & {
    features?: number
    down?: boolean
  } = {},
): Promise<{
  specs: readonly DeviceSpec[]
  devices: NetDevice[]
  ports: MemoryPort[]
  values: ParamValues<P>
}> {
  const { features, down, ...context } = options
  const module = insmod(driver, { ...context, net: memory.net, params })
  const { specs, devices } = module
  if (features !== undefined) {
    for (const dev of devices) {
      dev.features = features
    }
  }
  await module.up({ configure: async dev => void (down || (await devOpen(dev))) })
  const ports = devices.map(dev => memory.platform.port(dev.name))
  return { specs, devices: [...devices], ports, values: module.params }
}

/** `count` frames of 60 bytes, numbered in their last byte from `first` on. */
export function numbered(count: number, first = 0): Uint8Array[] {
  return Array.from({ length: count }, (_, i) => {
    const octets = new Uint8Array(60)
    octets.set([2, 0, 0, 0, 0, 9, 2, 0, 0, 0, 0, 8, 0x88, 0xb5])
    octets[59] = first + i
    return octets
  })
}

/** Sends these frames on queue 0 of the port, and has the device read them now. */
export function sendAll(
  port: Pick<MemoryPort, 'transmit' | 'drain'>,
  ...frames: readonly Uint8Array[]
): void {
  for (const octets of frames) {
    port.transmit(octets)
  }
  port.drain()
}

/** The frame as a driver that pads sends it: zeros up to 60 bytes. */
export function padded(bytes: Uint8Array): Uint8Array {
  const octets = new Uint8Array(Math.max(bytes.length, 60))
  octets.set(bytes)
  return octets
}

/** Returns the number of a frame made by `numbered`. */
export function numberOf(frame: { bytes: Uint8Array } | SkBuff): number {
  return 'data' in frame ? frame.bytes[frame.data + 59] : frame.bytes[59]
}

/** Settles after one turn of the event loop, when everything scheduled has happened. */
export function turn(): Promise<void> {
  return new Promise(resolve => setImmediate(() => setImmediate(resolve)))
}
