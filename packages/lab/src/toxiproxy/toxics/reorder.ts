/** reorder: sends `percent` of the packets ahead of the others, which it delays by `delay` ms. */
import { HELD_PACKETS, type ToxicKind } from '../toxic-kind.ts'

export const reorderToxic: ToxicKind<{ percent: number; delay: number }> = {
  type: 'reorder',
  attributes: { percent: 0, delay: 10 },
  fractions: ['percent'],
  text: ({ percent, delay }) => `delay ${delay}ms reorder ${percent}% limit ${HELD_PACKETS}`,
}
