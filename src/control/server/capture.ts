/**
 * The captures that clients have requested. Each is sent over the connection of its request, from
 * its own buffer, as fast as the client reads, in the share of the time that requests have. So a
 * client that does not read costs that buffer and nothing else.
 */

import { EAGAIN, EBUSY, type Turns, VnetError, type Work, within } from '../../base/index.ts'
import { Capture } from '../../capture/capture.ts'
import { captureHead } from '../../capture/recording.node.ts'
import {
  closeFd,
  MSG_DONTWAIT,
  type Native,
  type Poller,
  WATCH_READ,
  WATCH_WRITE,
} from '../../linux/index.ts'
import { NETDEV_UNREGISTER } from '../../netdev/if.ts'
import type { Net } from '../../netdev/net.ts'
import type { Caller, Heir } from '../operations/operation.ts'
import type { Subject, WantedCapture } from '../operations/subject.ts'
import type { Detached } from '../protocol/detached.ts'

/** Concurrent captures, each with a buffer. The last KEPT are for clients with rights. */
const CAPTURES = 16
const KEPT = 4
/** Concurrent captures of a user without rights to change anything. */
const CAPTURES_A_USER = 4
/** Bytes at most in one step; the socket usually takes fewer. */
const STEP_BYTES = 256 * 1024

interface CapturesOptions extends Pick<Subject, 'netnsOf'> {
  readonly native: Native
  readonly net: Net
  readonly driver: string | undefined
}

/** The captures that run, and ended ones that are not completely sent yet. */
export class Captures {
  readonly #options: CapturesOptions
  readonly #senders = new Set<CaptureSender>()
  /** The buffer of a capture that has ended, for the next one. */
  #spare: Uint8Array | undefined
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
    const capture = new Capture({
      net,
      ...about,
      ...wanted,
      buffer: this.#spare,
      onData: () => sender.onData(),
    })
    this.#spare = undefined
    const left = new Set(devices)
    const unfollow = net.registerNetdeviceNotifier((event, dev) => {
      if (event === NETDEV_UNREGISTER && left.delete(dev) && left.size === 0) {
        sender.end()
      }
    })
    const sender = new CaptureSender(native, net.turns, caller, capture, () => {
      unfollow()
      this.#spare = capture.buffer
      this.#senders.delete(sender)
      if (this.#senders.size === 0) {
        this.#onIdle()
      }
    })
    this.#senders.add(sender)
    capture.follow(dev => devices?.has(dev) ?? true)
    caller.handOver(sender)
  }

  /** Ends all captures. Settles when their clients have read them, after `ms` at the latest. */
  async end(ms: number): Promise<void> {
    for (const sender of [...this.#senders]) {
      sender.end()
    }
    if (this.#senders.size === 0) return
    const idle = new Promise<void>(resolve => {
      this.#onIdle = resolve
    })
    await within(idle, ms)
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
    if (size >= CAPTURES - KEPT) {
      return `this vnet has ${size} captures already; the rest is kept for root and its owner`
    }
    const own = [...this.#senders].filter(sender => sender.share === share).length
    return own < CAPTURES_A_USER
      ? undefined
      : `user ${share} has ${own} captures of this vnet already`
  }
}

export type CaptureSource = Pick<Capture, 'peek' | 'consume' | 'close'>

export class CaptureSender implements Heir, Work {
  readonly share: Work['share']
  readonly privileged: boolean
  readonly #native: Native
  readonly #turns: Turns
  readonly #source: CaptureSource
  readonly #onEnd: () => void
  #connection: { readonly fd: number; readonly poller: Poller } | undefined
  /** Data queued before the capture: the acknowledgement, unless it is sent. */
  #before: Uint8Array = new Uint8Array(0)
  /** True when the source is closed: the rest is sent, and then the connection ends. */
  #isEnding = false
  /** True while the socket takes nothing. */
  #isFull = false
  #isOpen = true
  readonly #scrap = new Uint8Array(64)

  /** `onEnd` is called once, when nothing is left to send or the client has gone. */
  constructor(
    native: Native,
    turns: Turns,
    owner: Pick<Work, 'share' | 'privileged'>,
    source: CaptureSource,
    onEnd: () => void,
  ) {
    this.#native = native
    this.#turns = turns
    this.share = owner.share
    this.privileged = owner.privileged
    this.#source = source
    this.#onEnd = onEnd
  }

  take({ fd, input, output }: Detached): void {
    const poller = this.#isOpen ? this.#native.createPoller(fd, status => this.#ready(status)) : -1
    if (typeof poller === 'number') {
      closeFd(this.#native, fd)
      this.close()
      return
    }
    poller.unref()
    this.#connection = { fd, poller }
    this.#before = output
    if (input.length > 0) {
      this.end()
    }
    this.#turns.add(this)
  }

  onData(): void {
    if (this.#connection !== undefined && !this.#isFull) {
      this.#turns.add(this)
    }
  }

  /** Ends the capture; its remaining data is sent to a client that reads. Idempotent. */
  end(): void {
    if (this.#isEnding) return
    this.#isEnding = true
    this.#source.close()
    this.onData()
  }

  /** Sends as much as the socket accepts, once. */
  step(): boolean {
    const connection = this.#connection
    if (connection === undefined) return false
    this.#isFull = false
    // Any byte from the client ends the capture, and so does the end of its data.
    if (
      !this.#isEnding &&
      this.#native.recv(connection.fd, this.#scrap, MSG_DONTWAIT) !== -EAGAIN
    ) {
      this.end()
    }
    const bytes = this.#before.length > 0 ? this.#before : this.#source.peek()
    if (bytes.length === 0 && this.#isEnding) {
      this.close()
      return false
    }
    const part = bytes.subarray(0, STEP_BYTES)
    const sent = part.length === 0 ? 0 : this.#native.send(connection.fd, part, MSG_DONTWAIT)
    if (sent < 0 && sent !== -EAGAIN) {
      this.close()
      return false
    }
    if (sent > 0 && this.#before.length > 0) {
      this.#before = this.#before.subarray(sent)
    } else if (sent > 0) {
      this.#source.consume(sent)
    }
    if (part.length > 0 && sent === part.length) return true
    this.#isFull = part.length > 0
    this.#watch()
    return false
  }

  wait(): void {
    this.#connection?.poller.stop()
  }

  /** Ends the capture immediately; unsent data is lost. Idempotent. */
  close(): void {
    if (!this.#isOpen) return
    this.#isOpen = false
    this.#isEnding = true
    this.#source.close()
    this.#turns.delete(this)
    this.#connection?.poller.close()
    if (this.#connection !== undefined) {
      closeFd(this.#native, this.#connection.fd)
    }
    this.#connection = undefined
    this.#onEnd()
  }

  #ready(status: number): void {
    // The client disconnected before it read everything.
    if (status < 0) {
      this.close()
    } else {
      this.#turns.add(this)
    }
  }

  #watch(): void {
    // A client that shut down its side remains readable forever.
    const events = (this.#isEnding ? 0 : WATCH_READ) | (this.#isFull ? WATCH_WRITE : 0)
    if (events === 0) return
    this.#connection?.poller.watch(events)
    this.#connection?.poller.start()
  }
}
