/** Reports of runs with a history that is long, or that a check has refused. */
import { expect, test } from 'vitest'
import { pageOf } from '../../src/explore/page.ts'
import { failureLines } from '../../src/explore/report-text.ts'
import { counter } from '../../src/history/index.ts'
import { explore, type LabScenario } from '../../src/index.ts'
import { asking } from './one-datagram.ts'

test('a long history shows its last operations in the text', async () => {
  const many: LabScenario = async run => {
    for (let i = 0; i < 30; i++) {
      run.history.ok(run.history.invoke('write', i))
    }
    await asking(run)
  }
  const [long] = (await explore(many, { world: 'memory', faults: ['drop'], captures: false }))
    .failures
  const text = failureLines(long as NonNullable<typeof long>).join('\n')
  expect(text).toContain('  (12 earlier operations)\n  0.0 to 0.0 ms         write 12\n')
  expect(text).not.toContain('write 11\n')
})

test('operations have the same times in the message of a check as beside the packets', async () => {
  const reading: LabScenario = async run => {
    await run.lab.sleep(30)
    const read = run.history.invoke('add', 1, { process: 'client' })
    const isLost = await Promise.resolve(asking(run)).then(
      () => false,
      () => true,
    )
    run.history.ok(read)
    run.history.ok(run.history.invoke('read'), isLost ? 7 : 1)
    counter([...run.history].filter(({ name }) => ['add', 'read'].includes(name)))
  }
  const { failures } = await explore(reading, {
    world: 'memory',
    faults: ['pause 1h on server'],
    captures: false,
  })
  const lines = failureLines(failures[0] as (typeof failures)[0])
  const reads = lines.flatMap(line => (line.includes('read -> 7') ? [line.trim()] : []))
  expect(reads).toHaveLength(2)
  expect(reads[0]).toBe(reads[1])
  expect(lines.find(line => line.includes('server stops'))).toMatch(/^ {2}at 40\.0 ms/)
})

test('operations are between the faults of hosts in the diagram', async () => {
  const nemesis = await explore(asking, {
    world: 'memory',
    faults: ['pause 1h on server'],
    captures: false,
  })
  const [, diagram = ''] =
    /class="diagram run".*?<ol[^>]*>(.*?)<\/ol>/s.exec(pageOf(nemesis.toJSON(), 'a')) ?? []
  const texts = [...diagram.matchAll(/<li.*?<\/li>/gs)].map(([row]) =>
    row.replace(/<[^>]*>/g, ' ').replace(/\s+/g, ' '),
  )
  expect(texts.slice(2)).toEqual([
    expect.stringContaining('client write &lt;x&gt; 1 (unknown) starts'),
    expect.stringContaining('server stops'),
    expect.not.stringContaining('hit'),
  ])
})
