/** corrupt: flips a bit of `percent` of the packets. */
import type { ToxicKind } from '../toxic-kind.ts'

export const corruptToxic: ToxicKind<{ percent: number }> = {
  type: 'corrupt',
  attributes: { percent: 0 },
  fractions: ['percent'],
  text: ({ percent }) => `corrupt ${percent}%`,
}
