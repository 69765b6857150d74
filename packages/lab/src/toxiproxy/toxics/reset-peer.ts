/** reset_peer: resets the connection `timeout` ms after its first byte. */
import type { ToxicKind } from '../toxic-kind.ts'

export const resetPeerToxic: ToxicKind<{ timeout: number }> = {
  type: 'reset_peer',
  attributes: { timeout: 0 },
  stage: {
    judge: ({ values }, { at }) => ({ until: at + values.timeout, end: 'reset' }),
  },
}
