/**
 * DeviceProbe: the probe of a device that is captured, by one capture or several. It numbers frames
 * where no wire does, and has each capture record them.
 */
import type { FrameDrop, FrameProbe, NetDevice, WireDrop } from '../netdev/index.ts'
import { dropReasonName } from '../skb/drop-reason-name.ts'
import type { SkBuff } from '../skb/sk-buff.ts'
import type { Side } from './frame-blocks.ts'

/** Ids of frames dropped before their wire count down from here, apart from frames of wires. */
const OFF_WIRE = -(2 ** 30)

/** The parts of a capture for one device. */
export interface CapturedDevice {
  readonly transmit: Side
  readonly receive: Side
  /** Records a frame that passed a side at a time, or was dropped there. */
  record(skb: SkBuff, side: Side, time: number, drop: FrameDrop | undefined): void
}

export class DeviceProbe implements FrameProbe {
  time = Number.NaN
  cause: WireDrop | undefined = undefined
  readonly #dev: NetDevice
  readonly #hasWires: boolean
  #captured: readonly CapturedDevice[] = []
  #lastId = 0

  private constructor(dev: NetDevice) {
    this.#dev = dev
    this.#hasWires = dev.wires.length !== 0
  }

  static add(dev: NetDevice, captured: CapturedDevice): () => void {
    const probe = dev.frameProbe instanceof DeviceProbe ? dev.frameProbe : new DeviceProbe(dev)
    probe.#captured = [...probe.#captured, captured]
    if (dev.frameProbe !== probe) {
      dev.frameProbe = probe
    }
    return () => {
      probe.#captured = probe.#captured.filter(each => each !== captured)
      if (probe.#captured.length === 0 && dev.frameProbe === probe) {
        dev.frameProbe = undefined
      }
    }
  }

  transmitted(skb: SkBuff): void {
    if (!this.#hasWires && skb.packetId === 0) {
      skb.packetId = ++this.#lastId
    }
    this.#record(skb, false, undefined)
  }

  received(skb: SkBuff): void {
    this.#record(skb, true, undefined)
  }

  dropped(skb: SkBuff, reason: number): void {
    const isReceived = skb.rxDev !== undefined
    // It did not reach its wire, and so is recorded here as sent.
    if (this.#hasWires && !isReceived && skb.packetId === 0) {
      skb.packetId = OFF_WIRE - ++this.#lastId
      this.transmitted(skb)
    }
    this.#record(skb, isReceived, { reason: dropReasonName(reason), wire: this.cause })
  }

  #record(skb: SkBuff, isReceived: boolean, drop: FrameDrop | undefined): void {
    const time = Number.isNaN(this.time) ? this.#dev.net.clock.now() : this.time
    for (const captured of this.#captured) {
      captured.record(skb, isReceived ? captured.receive : captured.transmit, time, drop)
    }
  }
}
