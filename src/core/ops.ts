/**
 * What a driver writes: `struct net_device_ops` and `struct header_ops`, as plain objects of functions. Those that answer
 * a number answer 0 (or nothing) for success, or -errno, as in the kernel; an exception is EIO, logged with its place.
 */
import type { SkBuff } from '../skb/sk-buff.ts'
import type { NetDevice } from './net-device.ts'
import type { UserData } from './user-data.ts'

/** 0 or nothing: done. Negative: an errno. */
export type Errno = number | void

export interface NetDeviceOps<Priv> {
  /** Once, while registering, before the interface exists. A positive answer becomes EIO. */
  ndoInit?(dev: NetDevice<Priv>): Errno
  /** Once, when the device is gone, or when registering failed after ndoInit. */
  ndoUninit?(dev: NetDevice<Priv>): void
  /** The interface was brought up. An error takes it down again. */
  ndoOpen?(dev: NetDevice<Priv>): Errno
  /** The interface was brought down, or is about to go. */
  ndoStop?(dev: NetDevice<Priv>): Errno
  /**
   * One frame to transmit; `skb.dev` is `dev`. NETDEV_TX_OK (or nothing): the driver took it over, and handed it on,
   * keeps it or freed it. NETDEV_TX_BUSY: it did not touch it, and gets it again once the queue is woken.
   */
  ndoStartXmit(skb: SkBuff, dev: NetDevice<Priv>): number | void
  /** The host's flags (IFF_PROMISC, IFF_ALLMULTI) or multicast list (`dev.mc`) changed, or the device was opened. */
  ndoSetRxMode?(dev: NetDevice<Priv>): void
  /** The host changed the hardware address; an error has it changed back. `dev.devAddr` is still the old one. */
  ndoSetMacAddress?(dev: NetDevice<Priv>, address: Uint8Array): Errno
  /** The host changed the MTU; an error has it changed back. `dev.mtu` is still the old one. */
  ndoChangeMtu?(dev: NetDevice<Priv>, mtu: number): Errno
  /** Adds what only the driver knows to a row of LinkStats64 (core/stats.ts). Also called while the device is down. */
  ndoGetStats64?(dev: NetDevice<Priv>, stats: Float64Array): void
  /**
   * Chooses another transmit queue for a frame than the host did. It costs a call a frame; and a frame that goes back to the
   * host on another queue than it came from moves its flow there, which collapses flows and reorders them.
   */
  ndoSelectQueue?(dev: NetDevice<Priv>, skb: SkBuff): number
  /** A queue was stopped for longer than `dev.watchdogTimeo`: to mend what is stuck, and wake it. */
  ndoTxTimeout?(dev: NetDevice<Priv>, txq: number): void
  /** SIOCSIFMAP, by one who may change something. */
  ndoSetConfig?(dev: NetDevice<Priv>, map: Ifmap): Errno
  /**
   * A private ioctl, `cmd` SIOCDEVPRIVATE + 0..15. `ifr` is a copy of the caller's struct ifreq, 40 octets, which goes back to him
   * when this succeeds; `data` is his memory at ifr_data. What changes something is for who may (`data.mayChange`), else
   * -EPERM. A positive answer is the ioctl's result.
   */
  ndoSiocdevprivate?(dev: NetDevice<Priv>, ifr: Uint8Array, data: UserData, cmd: number): Errno
  /**
   * A fault to order, now and once, by its name; on transmit queue `txq` where that means something, undefined is any. It has no like in
   * the kernel, where one pulls the cable. -EOPNOTSUPP for one that the driver does not have.
   */
  ndoTrigger?(dev: NetDevice<Priv>, fault: string, txq: number | undefined): Errno
  /** Whether the device's address may be used; asked before it is opened. */
  ndoValidateAddr?(dev: NetDevice<Priv>): Errno
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

/** Link headers of frames that a driver makes itself. */
export interface HeaderOps {
  /** Pushes a link header; answers its length. Addresses are 6 octets; without a source, the device's own. */
  create(skb: SkBuff, dev: NetDevice, type: number, destination: Uint8Array, source?: Uint8Array): number
  /** Copies the source address of a frame to `into`; answers its length, 0 when there is none. */
  parse(skb: SkBuff, into: Uint8Array): number
}
