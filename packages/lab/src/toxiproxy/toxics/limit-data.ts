/** limit_data: closes the connection once `bytes` bytes have passed. */
import { NOW, type ToxicKind } from '../toxic-kind.ts'

export const limitDataToxic: ToxicKind<{ bytes: number }> = {
  type: 'limit_data',
  attributes: { bytes: 0 },
  stage: {
    judge({ passed, values }, { bytes }) {
      if (bytes === undefined) return NOW
      const left = values.bytes - passed
      return left <= 0 ? { end: 'close' } : { bytes: left }
    },
    afterPass: ({ passed, values }) => (passed >= values.bytes ? 'close' : undefined),
  },
}
