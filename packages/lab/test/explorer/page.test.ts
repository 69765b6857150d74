/** The page of a result: what it shows, and that texts of strangers remain text. */
import { expect, test } from 'vitest'
import { parseKind } from '../../src/explore/fault-text.ts'
import { pageOf } from '../../src/explore/page.ts'
import type { ExploreReport } from '../../src/explore/report.ts'
import { tableOf } from '../../src/explore/report-text.ts'
import type { ExploreResult, Failure, ResultPacket } from '../../src/explore/result.ts'
import { runDiagram } from '../../src/explore/run-diagram.ts'
import { endsOf, knownHosts } from '../../src/explore/sequence.ts'

const packet = (
  link: string,
  direction: 'ab' | 'ba',
  flow: string,
  part: string,
): ResultPacket => ({
  name: `${link} ${direction} ${flow} ${part}`,
  link,
  direction,
  flow,
  at: 1.5,
  length: 74,
  text: `IP of ${part}`,
})
const packets = [
  packet('client-server', 'ab', 'tcp client:* > server:80', 'seq 0'),
  packet('client-server', 'ba', 'tcp server:80 > client:*', 'seq 0'),
]
const result: ExploreResult = {
  passed: false,
  cleanErrors: [],
  baseline: { times: [12.5, 13], left: [] },
  roundTrip: 2,
  rto: '50 ms',
  world: 'kernel',
  unsteady: [],
  skippedPairs: 0,
  skippedRepairs: 0,
  schedules: { passed: 0, failed: 0, missed: 0, skipped: 0 },
  packets,
  faults: ['drop', 'delay'],
  failures: [],
  points: [
    {
      packet: 0,
      fault: 0,
      faults: [`drop ${packets[0]?.name}`],
      verdict: 'failed',
      failed: 4,
      runs: 4,
      error: 'reset',
    },
    {
      packet: 0,
      fault: 1,
      faults: [`delay ${packets[0]?.name}`],
      verdict: 'slower',
      factor: 2.34,
      ms: 30,
      clean: [12.8, 13.1],
    },
    { packet: 1, fault: 0, faults: [`drop ${packets[1]?.name}`], verdict: 'missed' },
    { packet: 1, fault: 1, faults: [`delay ${packets[1]?.name}`], verdict: 'passed' },
  ],
  ms: 1500,
  runs: 12,
  pointsPerSecond: 3,
}
const failure = (text: string): Failure =>
  ({
    faults: [`drop ${packets[0]?.name}`],
    also: [],
    from: 1,
    failed: 4,
    runs: 4,
    error: text,
    output: text,
    packets: [text],
    wire: [{ ...{ link: text, direction: 'ab', filter: text }, wire: text, code: [text] }],
    wireFailed: true,
    captures: [text],
    world: 'kernel',
    recordedFailed: true,
    stopped: false,
    limit: 1000,
    test: text,
  }) as Failure

/** Returns the rows of the packets, without markup. */
const rows = (page: string) =>
  [...page.matchAll(/<li><details>(.*?)<\/details>/gs)].map(([, row = '']) =>
    row
      .replace(/<[^>]*>/g, ' ')
      .replace(/\s+/g, ' ')
      .trim(),
  )

/** Returns how many properties of packets, points and failures are read for so many packets. */
function readsOf(show: (result: ExploreResult) => unknown, count: number): number {
  let reads = 0
  const counted = <T extends object>(value: T): T =>
    new Proxy(value, {
      get: (target, key) => {
        reads++
        return Reflect.get(target, key)
      },
    })
  const many = Array.from({ length: count }, (_, i) =>
    packet('a-b', 'ab', 'udp a:* > b:80', `packet ${i}`),
  )
  const points = many.map(({ name }, i) => ({
    packet: i,
    fault: 0,
    faults: [`drop ${name}`],
    verdict: 'failed' as const,
  }))
  const failures = points.map(({ faults }) => ({ ...failure('x'), faults }))
  show({
    ...result,
    packets: many.map(counted),
    points: points.map(counted),
    failures: failures.map(counted),
  })
  return reads
}

test('the page and the table of many packets read each packet, point and failure a few times', () => {
  const table = ({ packets, points }: ExploreResult) => {
    const kinds = ['drop', 'delay'].map(parseKind)
    const explored = packets.map(each =>
      Object.assign(each, { part: 'packet', head: new Uint8Array(0), number: 1 }),
    )
    const cells = points.map(each => Object.assign(each, { kind: 0 }))
    return tableOf({
      ...result,
      packets: explored,
      points: cells,
      kinds,
    } as unknown as ExploreReport)
  }
  for (const show of [(shown: ExploreResult) => pageOf(shown, 'a'), table]) {
    expect(readsOf(show, 400) / readsOf(show, 100)).toBeLessThan(5)
  }
})

test('each packet of the page shows its direction, its time and all of its verdicts', () => {
  const page = pageOf(result, 'a.mjs')
  const [first, second] = rows(page)
  expect(first).toContain('1.5 client to server: ab seq 0')
  expect(first).toContain('drop ✗ drop failed, delay ×2.3 delay slower,')
  expect(first).toContain('drop : failed in 4 of 4 runs reset')
  expect(first).toContain('delay : slower, ×2.3, 30.0 ms, 12.8 to 13.1 ms without the fault')
  expect(second).toContain('server to client: ba seq 0')
  expect(second).toContain('drop ? drop missed, delay ✓ delay passed,')
  expect(page).toContain('<b>client</b><b>server</b>')
  expect(page).toContain('<title>a.mjs: failed</title>')
  expect(page).toContain(
    "Runs without faults passed in 12.5 to 13.0 ms; TCP's least timeout is 50 ms.",
  )
})

test('the arrow of a packet leads from its sender, and is crossed out only where a fault has hit it', () => {
  const arrows = (page: string) => page.match(/<g( class.*?)?>\s<path.*?<\/g>/gs) ?? []
  const [one = '', other = '', ...more] = arrows(pageOf(result, 'a'))
  expect(one).toContain('d="M90 28H270"')
  expect(other).toContain('d="M270 28H90"')
  expect(one + other).not.toMatch(/class="(cross|hit)"/)
  expect(more).toEqual([])
  const [hit, passed] = packets.map((each, i) => ({ ...each, label: 'seq 0', lost: i === 0 }))
  const run = { packets: [hit!, passed!], before: 0, after: 0, spans: [], operations: [] }
  const [first, second] = arrows(runDiagram(run, 'a').text)
  expect(first).toMatch(/class="hit".*class="cross"/s)
  expect(second).not.toContain('class="cross"')
})

test('a packet leads to the failure that repeats its fault', () => {
  const page = pageOf({ ...result, failures: [failure('x')] }, 'a')
  expect(page.match(/href="#failure-1"/g)).toHaveLength(1)
  expect(page).toContain('<section id="failure-1"')
})

test('the page shows a fault by its worst repair, and counts schedules', () => {
  const repaired = (verdict: 'passed' | 'failed', n: number) => {
    const faults = [`silence forever ${packets[0]?.name}`, `repair ${packets[0]?.name} copy ${n}`]
    return { packet: 0, fault: 0, faults, verdict }
  }
  const points = [repaired('passed', 2), repaired('failed', 3)]
  const schedules = { passed: 7, failed: 2, missed: 1, skipped: 0 }
  const page = pageOf(
    { ...result, faults: ['silence forever', 'repair'], points, skippedRepairs: 4, schedules },
    'a',
  )
  const [first = ''] = rows(page)
  expect(first).toContain('silence forever ✗ silence forever failed,')
  expect(first).not.toContain('✓')
  expect(first).toContain(`${points[0]?.faults.join(' and ').replace(/>/g, '&gt;')} : passed`)
  expect(page).toContain('<p>10 schedules: 2 failed, 0 skipped, 1 missed a packet or a repair.</p>')
  expect(page).toContain('<p>6 faults: ')
  expect(page).toContain('4 skipped')
})

test('the page says if the run with the wire passed, and if the captured run passed', () => {
  const failed = failure('x')
  const remarks = (each: Failure) =>
    pageOf({ ...result, failures: [each] }, 'a').match(/\((a|this) run [^)]*\)/g) ?? []
  expect(remarks(failed)).toEqual([])
  expect(remarks({ ...failed, wireFailed: false })).toEqual(['(a run with this passed)'])
  expect(remarks({ ...failed, recordedFailed: false })).toEqual(['(this run passed)'])
})

test('no text of packets, errors or programs becomes markup', () => {
  const attack = `</pre></title></style><script>alert(1)</script><img src=x onerror='alert(1)' a="&\u001b[2J`
  const hostile = { ...packet('a-b', 'ab', 'udp a:1 > b:2', attack), text: attack, after: attack }
  const page = pageOf(
    {
      ...result,
      packets: [hostile],
      faults: [attack],
      unsteady: [attack],
      rto: attack,
      failures: [failure(attack)],
      points: [
        {
          packet: 0,
          fault: 0,
          faults: [`drop ${packets[0]?.name}`],
          verdict: 'failed',
          error: attack,
        },
      ],
    },
    attack,
  )
  const failed = pageOf({ ...result, cleanErrors: [attack], packets: [], points: [] }, attack)
  for (const text of [page, failed]) {
    expect(text).not.toMatch(/<script|<img/)
    expect(text).not.toContain('\u001b')
    expect(text.match(/<style>/g)).toHaveLength(1)
    expect(text).toContain(
      '&lt;script&gt;alert(1)&lt;/script&gt;&lt;img src=x onerror=&#39;alert(1)&#39; a=&quot;&amp;',
    )
  }
})

test('the page loads nothing and runs no script', () => {
  const page = pageOf({ ...result, failures: [failure('x')] }, 'a')
  expect(page).toContain(`content="default-src 'none'; style-src 'unsafe-inline'"`)
  expect(page).not.toMatch(/<script|<link|src=|url\(|@import|href="[^#]| on\w+=/)
})

test.each([
  ['client-server', ['client', 'server']],
  ['client-server.2', ['client', 'server']],
  ['web-1-db-2', ['web-1', 'db-2']],
  ['web-1-lan', ['web-1', 'lan']],
  ['x-y-z', ['x', 'y-z']],
])('the link %s joins %j', (link, ends) => {
  const all = [packet('', 'ab', 'tcp web-1:* > db-2:80', 'seq 0'), ...packets]
  expect(endsOf({ link, direction: 'ab' }, knownHosts(all))).toEqual(ends)
  expect(endsOf({ link, direction: 'ba' }, knownHosts(all))).toEqual([...ends].reverse())
})

test('the labels of packets name the direction, and the connection if their link has more than one', () => {
  const flows = [
    ['a-b', 'tcp a:* > b:80', 'seq 0'],
    ['a-b', 'tcp b:80 > a:*', 'seq 0'],
    ['a-b', 'tcp a:*#2 > b:80', 'seq 0'],
    ['a-b', 'tcp b:80 > a:*#2', 'ack 1'],
    ['a-b', 'icmp a > b', 'packet 1'],
    ['b-c', 'udp b:* > c:53', 'packet 1'],
    ['a-d', 'tcp a:* > d:80', 'seq 0'],
    ['a-d', 'tcp a:*#2 > d:80', 'seq 0'],
    ['a-d', 'tcp a:* > d:443', 'seq 0'],
  ] as const
  const labels = [
    'a:* ab seq 0',
    'a:* ba seq 0',
    'a:*#2 ab seq 0',
    'a:*#2 ba ack 1',
    'icmp ab packet 1',
    'ab packet 1',
    'a:* d:80 ab seq 0',
    'a:*#2 ab seq 0',
    'd:443 ab seq 0',
  ]
  const shown = (page: string) =>
    [...page.matchAll(/class="label"[^>]*>([^<]*)</g)].map(([, label]) => label)
  const directionOf = (flow: string) => (flow.includes('> a') ? 'ba' : 'ab')
  const all = flows.map(([link, flow, part]) => packet(link, directionOf(flow), flow, part))
  expect(shown(pageOf({ ...result, packets: all, points: [] }, 'a'))).toEqual(labels)
  const inRun = all.map((each, i) => ({ ...each, label: flows[i]?.[2] ?? '', lost: false }))
  const run = { packets: inRun, before: 0, after: 0, spans: [], operations: [] }
  expect(shown(runDiagram(run, 'a').text)).toEqual(labels)
})
