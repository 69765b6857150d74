/** preset: the link of a preset of wires, such as `lte`. */
import type { ToxicKind } from '../toxic-kind.ts'

export const presetToxic: ToxicKind<{ name: string }> = {
  type: 'preset',
  attributes: { name: '' },
  text: ({ name }) => `preset ${name}`,
}
