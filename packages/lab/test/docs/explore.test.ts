/**
 * packages/lab/docs/explore.md has every option and every fault, and shows the test that explore
 * prints.
 */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { FAULT_VERBS } from '../../../../src/wire/stages/fault-verbs.ts'
import { testText } from '../../src/explore/describe.ts'
import { parseFault } from '../../src/explore/fault-text.ts'
import { EXPLORE_OPTIONS } from '../../src/explore/scenario.ts'

const page = readFileSync(new URL('../../docs/explore.md', import.meta.url), 'utf8')
const section = (heading: string) => page.split(/^## /m).find(text => text.startsWith(heading)) ?? ''
const firstWords = (heading: string) => [...section(heading).matchAll(/^\| `([\w]+)/gm)].map(([, word]) => word)

test('packages/lab/docs/explore.md describes each option', () => {
  expect(firstWords('Options').sort()).toEqual(Object.keys(EXPLORE_OPTIONS).sort())
})

test('packages/lab/docs/explore.md describes each fault', () => {
  expect(firstWords('Faults')).toEqual(FAULT_VERBS)
})

test('packages/lab/docs/explore.md shows the test that explore prints', () => {
  const [, code = ''] = /```js\n(.*?)```/s.exec(section('A failure')) ?? []
  const fault = parseFault('drop client-server ab udp client:* > server:5000 packet 1')
  expect(`${testText('retry.scenario.mjs', [fault], { timeout: 3000, invariant: false })}\n`).toBe(code)
})
