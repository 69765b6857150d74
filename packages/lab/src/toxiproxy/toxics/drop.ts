/** drop: drops some matching packets: the `first` N, the `nth`, or `every` Nth, with `data`. */
import { quoted } from 'vnet/kit/wire'
import type { Attributes, ToxicKind } from '../toxic-kind.ts'

interface DropAttributes {
  readonly [name: string]: Attributes[string]
  readonly filter: string
  readonly first: number
  readonly nth: number
  readonly every: number
  /** Whether only TCP packets with payload count. */
  readonly data: boolean
}

export const dropToxic: ToxicKind<DropAttributes> = {
  type: 'drop',
  attributes: { filter: '', first: 0, nth: 0, every: 0, data: false },
  text({ filter, first, nth, every, data }) {
    const given = Object.entries({ first, nth, every }).filter(([, count]) => count !== 0)
    if (given.length > 1) {
      throw new Error(`drop takes one of first, nth and every, not ${given.length}`)
    }
    const when = given.map(([word, count]) => `${word} ${count}`).join() || 'every 1'
    return `drop ${filter === '' ? '' : quoted(filter)} ${when}${data ? ' data' : ''}`
  },
}
