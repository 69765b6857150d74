/** latency: delays the data by `latency` ms, give or take `jitter` ms. */
import { HELD_PACKETS, NOW, type ToxicKind } from '../toxic-kind.ts'

/** As much as a latency needs to keep a connection busy. */
const HELD_MAX = 1024 * 1024

export const latencyToxic: ToxicKind<{ latency: number; jitter: number }> = {
  type: 'latency',
  attributes: { latency: 0, jitter: 0 },
  isOfData: true,
  text: ({ latency, jitter }) =>
    `delay ${Math.max(0, latency)}ms ${jitter > 0 ? `${jitter}ms ordered ` : ''}limit ${HELD_PACKETS}`,
  stage: {
    heldMax: HELD_MAX,
    judge({ values: { latency, jitter }, random }, item) {
      item.due ??= item.at + latency + (jitter > 0 ? (2 * random.next() - 1) * jitter : 0)
      return item.bytes === undefined ? NOW : { until: item.due }
    },
  },
}
