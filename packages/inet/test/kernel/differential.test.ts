/** A host in memory and the kernel reply alike to random packets, but for the rows of linux.md. */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { differences, Pair, report } from '../differential/differences.ts'
import { EXCEPTIONS } from '../differential/exceptions.ts'

const page = readFileSync('packages/inet/docs/linux.md', 'utf8')

test.each(EXCEPTIONS)('the hosts still differ as linux.md says: $row', ({ row, example, explains }) => {
  expect(page).toContain(`\n| ${row} | `)
  const pair = new Pair()
  const replies = example.map(text => pair.replies(text))
  pair.close()
  const { linux = [], memory = [] } = replies.at(-1) ?? {}
  expect(memory).not.toEqual(linux)
  expect(explains(example.join('; '), linux, memory)).toBe(true)
})

test('a host in memory replies to random packets like the kernel', () => {
  const found = [...differences(1, 200)].map(({ nth, difference }) => `seed 1, case ${nth}:\n${report(difference)}`)
  expect(found.join('\n')).toBe('')
})
