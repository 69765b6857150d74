/** Reports of runs with a history: their operations beside the packets. */
import { expect, test } from 'vitest'
import { pageOf } from '../../src/explore/page.ts'
import { failureLines } from '../../src/explore/report-text.ts'
import { counter } from '../../src/history/checks.ts'
import { explore, type LabScenario } from '../../src/index.ts'

/** Sends a datagram 10 ms after the start of an operation, which fails if the datagram is lost. */
const asking: LabScenario = async ({ lab, history }) => {
  const [client, server] = lab.hosts('client', 'server')
  await lab.cable(client, server, { wire: 'delay 5ms' })
  const socket = await server.createSocket('udp4', 5000)
  const asker = await client.createSocket('udp4')
  const arrived = new Promise(resolve => socket.once('message', resolve))
  const done = history.invoke('connect', undefined, { process: 'client' })
  history.ok(done, 'yes')
  const call = history.invoke('write', 1, { process: 'client', key: '<x>' })
  await lab.sleep(10)
  asker.send('1', 5000, 'server')
  await Promise.race([
    arrived,
    lab.sleep(100).then(() => Promise.reject(new Error('nothing has arrived'))),
  ])
  history.ok(call)
}

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
  const lines = failureLines(failures[0] as NonNullable<typeof failure>)
  const reads = lines.flatMap(line => (line.includes('read -> 7') ? [line.trim()] : []))
  expect(reads).toHaveLength(2)
  expect(reads[0]).toBe(reads[1])
  expect(lines.find(line => line.includes('server stops'))).toMatch(/^ {2}at 40\.0 ms/)
})
