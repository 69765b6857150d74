/** silence: drops all packets, without a reset or an error. */
import type { ToxicKind } from '../toxic-kind.ts'

export const silenceToxic: ToxicKind<Record<string, never>> = {
  type: 'silence',
  attributes: {},
  text: () => 'blackhole',
}
