/**
 * World: a driver between simulated hosts. A test moves its time, or a worker does so in step with
 * the real time; with the same seed, the same happens. With two devices there are two hosts, a and
 * b. With one device the driver itself replies, or the host talks to itself over it: then a and b
 * are one host.
 */
import {
  type CommandResult,
  type DeviceId,
  deviceId,
  type FeedMessage,
  type PageCommand,
} from '@vnet/web/kit'
import {
  type Clock,
  type Driver,
  explain,
  NSEC_PER_MSEC,
  NSEC_PER_SEC,
  peerOf,
  UsageError,
  VnetError,
} from 'vnet'
import type { Device } from 'vnet/control'
import { TestBed } from 'vnet/kit/bed'
import { type LocalVnet, wireChange } from 'vnet/kit/control'
import { LinuxWireResources } from 'vnet/kit/machine'
import { LOGLEVEL_INFO, LOGLEVEL_WARNING, random } from 'vnet/net'
import { Feed } from './feed.ts'
import { Recorder } from './recorder.ts'
import { Host, type Sendable, Traffic } from './traffic.ts'

const LINES_MAX = 20

/** The time of the lines, and whether no more lines follow. */
interface LogState {
  clock: Pick<Clock, 'now'>
  isClosed: boolean
}

/** `isOwn`: the driver is the visitor's: all lines; otherwise warnings and errors. */
function logLines(state: LogState, isOwn: boolean, tell: (line: string) => void) {
  let [last, lines] = [0, 0]
  return (line: string, level: number): void => {
    if (state.isClosed || (!isOwn && level > LOGLEVEL_WARNING)) return
    const second = Math.floor(state.clock.now() / NSEC_PER_SEC)
    lines = second === last ? lines + 1 : 1
    last = second
    if (lines <= LINES_MAX) {
      tell(line)
    } else if (lines === LINES_MAX + 1) {
      tell('... (more lines in this second)')
    }
  }
}

/** The environment of a world, and the receivers of its messages. */
export interface WorldOptions {
  readonly wire?: string | undefined
  readonly seed?: number | undefined
  /** Milliseconds since 1970 at its start. */
  readonly start: number
  /** Whether the driver is the visitor's: it is checked, and its log is passed to `tell`. */
  readonly isOwn?: boolean
  readonly feed: (message: FeedMessage) => void
  readonly tell: (line: string) => void
}

/** Messages that are sent again and again, and after how many milliseconds. */
const CYCLES = [
  [100, ['parts']],
  [200, ['flights', 'frames']],
  [1000, ['hello', 'stats', 'wires']],
] as const

/**
 * A started driver with its hosts, until close(). All its messages are sent inside calls of its
 * methods.
 */
export class World {
  readonly bed: TestBed
  readonly #options: WorldOptions
  readonly #hosts: readonly Host[]
  readonly #programs: Traffic
  readonly #recorder: Recorder
  readonly #log: LogState
  readonly #feed: Feed
  /** Milliseconds that the real time has passed without this one. */
  #skipped = 0
  readonly #due = CYCLES.map(() => 0)

  private constructor(bed: TestBed, log: LogState, driver: Driver, options: WorldOptions) {
    this.bed = bed
    this.#log = log
    log.clock = bed.clock
    this.#options = options
    const { clock, net } = bed
    const { seed = 1, start, feed: send, tell } = options
    const chance = random(seed)
    this.#hosts = net.devices.map(dev => new Host(dev, bed.port(dev.name), clock, chance))
    const [a, b = a] = this.#hosts as [Host, Host?]
    const addressesOf = (name: string) => bed.port(name).addresses
    this.#feed = new Feed({
      net,
      driver,
      params: bed.params,
      now: () => this.#now,
      addressesOf,
      send,
    })
    const recorded = net.devices.map(dev => ({
      id: deviceId({ vnet: '', pid: 1, name: dev.name }),
      name: dev.name,
      peer: peerOf(dev)?.name,
    }))
    this.#recorder = new Recorder(net, start, driver.name, recorded)
    this.#programs = new Traffic({ clock, a, b, target: bed.targetOf(bed.dev), tell })
    this.#feed.hello()
    this.#feed.params()
    this.#feed.flights(this.#recorder, true)
    this.show()
  }

  /** Throws what the driver throws, and a UsageError for a wrong wire. */
  static async make(driver: Driver, options: WorldOptions): Promise<World> {
    const { wire, seed = 1, isOwn = false, tell } = options
    const params = {
      ...('seed' in driver.params && { seed }),
      ...(wire && 'wire' in driver.params && { wire }),
    }
    const log: LogState = { clock: { now: () => 0 }, isClosed: false }
    const bed = await TestBed.make(driver, params, {
      args: driver.name === 'cable' ? ['a', 'b'] : [],
      seed,
      onLog: logLines(log, isOwn, tell),
      logLevel: LOGLEVEL_INFO,
      debug: isOwn,
      allowErrors: true,
      wireResources: new LinuxWireResources(),
    })
    try {
      return new World(bed, log, driver, options)
    } catch (error) {
      await bed.close()
      throw error
    }
  }

  get #now(): number {
    return this.#options.start + this.#skipped + this.bed.clock.now() / NSEC_PER_MSEC
  }

  /** Runs a command of the page on a device and returns its result. Throws only on a defect. */
  command(id: DeviceId, command: PageCommand): CommandResult {
    const found = this.#feed.devices.find(device => deviceId(device) === id)
    if (found === undefined) return { ok: false, message: `there is no device ${id}` }
    const result = runCommand(this.#feed.vnet, found, command)
    if (command.do === 'param') {
      this.#feed.params()
    }
    this.show()
    return result
  }

  /** Moves the time, and sends the messages that are due. */
  advance(ms: number): void {
    this.bed.advance(ms)
    this.#recorder.read()
    const now = this.bed.clock.now() / NSEC_PER_MSEC
    for (const [i, [every, names]] of CYCLES.entries()) {
      if (now < (this.#due[i] as number)) continue
      this.#due[i] = Math.max((this.#due[i] as number) + every, now + every / 2)
      for (const name of names) {
        this.#feed[name](this.#recorder)
      }
    }
    this.#feed.step()
  }

  /** The real time passes without this one. */
  skip(ms: number): void {
    this.#skipped += ms
  }

  /** Sends the present state: something has changed, maybe while the time does not move. */
  show(): void {
    this.#due.fill(0)
    this.advance(0)
  }

  /** Sends from host a, as PlaygroundRequest says. */
  send(what: Sendable): void {
    this.#programs.send(what)
    this.advance(0)
  }

  flow(perSecond: number): void {
    this.#programs.flow(perSecond)
  }

  /** Returns a pcapng file of the latest frames. */
  capture(): Uint8Array<ArrayBuffer> {
    return this.#recorder.file()
  }

  /**
   * Unregisters the devices and ends the hosts. A mistake that the driver makes then is passed to
   * `tell`, if the driver is the visitor's.
   */
  async close(): Promise<void> {
    this.#log.isClosed = true
    this.#programs.close()
    for (const host of this.#hosts) {
      host.close()
    }
    this.#feed.close()
    this.#recorder.close()
    try {
      await this.bed.close()
    } catch (error) {
      if (this.#options.isOwn) {
        this.#options.tell(explain(error as Error))
      }
    }
  }
}

/** Runs a command on a device. A failure, and a mistake of the user, are in the result. */
function runCommand(vnet: LocalVnet, device: Device, command: PageCommand): CommandResult {
  try {
    if (command.do === 'filter') {
      return {
        ok: true,
        program: new LinuxWireResources().filter(command.text).program.instructions,
      }
    }
    run(vnet, device, command)
    return { ok: true }
  } catch (error) {
    if (error instanceof VnetError || error instanceof UsageError) {
      return { ok: false, message: explain(error) }
    }
    throw error
  }
}

function run(
  vnet: LocalVnet,
  device: Device,
  command: Exclude<PageCommand, { do: 'filter' }>,
): void {
  switch (command.do) {
    case 'cut':
    case 'plug':
      vnet[command.do](device)
      return
    case 'reset':
      vnet.resetStats(device)
      return
    case 'carrier':
      vnet.setCarrier(device, command.on)
      return
    case 'param':
      vnet.setParam(device, command.name, command.value)
      return
    case 'trigger':
      vnet.trigger(device, command.fault, command.queue)
      return
    case 'wire':
      vnet.setWire(device, command.text, command)
      return
    case 'check-wire':
      wireChange(command.text)
      return
    case 'step':
      vnet.step(device, command.mode, command)
      return
    default:
      throw new UsageError(`there is no command ${(command as PageCommand).do}`)
  }
}
