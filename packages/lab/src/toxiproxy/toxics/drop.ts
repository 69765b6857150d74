/** drop: drops some matching packets: the `first` N, the `nth`, or `every` Nth. */
import { quoted } from 'vnet/kit/wire'
import type { ToxicKind } from '../toxic-kind.ts'

interface DropAttributes {
  readonly [name: string]: number | string
  readonly filter: string
  readonly first: number
  readonly nth: number
  readonly every: number
}

export const dropToxic: ToxicKind<DropAttributes> = {
  type: 'drop',
  attributes: { filter: '', first: 0, nth: 0, every: 0 },
  text({ filter, first, nth, every }) {
    const given = Object.entries({ first, nth, every }).filter(([, count]) => count !== 0)
    if (given.length > 1) {
      throw new Error(`drop takes one of first, nth and every, not ${given.length}`)
    }
    const when = given.map(([word, count]) => `${word} ${count}`).join() || 'every 1'
    return `drop ${filter === '' ? '' : quoted(filter)} ${when}`
  },
}
