/** CAPTURE: the captures of a vnet that its clients have requested, and how many there may be. */

import { EBUSY, EINVAL, EOPNOTSUPP, EPERM, VnetError } from '../../base/errno.ts'
import { UsageError } from '../../base/usage-error.ts'
import { Capture } from '../../capture/capture.ts'
import { captureHead } from '../../capture/capture-head.node.ts'
import type { Native } from '../../linux/native.ts'
import { NETDEV_UNREGISTER } from '../../netdev/if.ts'
import type { Net } from '../../netdev/net.ts'
import type { PacketFilter } from '../../packet/filter.ts'
import { commands, vnetAttributes } from '../protocol/family.ts'
import { decodeFilter } from '../protocol/filter-program.ts'
import { CaptureSender } from './capture-sender.ts'
import { type Caller, MissingAttribute, type Operation, operation, Refusal } from './operation.ts'
import { type Subject, theOne, type WantedCapture } from './subject.ts'

/**
 * The number of concurrent captures, because each has a buffer. The last KEPT are for clients with
 * rights.
 */
const CAPTURES = 16
const KEPT = 4
/** Concurrent captures of a user without rights to change anything. */
const CAPTURES_A_USER = 4

export interface CapturesOptions {
  readonly native: Native
  readonly net: Net
  readonly netnsOf: Subject['netnsOf']
  /** The driver of the devices. */
  readonly driver: string | undefined
}

/** The captures that run, and ended ones that are not completely sent yet. */
export class Captures {
  readonly #options: CapturesOptions
  readonly #senders = new Set<CaptureSender>()
  /** The buffer of a capture that has ended, for the next one. */
  #spare: Uint8Array | undefined
  /** Called when the last capture has ended. */
  #onIdle = () => {}

  constructor(options: CapturesOptions) {
    this.#options = options
  }

  /** Starts a capture, and sends it on the caller's connection. Throws EBUSY above the limits. */
  start({ devices, ...wanted }: WantedCapture, caller: Caller): void {
    const busy = this.#busy(caller)
    if (busy !== undefined) throw new VnetError(EBUSY, 'vnet_nl', busy)
    const { native, net, netnsOf, driver } = this.#options
    const about = { ...captureHead(), driver, netnsOf }
    const capture = new Capture({ net, ...about, ...wanted, buffer: this.#spare, onData: () => sender.onData() })
    this.#spare = undefined
    const left = new Set(devices)
    const unfollow = net.registerNetdeviceNotifier((event, dev) => {
      if (event === NETDEV_UNREGISTER && left.delete(dev) && left.size === 0) sender.end()
    })
    const sender = new CaptureSender(native, net.turns, caller, capture, () => {
      unfollow()
      this.#spare = capture.buffer
      this.#senders.delete(sender)
      if (this.#senders.size === 0) this.#onIdle()
    })
    this.#senders.add(sender)
    capture.follow(dev => devices?.has(dev) ?? true)
    caller.handOver(sender)
  }

  /** Ends all captures. Settles when their clients have read them, after `ms` at the latest. */
  async end(ms: number): Promise<void> {
    for (const sender of [...this.#senders]) sender.end()
    if (this.#senders.size === 0) return
    await new Promise<void>(resolve => {
      const timer = setTimeout(resolve, ms)
      this.#onIdle = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }

  /** Ends all captures immediately, after sending as much as each socket accepts. */
  close(): void {
    for (const sender of [...this.#senders]) {
      sender.end()
      while (sender.step()) {}
      sender.close()
    }
  }

  /** Returns why another capture is refused, or undefined. */
  #busy({ share, missing }: Caller): string | undefined {
    const { size } = this.#senders
    if (size >= CAPTURES) return `this vnet has ${size} captures already`
    if (missing === undefined) return undefined
    if (size >= CAPTURES - KEPT)
      return `this vnet has ${size} captures already; the rest is kept for root and its owner`
    const own = [...this.#senders].filter(sender => sender.share === share).length
    return own < CAPTURES_A_USER ? undefined : `user ${share} has ${own} captures of this vnet already`
  }
}

export function capture(subject: Subject): Operation {
  return operation(commands.capture, {
    doit({ devices, snaplen, filter, program, drops }, caller) {
      const { captures } = subject
      if (captures === undefined) throw new VnetError(EOPNOTSUPP, 'vnet_nl', 'there are no captures here')
      if (caller.missingToCapture !== undefined) throw new VnetError(EPERM, 'vnet_nl', caller.missingToCapture)
      if (snaplen === 0) throw new Refusal(EINVAL, vnetAttributes.captureSnaplen.type, 'snaplen: must be at least 1')
      const wanted = {
        devices: devices && new Set(devices.map(which => theOne(subject, which))),
        snaplen,
        filter: filterOf(filter, program),
        dropsOnly: drops === true,
      }
      return void captures.start(wanted, caller)
    },
  })
}

function filterOf(text: string | undefined, program: Uint8Array | undefined): PacketFilter | undefined {
  if (program === undefined) {
    if (text === undefined) return undefined
    throw new MissingAttribute(vnetAttributes.captureProgram.type, 'the filter has no program')
  }
  try {
    return decodeFilter(text ?? '', program)
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    throw new Refusal(EINVAL, vnetAttributes.captureProgram.type, error.message)
  }
}
