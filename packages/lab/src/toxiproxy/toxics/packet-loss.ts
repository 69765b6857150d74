/** packet_loss: loses `percent` of the packets, in bursts of `burst` packets on average. */
import type { ToxicKind } from '../toxic-kind.ts'

export const packetLossToxic: ToxicKind<{ percent: number; burst: number }> = {
  type: 'packet_loss',
  attributes: { percent: 0, burst: 1 },
  fractions: ['percent', 'burst'],
  text: ({ percent, burst }) => `loss ${percent}%${burst > 1 ? ` burst ${burst}` : ''}`,
}
