/** Reports of runs with a history: their operations beside the packets. */
import { expect, test } from 'vitest'
import { runLines } from '../../src/explore/failed-run.ts'
import { pageOf } from '../../src/explore/page.ts'
import { failureLines } from '../../src/explore/report-text.ts'
import { explore } from '../../src/index.ts'
import { asking } from './one-datagram.ts'

const report = await explore(asking, { world: 'memory', faults: ['drop'], captures: false })
const [failure] = report.failures

test('a failure has operations and hit packets in one order, in the time of the lab', () => {
  const lines = failureLines(failure as NonNullable<typeof failure>)
  const at = lines.findIndex(line => line.includes('connect'))
  expect(lines.slice(at, at + 3)).toEqual([
    expect.stringMatching(/^ {2}0\.0 to 0\.0 ms {9}client connect -> 'yes'$/),
    expect.stringMatching(/^ {2}from 0\.0 ms {11}client write <x> 1 \(unknown\)$/),
    expect.stringMatching(/^ {2}at 10\.0 ms client-server ab IP .*5000: UDP, length 1$/),
  ])
  expect(lines[at + 3]).toContain('nothing has arrived')
})

test('the operations of a failed run are in the time of its packets', () => {
  expect(failure?.run?.operations.map(({ at, isStart, name }) => [at, isStart, name])).toEqual([
    [0, true, "client connect -> 'yes'"],
    [0, false, "client connect -> 'yes'"],
    [0, true, 'client write <x> 1 (unknown)'],
  ])
  expect(failure?.run?.packets.map(({ at, hit }) => [at, hit === failure.packets[0]])).toEqual([
    [10, true],
  ])
})

test('the page shows operations and packets of a failed run in one diagram', () => {
  const [, diagram = ''] =
    /class="diagram run".*?<ol[^>]*>(.*?)<\/ol>/s.exec(pageOf(report.toJSON(), 'a')) ?? []
  const rows = [...diagram.matchAll(/<li.*?<\/li>/gs)].map(([row]) => row)
  const texts = rows.map(row =>
    row
      .replace(/<[^>]*>/g, ' ')
      .replace(/\s+/g, ' ')
      .trim(),
  )
  expect(texts).toEqual([
    '0.0 client connect -&gt; &#39;yes&#39; starts',
    '0.0 client connect -&gt; &#39;yes&#39; ends',
    '0.0 client write &lt;x&gt; 1 (unknown) starts',
    '10.0 client to server: ab packet 1 , hit',
  ])
  expect(rows.at(-1)).toContain('class="cross"')
  expect(rows[0]).not.toContain('class="cross"')
})

test('a failure and its repetition have a fault of a host and its packet after earlier operations', async () => {
  const { failures } = await explore(asking, {
    world: 'memory',
    faults: ['restart 1s on server'],
    captures: false,
  })
  const [first] = failures as [NonNullable<typeof failure>]
  const repeated = await explore.repeat(asking, first.faults, { world: 'memory' }).catch(String)
  for (const text of [failureLines(first).join('\n'), String(repeated)]) {
    expect(text).toMatch(
      /from 0\.0 ms +client write.*\n *at 10\.0 ms client-server ab.*\n *at 10\.0 ms server crashes/,
    )
  }
})

test('the text of a run has its last 20 operations', () => {
  const operations = Array.from({ length: 32 }, (_, i) => {
    const text = `write ${i}`
    return { at: 0, isStart: true, name: text, text }
  })
  const run = failure?.run as NonNullable<NonNullable<typeof failure>['run']>
  const [earlier, first, ...others] = runLines({ ...run, operations })
  expect([earlier, first]).toEqual(['(12 earlier operations)', 'write 12'])
  expect(others.filter(line => line.startsWith('write'))).toHaveLength(19)
})
