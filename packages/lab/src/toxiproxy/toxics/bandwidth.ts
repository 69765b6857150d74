/** bandwidth: passes `rate` KB a second; 0 passes nothing. */
import { HELD_PACKETS, NOW, type ToxicKind } from '../toxic-kind.ts'

/** The burst of the wire's rate, in ms: it makes up for late timers. */
const BURST_MS = 5
/** A stage sends pieces of so many ms. */
const PIECE_MS = 20

export const bandwidthToxic: ToxicKind<{ rate: number }> = {
  type: 'bandwidth',
  attributes: { rate: 0 },
  isOfData: true,
  text({ rate }, headers) {
    const line = rate > 0 ? `rate ${rate * 8}kbit -${headers} burst ${rate * BURST_MS}` : 'hold'
    return `${line} limit ${HELD_PACKETS}`
  },
  stage: {
    judge({ free, values: { rate } }, { bytes, at }) {
      if (bytes === undefined) return NOW
      if (rate <= 0) return { until: Number.POSITIVE_INFINITY }
      const piece = Math.min(bytes.length, rate * PIECE_MS)
      return { until: Math.max(free, at) + piece / rate, bytes: piece }
    },
  },
}
