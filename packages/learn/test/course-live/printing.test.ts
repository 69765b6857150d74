/** Drivers of exercises that print, in the process that checks them in memory. */
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { expect, test } from 'vitest'
import { withDriverFile } from '#support/course.ts'
import { failureOf, solution } from '#support/course-worker.ts'
import { COURSE } from '../../src/folder.ts'

const WORKER = join(COURSE, '../dist/commands/check-worker.js')
const LINE = "'loaded', i, 'some text of a debugging line that a student writes ........'"
const manyLines = `${solution}\nfor (let i = 0; i < 3000; i++) console.log(${LINE})\n`

test('a driver that prints 3,000 lines passes', async () => {
  expect(await failureOf(manyLines)).toBeUndefined()
})

test('a driver that prints 3,000 lines is checked also if nothing reads them', async () => {
  const results = await withDriverFile(manyLines, async file => {
    // Its standard error is a pipe that fills up.
    const args = [WORKER, 'memory', '0', join(COURSE, '01-drop'), file]
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'pipe', 'pipe'] })
    const printed = await text(child.stdio[3] as Readable)
    child.stderr?.destroy()
    return printed
  })
  expect(results).toContain('{"end":{"title":"has no ARP","where":"memory","result":"passed"}}')
  expect(results).not.toContain('failed')
})

test.each([
  [
    'as it loads',
    `${solution}\nfor (;;) console.log('x'.repeat(99999))\n`,
    'the driver file loads',
  ],
  [
    'for a frame',
    solution.replace(
      '  skb.drop()\n',
      "  for (let i = 0; i < 110; i++) console.log('x'.repeat(99999))\n$&",
    ),
    'drops every IPv4 frame',
  ],
])('a driver that prints more than 10 MB %s fails for that reason', async (_, text, title) => {
  const seen = 'the driver printed more than 10 MB'
  expect(await failureOf(text)).toMatchObject({
    title,
    seen,
    expected: 'fewer lines, and none for each frame',
  })
})

test('no method of console throws, whatever it is given', async () => {
  const calls = `
for (const method of Object.values(console)) method('text', { [Symbol.for('nodejs.util.inspect.custom')]() { throw 1 } })
for (const name of ['log', 'group', 'groupEnd', 'count', 'countReset', 'time', 'timeLog', 'dirxml', 'clear', 'assert'])
  console[name]()
`
  expect(await failureOf(`${solution}${calls}`)).toBeUndefined()
})
