/**
 * The functions that a driver implements: `struct net_device_ops` and `struct header_ops`, as plain
 * objects. Functions of type Errno return 0 (or nothing) for success, or -errno, as in the kernel;
 * an exception is -EIO, logged with its place.
 */
import { didYouMean } from '../base/usage-error.ts'
import type { SkBuff } from '../skb/sk-buff.ts'
import type { DeviceWire } from './device-wire.ts'
import type { NetDevice } from './net-device.ts'
import type { Part } from './parts.ts'

/** 0 or nothing: success. Negative: an errno. */
export type Errno = number | void

/**
 * The operations of a device, which the framework calls from the event loop, from the device's
 * registration to its end. All but ndoStartXmit may be absent: the device then does not have the
 * operation, or the default applies. They return before anything else runs, so none may be async or
 * wait. An exception in one is logged with its place and counts as -EIO; a frame that ndoStartXmit
 * had not handed on is then dropped.
 */
export interface NetDeviceOps<Priv> {
  /** Called once while registering, before the interface exists. A positive result becomes -EIO. */
  ndoInit?(dev: NetDevice<Priv>): Errno
  /** Called once when the device is unregistered, or when registering failed after ndoInit. */
  ndoUninit?(dev: NetDevice<Priv>): void
  /** The interface was brought up. An error takes it down again. */
  ndoOpen?(dev: NetDevice<Priv>): Errno
  /** The interface was brought down, or is about to be deleted. */
  ndoStop?(dev: NetDevice<Priv>): Errno
  /**
   * Transmits one frame; `skb.dev` is `dev`. NETDEV_TX_OK (or nothing): the driver owns the frame,
   * and hands it on, keeps it or drops it. NETDEV_TX_BUSY: the driver did not touch it, and is
   * offered it again when the queue is woken.
   */
  ndoStartXmit(skb: SkBuff, dev: NetDevice<Priv>): number | void
  /** IFF_PROMISC, IFF_ALLMULTI or the list `dev.mc` changed, or the device was opened. */
  ndoSetRxMode?(dev: NetDevice<Priv>): void
  /** The hardware address changed, `dev.devAddr` not yet; an error changes it back. */
  ndoSetMacAddress?(dev: NetDevice<Priv>, address: Uint8Array): Errno
  /** The MTU changes; an error keeps or restores the old one, which `dev.mtu` still is. */
  ndoChangeMtu?(dev: NetDevice<Priv>, mtu: number): Errno
  /** Adds the driver's own statistics to a row of LinkStats64, also while the device is down. */
  ndoGetStats64?(dev: NetDevice<Priv>, stats: Float64Array): void
  /**
   * Returns another transmit queue for a frame than the kernel chose. It costs a call a frame. A
   * frame that returns to the kernel on another queue than it came from moves its flow there,
   * which collapses flows and reorders them.
   */
  ndoSelectQueue?(dev: NetDevice<Priv>, skb: SkBuff): number
  /**
   * A queue was stopped for longer than `dev.watchdogTimeo`: the driver unblocks it. It also wakes
   * the queue, unless the hardware then interrupts and the handler wakes it.
   */
  ndoTxTimeout?(dev: NetDevice<Priv>, txq: number): void
  /** Returns the device at the other end of the cable; undefined once it is unregistered. */
  ndoGetPeerDev?(dev: NetDevice<Priv>): NetDevice<Priv> | undefined
  /** Returns the wires of the device's cable, both directions; without it the device has none. */
  ndoGetWires?(dev: NetDevice<Priv>): readonly DeviceWire[]
  /**
   * Returns the driver's own rings and buffers in their current state, for monitoring. Without it,
   * these are the rings in `priv`, in its arrays, and in the objects there.
   */
  ndoGetParts?(dev: NetDevice<Priv>): readonly Part[]
  /** The cable was cut or plugged in (`dev.cut`), if that does more than turn the carrier off. */
  ndoCableChanged?(dev: NetDevice<Priv>): void
  /** True if the device's carrier is not the driver's: a cut only drops frames. */
  readonly keepsCarrier?: true
  /** SIOCSIFMAP, from a caller that may change something. */
  ndoSetConfig?(dev: NetDevice<Priv>, map: Ifmap): Errno
  /**
   * A private ioctl, `cmd` SIOCDEVPRIVATE + 0..15. `ifr` is a copy of the caller's struct ifreq, 40
   * bytes, which is copied back on success; `data` is the caller's memory at ifr_data. Returns
   * -EPERM for a change that the caller may not make (`data.mayChange`). A positive result is the
   * ioctl's own.
   */
  ndoSiocdevprivate?(dev: NetDevice<Priv>, ifr: Uint8Array, data: UserData, cmd: number): Errno
  /**
   * Causes a fault by its name, once, on transmit queue `txq` if that matters (undefined: any). The
   * kernel has no such operation. Returns -EOPNOTSUPP for a fault that the driver does not have.
   */
  ndoTrigger?(dev: NetDevice<Priv>, fault: string, txq: number | undefined): Errno
  /**
   * The names of the faults that ndoTrigger accepts, without spaces, to list and to complete them.
   * In an object, the values describe each fault in a sentence.
   */
  readonly faults?: readonly string[] | Readonly<Record<string, string>>
  /** Checks the device's address before it is opened. */
  ndoValidateAddr?(dev: NetDevice<Priv>): Errno
}

/** All keys of NetDeviceOps. The type makes sure that none is missing. */
const KNOWN: Readonly<Record<keyof Required<NetDeviceOps<unknown>>, true>> = {
  ndoInit: true,
  ndoUninit: true,
  ndoOpen: true,
  ndoStop: true,
  ndoStartXmit: true,
  ndoSetRxMode: true,
  ndoSetMacAddress: true,
  ndoChangeMtu: true,
  ndoGetStats64: true,
  ndoSelectQueue: true,
  ndoTxTimeout: true,
  ndoGetPeerDev: true,
  ndoGetWires: true,
  ndoGetParts: true,
  ndoCableChanged: true,
  ndoSetConfig: true,
  ndoSiocdevprivate: true,
  ndoTrigger: true,
  keepsCarrier: true,
  faults: true,
  ndoValidateAddr: true,
}

/** Returns a line about each key that is not an operation, such as a misspelt name. */
export function unknownOps(ops: object): string[] {
  const known = Object.keys(KNOWN)
  const unknown = Object.keys(ops).filter(name => !known.includes(name))
  return unknown.map(
    name => `netdevOps.${name} is no operation, and is never called${didYouMean(name, known)}`,
  )
}

/** `struct ifmap`: a device's resources, as ifconfig(8) sets them. */
export interface Ifmap {
  readonly memStart: number
  readonly memEnd: number
  readonly baseAddr: number
  readonly irq: number
  readonly dma: number
  readonly port: number
}

/** The memory of an ioctl's caller at ifr_data (copy_from_user, copy_to_user). */
export interface UserData {
  /** ifr_data itself, which a driver may take for a number. */
  readonly address: bigint
  /** True if the caller may change something. */
  readonly mayChange: boolean
  /** Returns a copy of `length` bytes. Throws a VnetError EFAULT, the ioctl's result by default. */
  read(length: number): Uint8Array
  /** Copies bytes there. Throws as `read` does. */
  write(bytes: Uint8Array): void
}

/** Builds and parses the link headers of frames that a driver makes itself. */
export interface HeaderOps {
  /** Pushes a link header, its 6-byte source by default the device's own. Returns its length. */
  create(
    skb: SkBuff,
    dev: NetDevice,
    type: number,
    destination: Uint8Array,
    source?: Uint8Array,
  ): number
  /** Copies the source address of a frame to `into`. Returns its length, 0 without one. */
  parse(skb: SkBuff, into: Uint8Array): number
}
