/** bench/soak-growth.mjs: when a process has grown during a soak. */

import { expect, test } from 'vitest'
import { growth } from '../../bench/soak-growth.mjs'

interface Run {
  readonly rss?: (minute: number) => number
  readonly heaps?: readonly (number | undefined)[]
  /** Descriptors, and the network namespaces among them, before and after. */
  readonly fds?: readonly number[]
  readonly netns?: readonly number[]
}

/** Samples of an hour: one a minute, with `rss` as it is at that minute. */
function soak({ rss = () => 60, heaps = [10, 10], fds = [20, 20], netns = [2, 2] }: Run = {}) {
  const samples = Array.from({ length: 60 }, (_, at) => ({ at: at * 60, vnet: rss(at) }))
  const open = [0, 1].map(i => ({ vnet: { fds: fds[i], netns: netns[i] } }))
  return growth('vnet', { samples, heaps: heaps.map(vnet => ({ vnet })), open }, 3600)
}

test('a process that does not grow has no problem', () => {
  expect(soak()).toEqual({ cells: ['60.0', '60.0', '10.0', '10.0', 20, 20, 2, 2], problems: [] })
})

test('the last five minutes are compared with minutes 15 to 20, by their medians', () => {
  const grown = (late: number) => {
    const rss = (minute: number) => (minute >= 55 ? late : 60)
    return soak({ rss: minute => (minute < 15 ? 100 : rss(minute)) }).problems
  }
  expect(grown(68)).toEqual([])
  expect(grown(68.1)).toEqual(['vnet: RSS has grown by 8.1 MiB'])
  expect(
    soak({ rss: minute => (minute === 56 || (minute > 20 && minute < 55) ? 200 : 60) }).problems,
  ).toEqual([])
})

test('a heap may grow by 2 MiB', () => {
  expect(soak({ heaps: [10, 12] }).problems).toEqual([])
  expect(soak({ heaps: [10, 12.5] }).problems).toEqual(['vnet: the heap has grown by 2.5 MiB'])
})

test('a process without a known heap is compared by its memory alone', () => {
  const { cells, problems } = soak({ heaps: [undefined, undefined] })
  expect(cells.slice(2, 4)).toEqual(['-', '-'])
  expect(problems).toEqual([])
})

test('a descriptor that remains open is a problem, and so is a namespace', () => {
  expect(soak({ fds: [20, 21] }).problems).toEqual(['vnet: 20 descriptors became 21'])
  expect(soak({ netns: [2, 3] }).problems).toEqual(['vnet: 2 open namespaces became 3'])
})
