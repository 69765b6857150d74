/**
 * The replies to GET_DEVICES and GET_STATS, kept up to date for a thread that replies while this
 * one is busy (stand-in.ts). They are written a bit at each beat of a timer, however many devices
 * there are, without the counters of the kernel and of queues.
 */
import type { Clock } from '../../base/clock.ts'
import { NETDEV_REGISTER } from '../../netdev/if.ts'
import type { Net } from '../../netdev/net.ts'
import { genlmsghdr, MessageBuilder, NLM_F_MULTI } from '../../netlink/index.ts'
import { type Caller, type Family, NO_CLIENT } from '../operations/operation.ts'
import { commands } from '../protocol/family.ts'

/** Nanoseconds of work at a beat. */
const BEAT_NS = 200_000
const NOTHING = new Uint8Array(0)

const NOBODY: Caller = {
  ...NO_CLIENT,
  share: 'stand-in',
  privileged: false,
  missing: '',
  missingToCapture: '',
}

/** Another thread, which notices that this one does not return. */
export interface Deputy {
  /**
   * Lets the thread accept clients of the socket `listening` meanwhile. `next` is called a few
   * times a second, and by the returned function, which returns whether a snapshot was complete.
   */
  serve(listening: number, next: Snapshot['next']): () => boolean
}

/**
 * Publishes snapshots of the devices of `net`, the first immediately, and one when a device is
 * registered. Calls `onBeat` at each beat. Returns a function that ends this.
 */
export function publish(
  deputy: Deputy,
  listening: number,
  net: Net,
  vnet: Family,
  onBeat: () => void,
): () => void {
  let snapshot: Snapshot | undefined = new Snapshot(vnet, net.clock)
  const now = deputy.serve(listening, () => {
    onBeat()
    return snapshot?.next()
  })
  let isSoon = false
  function begin(): void {
    if (isSoon) return
    isSoon = true
    setImmediate(soon)
  }
  /** Continues until a snapshot is complete, in a turn of the event loop each. */
  function soon(): void {
    isSoon = false
    if (snapshot !== undefined && !now()) {
      begin()
    }
  }
  begin()
  const stop = net.registerNetdeviceNotifier(event => {
    if (event === NETDEV_REGISTER) {
      begin()
    }
  })
  return () => {
    stop()
    snapshot = undefined
  }
}

export class Snapshot {
  readonly #vnet: Family
  readonly #clock: Clock
  readonly #builder = new MessageBuilder()
  #writing: Iterator<undefined, void> | undefined

  constructor(vnet: Family, clock: Clock) {
    this.#vnet = vnet
    this.#clock = clock
  }

  /** Continues. Returns all messages, valid until the next call, if they are complete. */
  next(): Uint8Array | undefined {
    const end = this.#clock.now() + BEAT_NS
    this.#writing ??= this.#write()
    do {
      if (!this.#writing.next().done) continue
      this.#writing = undefined
      return this.#builder.bytes
    } while (this.#clock.now() < end)
    return undefined
  }

  *#write(): Generator<undefined, void> {
    const { id, version, operations } = this.#vnet
    const builder = this.#builder.reset()
    for (const wanted of [commands.getDevices.cmd, commands.getStats.cmd]) {
      const { replyCmd, dumpit } = operations.find(({ cmd }) => cmd === wanted) ?? {}
      if (replyCmd === undefined) continue
      for (const write of dumpit?.(NOTHING, 0, 0, NOBODY) ?? []) {
        builder.message(id, NLM_F_MULTI, 0).payload(genlmsghdr(replyCmd, version))
        write(builder)
        yield
      }
    }
  }
}
