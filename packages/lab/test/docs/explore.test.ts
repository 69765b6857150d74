/**
 * packages/lab/docs/explore.md has every option and every fault of packets, nemesis.md the others,
 * and explore.md shows the test that explore prints.
 */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { FAULT_VERBS } from '#src/wire/stages/fault-verbs.ts'
import { parseFault } from '../../src/explore/fault-text.ts'
import { testText } from '../../src/explore/repeat-text.ts'
import { EXPLORE_OPTIONS } from '../../src/explore/scenario.ts'
import { CONNECTION_VERBS, NEMESIS_VERBS } from '../../src/model/verbs.ts'

const read = (name: string) =>
  readFileSync(new URL(`../../docs/${name}.md`, import.meta.url), 'utf8')
const page = read('explore')
const section = (heading: string) =>
  page.split(/^## /m).find(text => text.startsWith(heading)) ?? ''
const firstWords = (text: string) => [...text.matchAll(/^\| `([\w]+)/gm)].map(([, word]) => word)

test('packages/lab/docs/explore.md describes each option', () => {
  expect(firstWords(section('Options')).sort()).toEqual(Object.keys(EXPLORE_OPTIONS).sort())
})

test('the pages of explore describe each fault', () => {
  const [faults = ''] = read('nemesis').split(/^## /m)
  expect(firstWords(section('Faults'))).toEqual([...FAULT_VERBS, ...CONNECTION_VERBS])
  expect(firstWords(faults)).toEqual(NEMESIS_VERBS)
})

test('packages/lab/docs/explore.md shows the test that explore prints', () => {
  const [, code = ''] = /```js\n(.*?)```/s.exec(section('A failure')) ?? []
  const fault = parseFault('drop client-server ab udp client:* > server:5000 packet 1')
  expect(`${testText('retry.scenario.mjs', [fault], { timeout: 3000, invariant: false })}\n`).toBe(
    code,
  )
})
