/** The worker of the playground in browsers. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import { bundleCourse } from '../../../../scripts/course-bundle.mjs'
import { fileDirectory } from '../../../../test/support/fresh-directory.ts'
import type { PlaygroundDriver } from '../../src/browser/playground/messages.ts'
import { COURSE } from '../../src/folder.ts'
import { checkedIn, PAGE } from '../support/browser-checks.ts'
import type { Seen } from '../support/playground-page.ts'

const LIMIT_MS = 60_000
const directory = fileDirectory()
const drop = readFileSync(join(COURSE, '01-drop/solution.js'), 'utf8')
const lines = drop.split('\n').length
const PING = /^ping 198\.18\.0\.2: 5 sent, 5 received, [\d.]+ ms$/

const cases: readonly (readonly [name: string, driver: PlaygroundDriver, devices: readonly string[], told: RegExp])[] =
  [
    ['cable', 'cable', ['1//a', '1//b'], PING],
    ['snull', 'snull', ['1//sn0', '1//sn1'], PING],
    ['loop', 'loop', ['1//vnet0'], PING],
    ['drop', { name: 'drop.js', text: drop }, ['1//drop0'], /^ping 198\.18\.0\.2: 5 sent, 0 received$/],
    [
      'a driver that throws when it loads',
      { name: 'drop.js', text: `${drop}throw new Error('away')` },
      [],
      new RegExp(`^/drop\\.js does not load: Error: away \\(at /drop\\.js:${lines}:7\\)$`),
    ],
    [
      'a driver that throws at a frame',
      { name: 'drop.js', text: drop.replace('skb.drop()', "throw new Error('away')") },
      ['1//drop0'],
      /^drop0: ndoStartXmit: Error: away \(at startXmit \(\/drop\.js:22:9\)\)/,
    ],
  ]

beforeAll(async () => {
  await bundleCourse(directory, { page: join(import.meta.dirname, '../support/playground-page.ts') })
  writeFileSync(join(directory, 'index.html'), PAGE)
  const drivers = Object.fromEntries(cases.map(([name, driver]) => [name, driver]))
  writeFileSync(join(directory, 'drivers.json'), JSON.stringify(drivers))
})

test.each(['chromium', 'firefox-esr'] as const)(
  '%s runs drivers, and explains the ones that throw',
  async browser => {
    const seen = await checkedIn<Seen>(browser, directory)
    expect(seen).toEqual(cases.map(([name, , devices, told]) => ({ name, devices, told: expect.stringMatching(told) })))
  },
  LIMIT_MS,
)
