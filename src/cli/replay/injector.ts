/**
 * Injector: the FrameSink of `vnet replay`, which has an interface of a running vnet receive the
 * frames. While the vnet handles one request, the next is filled.
 */
import type { ControlClient, FoundDevice } from '../../control/index.ts'
import { VNET_INJECT_FRAMES_MAX } from '../../control/protocol/family.ts'
import { FRAME_PREFIX, INJECT_FRAMES } from '../../control/protocol/frame-list.ts'
import { ETH_HLEN } from '../../netdev/if.ts'
import { VLAN_HLEN } from '../../packet/vlan.ts'
import type { ReplayCounts } from './counts.ts'
import type { FrameSink } from './player.ts'

type Target = Pick<FoundDevice, 'vnet' | 'ifindex' | 'name' | 'netns'>

export class Injector implements FrameSink {
  readonly mtu: number
  readonly #client: Pick<ControlClient, 'inject'>
  readonly #device: Target
  readonly #counts: ReplayCounts
  /** The next request, and its length. */
  #frames: Uint8Array[] = []
  #size = 0
  /** The request that the vnet handles. */
  #pending: Promise<void> | undefined
  /** The next request is to follow it, even if it is not full. */
  #isUrgent = false
  /** Why the vnet takes no more. */
  #failure: unknown

  constructor(
    client: Pick<ControlClient, 'inject'>,
    device: Target,
    mtu: number,
    counts: ReplayCounts,
  ) {
    this.#client = client
    this.#device = device
    this.mtu = mtu
    this.#counts = counts
  }

  offer(bytes: Uint8Array, at: number, length: number): boolean {
    if (this.#failure !== undefined) throw this.#failure
    const size = FRAME_PREFIX + length
    if (this.#frames.length === INJECT_FRAMES || this.#size + size > VNET_INJECT_FRAMES_MAX) {
      if (this.#pending !== undefined) return false
      this.flush()
    }
    this.#frames.push(bytes.slice(at, at + length))
    this.#size += size
    return true
  }

  async room(): Promise<void> {
    await this.#pending
    if (this.#failure !== undefined) throw this.#failure
  }

  flush(): void {
    if (this.#frames.length === 0) return
    this.#isUrgent = this.#pending !== undefined
    if (this.#isUrgent) return
    const frames = this.#frames
    this.#frames = []
    this.#size = 0
    this.#pending = this.#inject(frames)
  }

  /** Settles when everything that was taken is counted. */
  async drained(): Promise<void> {
    do {
      this.flush()
      await this.room()
    } while (this.#pending !== undefined || this.#frames.length > 0)
  }

  async #inject(frames: readonly Uint8Array[]): Promise<void> {
    const counts = this.#counts
    try {
      const { refused } = await this.#client.inject(this.#device.vnet, this.#device, frames)
      counts.sent += frames.length - refused
      const longest = this.mtu + ETH_HLEN + VLAN_HLEN
      for (const { length } of frames) {
        if (length <= longest) {
          counts.bytes += length
        }
      }
      if (refused > 0) {
        counts.failed.add(`longer than the MTU of ${this.mtu}`, refused)
      }
    } catch (error) {
      this.#failure = error
      counts.failed.add('that the vnet did not acknowledge', frames.length + this.#frames.length)
      this.#frames = []
    }
    this.#pending = undefined
    if (this.#isUrgent && this.#failure === undefined) {
      this.flush()
    }
  }
}
