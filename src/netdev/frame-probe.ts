/**
 * FrameProbe: notified of every frame that passes a device, for captures. A device without a probe
 * pays one comparison a frame.
 *
 * On a device with wires (ndoGetWires) a frame is transmitted when it enters its wire, because the
 * wire gives packets their numbers and times. On any other device it is when the kernel's frame was
 * read. A wire lets frames pass at its own time, which it sets before it calls the probe or the
 * receiving device. No method may throw: the frame would have no owner.
 */
import type { SkBuff } from '../skb/sk-buff.ts'
import type { WireDrop } from './frame-drop.ts'

export interface FrameProbe {
  /** When the frame passes, ns of the Net's clock; NaN if that is now. */
  time: number
  /** The decision by which the next frame is dropped, if a stage of a wire drops it. */
  cause: WireDrop | undefined
  /** The kernel sent a frame. The probe numbers it if it has no `packetId` yet. */
  transmitted(skb: SkBuff): void
  /** The device hands a frame to the kernel. It is not merged with others yet. */
  received(skb: SkBuff): void
  /** A frame is dropped, and freed afterwards. */
  dropped(skb: SkBuff, reason: number): void
}
