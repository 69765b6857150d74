/** The page of a result: what it shows, and that texts of strangers remain text. */
import { expect, test } from 'vitest'
import { endsOf, pageOf } from '../../src/explore/page.ts'
import type { ExploreResult, Failure, ResultPacket } from '../../src/explore/result.ts'

const packet = (link: string, direction: 'ab' | 'ba', flow: string, part: string): ResultPacket => ({
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
  kitShare: 0.5,
}
const failure = (text: string): Failure =>
  ({
    faults: [`drop ${packets[0]?.name}`],
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

test('each packet of the page shows its direction, its time and all of its verdicts', () => {
  const page = pageOf(result, 'a.mjs')
  const [first, second] = rows(page)
  expect(first).toContain('1.5 client to server: seq 0')
  expect(first).toContain('drop ✗ drop failed, delay ×2.3 delay slower,')
  expect(first).toContain('drop : failed in 4 of 4 runs reset')
  expect(first).toContain('delay : slower, ×2.3, 30.0 ms, 12.8 to 13.1 ms without the fault')
  expect(second).toContain('server to client: seq 0')
  expect(second).toContain('drop ? drop missed, delay ✓ delay passed,')
  expect(page).toContain('<b>client</b><b>server</b>')
  expect(page).toContain('<title>a.mjs: failed</title>')
  expect(page).toContain("Runs without faults passed in 12.5 to 13.0 ms; TCP's least timeout is 50 ms.")
})

test('the arrow of a packet leads from its sender, and is crossed out if a run has failed', () => {
  const [one = '', other = ''] = pageOf(result, 'a').match(/<svg.*?<\/svg>/gs) ?? []
  expect(one).toContain('<g class="failed">')
  expect(one).toContain('d="M90 28H270"')
  expect(one).toContain('class="cross"')
  expect(other).toContain('<g class="missed">')
  expect(other).toContain('d="M270 28H90"')
  expect(other).not.toContain('class="cross"')
})

test('a packet leads to the failure that repeats its fault', () => {
  const page = pageOf({ ...result, failures: [failure('x')] }, 'a')
  expect(page.match(/href="#failure-1"/g)).toHaveLength(1)
  expect(page).toContain('<section id="failure-1"')
})

test('the page says if the run with the wire passed, and if the captured run passed', () => {
  const failed = failure('x')
  const remarks = (each: Failure) => pageOf({ ...result, failures: [each] }, 'a').match(/\((a|this) run [^)]*\)/g) ?? []
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
      points: [{ packet: 0, fault: 0, faults: [`drop ${packets[0]?.name}`], verdict: 'failed', error: attack }],
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
  expect(endsOf({ link, direction: 'ab', flow: '' }, all)).toEqual(ends)
  expect(endsOf({ link, direction: 'ba', flow: '' }, all)).toEqual([...ends].reverse())
})
