/** The worker of the playground in browsers. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import { solutionOf } from '#support/course.ts'
import { fileDirectory } from '#support/fresh-directory.ts'
import { bundleCourse } from '../../../../scripts/course-bundle.mjs'
import { BROWSERS } from '../../../web/test/support/web/browser.ts'
import { checkedIn, PAGE } from '../support/browser-checks.ts'
import type { Run, Seen } from '../support/playground-page.ts'

const LIMIT_MS = 60_000
const directory = fileDirectory()
const drop = solutionOf('01-drop')
const lines = drop.split('\n').length
const PING = /^ping 198\.18\.0\.2: 5 sent, 5 received, average round trip [\d.]+ ms$/

const own = (text: string): Run => ({ driver: { name: 'drop.js', text } })
const cases: readonly (readonly [
  name: string,
  run: Run,
  devices: readonly string[],
  told: RegExp,
])[] = [
  ['cable', { driver: 'cable' }, ['1//a', '1//b'], PING],
  ['snull', { driver: 'snull' }, ['1//sn0', '1//sn1'], PING],
  ['loop', { driver: 'loop' }, ['1//vnet0'], PING],
  ['drop', own(drop), ['1//drop0'], /^ping 198\.18\.0\.2: 5 sent, 0 received$/],
  [
    'steps',
    { ...own(drop), isStepped: true },
    ['1//drop0'],
    /^\/drop\.js:18 function startXmit\(skb, dev\) \{$/,
  ],
  [
    'a driver that throws when it loads',
    own(`${drop}throw new Error('away')`),
    [],
    new RegExp(`^/drop\\.js does not load: Error: away \\(at /drop\\.js:${lines}:7\\)$`),
  ],
  [
    'a driver that throws at a frame',
    own(drop.replace('skb.drop()', "throw new Error('away')")),
    ['1//drop0'],
    /^drop0: ndoStartXmit: Error: away \(at startXmit \(\/drop\.js:22:9\)\)/,
  ],
]

beforeAll(async () => {
  await bundleCourse(directory, {
    page: join(import.meta.dirname, '../support/playground-page.ts'),
  })
  writeFileSync(join(directory, 'index.html'), PAGE)
  const runs = Object.fromEntries(cases.map(([name, run]) => [name, run]))
  writeFileSync(join(directory, 'runs.json'), JSON.stringify(runs))
})

test.each(BROWSERS)(
  '%s runs drivers in the worker, explains the ones that throw, and shows the lines of a step',
  async browser => {
    const seen = await checkedIn<Seen>(browser, directory)
    expect(seen).toEqual(
      cases.map(([name, , devices, told]) => ({
        name,
        devices,
        told: expect.stringMatching(told),
      })),
    )
  },
  LIMIT_MS,
)
