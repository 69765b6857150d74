/**
 * slicer: cuts data into pieces of `average_size` bytes, give or take `size_variation`, with
 * `delay` microseconds between them.
 */
import type { ToxicKind } from '../toxic-kind.ts'

interface SlicerAttributes {
  readonly [name: string]: number
  readonly average_size: number
  readonly size_variation: number
  readonly delay: number
}

export const slicerToxic: ToxicKind<SlicerAttributes> = {
  type: 'slicer',
  attributes: { average_size: 0, size_variation: 0, delay: 0 },
  stage: {
    judge({ free, random, values }, { bytes, at }) {
      const { average_size: mean, size_variation: spread, delay } = values
      const size = mean + (spread > 0 ? Math.round((2 * random.next() - 1) * spread) : 0)
      const until = Math.max(free + delay / 1000, at)
      const isSmall = bytes === undefined || bytes.length - mean <= spread
      return isSmall ? { until } : { until, bytes: Math.max(1, size) }
    },
  },
}
