/** timeout: drops the data, and closes the connection after `timeout` ms; 0 never closes it. */
import { NOW, type ToxicKind } from '../toxic-kind.ts'

export const timeoutToxic: ToxicKind<{ timeout: number }> = {
  type: 'timeout',
  attributes: { timeout: 0 },
  stage: {
    judge: (_, { bytes }) => (bytes === undefined ? NOW : 'drop'),
    closesAfter: ({ timeout }) => timeout,
    closesWhenRemoved: true,
  },
}
