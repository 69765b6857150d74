/** slow_close: passes the end of the stream `delay` ms late. */
import { NOW, type ToxicKind } from '../toxic-kind.ts'

export const slowCloseToxic: ToxicKind<{ delay: number }> = {
  type: 'slow_close',
  attributes: { delay: 0 },
  stage: {
    judge: ({ values }, { bytes, at }) =>
      bytes === undefined ? { until: at + values.delay } : NOW,
  },
}
