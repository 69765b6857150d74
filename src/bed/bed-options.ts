/** The options and results of a test bed's methods. */
import type { DebugOptions } from '../netdev/debug/debug.ts'
import type { AnyDevice, WireResources } from '../netdev/index.ts'
import type { FrameAddress } from './frames.ts'
import type { FrameInfo } from './memory-port.ts'

/**
 * The options of testBed, which are read once, when the bed is made. They stand for the command
 * line of the driver, and for the state of the machine.
 */
export interface TestBedOptions {
  /** The arguments of the command, and what --name, --txqs and --rxqs would give. */
  readonly args?: readonly string[]
  readonly names?: readonly string[]
  readonly txqs?: number
  readonly rxqs?: number
  /** Addresses in place of the driver's; without any, 198.18.0.1/24, 198.18.0.2/24 and so on. */
  readonly addresses?: readonly (readonly string[])[]
  /** The seed of `net.random`; default 1. */
  readonly seed?: number
  /** False leaves the devices down. */
  readonly up?: boolean
  /** The highest LOGLEVEL_* that is kept; default LOGLEVEL_INFO. */
  readonly logLevel?: number
  readonly onLog?: (line: string, level: number) => void
  /** Checks the driver for mistakes: `bed.findings`. */
  readonly debug?: boolean | DebugOptions
  /** Files and filters that a wire's text names; by default it can name none. */
  readonly wireResources?: WireResources
  /** True lets the driver log errors; otherwise the end of the bed throws if it did. */
  readonly allowErrors?: boolean
}

/** The options of TestBed.ping(). Times are of the bed's clock, so a ping takes no real time. */
export interface PingOptions<Dev extends AnyDevice = AnyDevice> {
  /** The device from which the kernel pings; the first by default. */
  readonly from?: Dev
  /**
   * An IPv4 address in a network of that device. By default the driver's far end, else another
   * device in that network, else the address that follows the device's own.
   */
  readonly to?: FrameAddress
  /** Requests; default 1. */
  readonly count?: number
  /** Time from one request to the next, in ms or with a unit; default '1s'. */
  readonly interval?: number | string
  /** Bytes of data; default 56. */
  readonly size?: number
  /** How long to wait for the last reply, in ms or with a unit; default '10s'. */
  readonly timeout?: number | string
  readonly queue?: number
}

/**
 * The outcome of a ping. A request is lost, not an error, if no reply arrives in time: `received`
 * is then below `sent`.
 */
export interface PingResult {
  readonly sent: number
  readonly received: number
  /** Round trip times in ms, in the order of the replies. */
  readonly rtts: readonly number[]
}

/**
 * The device and queue on which the kernel transmits a frame, and the state of its checksum and
 * segments. By default the frame is a plain packet on queue 0.
 */
export interface TransmitOptions<Dev extends AnyDevice = AnyDevice> extends FrameInfo {
  /** By default the first device. */
  readonly dev?: Dev
  readonly queue?: number
}

/**
 * The caller of an ioctl in a test bed. The driver works on a copy of `data`; BedIoctlResult has it
 * after the call.
 */
export interface IoctlOptions<Dev extends AnyDevice = AnyDevice> {
  readonly dev?: Dev
  /** The memory at ifr_data, which the driver reads and writes; none by default. */
  readonly data?: Uint8Array
  /** The union of struct ifreq, at most 24 bytes, in place of a pointer to `data`. */
  readonly ifru?: Uint8Array
  /** Whether the caller may change something; default true. */
  readonly mayChange?: boolean
}

/**
 * The result of TestBed.ioctl(). A refusal of the driver is a negative `result`, not an exception.
 * `ifr` and `data` are the caller's to keep.
 */
export interface BedIoctlResult {
  /** 0, the driver's own positive result, or -errno. */
  readonly result: number
  /** struct ifreq and the memory at ifr_data after the call. */
  readonly ifr: Uint8Array
  readonly data: Uint8Array
}
