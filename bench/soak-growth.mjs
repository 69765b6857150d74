/** Whether a process has grown during a soak. */

/** Growth that is allowed, in MiB. */
const RSS_MAX = 8
const HEAP_MAX = 2

const median = numbers => numbers.toSorted((a, b) => a - b)[numbers.length >> 1]

/**
 * Compares the medians from the first quarter to the first third of the time (minutes 15 to 20 of
 * 60) with the medians of the last twelfth. `samples` have the second `at` and, by process, the
 * RSS in MiB. `heaps` are two heaps in MiB by process, after collections; a process may have none.
 * `open` is what each process has open, `{ fds, netns }`, before and after the visitors. Returns
 * the cells of a table and the problems.
 */
export function growth(name, { samples, heaps, open }, seconds) {
  const rss = [
    [1 / 4, 1 / 3],
    [11 / 12, 1],
  ].map(([from, to]) => {
    const rows = samples.filter(({ at }) => at >= from * seconds && at <= to * seconds)
    return median(rows.map(row => row[name]))
  })
  const heap = heaps.map(each => each[name])
  const [before, after] = open.map(each => each[name])
  const grown = ([early, late]) => late - early
  const problems = []
  if (grown(rss) > RSS_MAX) {
    problems.push(`${name}: RSS has grown by ${grown(rss).toFixed(1)} MiB`)
  }
  if (grown(heap) > HEAP_MAX) {
    problems.push(`${name}: the heap has grown by ${grown(heap).toFixed(1)} MiB`)
  }
  if (after.fds !== before.fds) {
    problems.push(`${name}: ${before.fds} descriptors became ${after.fds}`)
  }
  if (after.netns !== before.netns) {
    problems.push(`${name}: ${before.netns} open namespaces became ${after.netns}`)
  }
  const mib = [...rss, ...heap].map(each => each?.toFixed(1) ?? '-')
  return { cells: [...mib, before.fds, after.fds, before.netns, after.netns], problems }
}
