/** wire: any text of a wire. */
import type { ToxicKind } from '../toxic-kind.ts'

export const wireToxic: ToxicKind<{ text: string }> = {
  type: 'wire',
  attributes: { text: '' },
  text: ({ text }) => text,
}
