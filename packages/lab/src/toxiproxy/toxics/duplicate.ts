/** duplicate: sends `percent` of the packets twice. */
import type { ToxicKind } from '../toxic-kind.ts'

export const duplicateToxic: ToxicKind<{ percent: number }> = {
  type: 'duplicate',
  attributes: { percent: 0 },
  fractions: ['percent'],
  text: ({ percent }) => `duplicate ${percent}%`,
}
