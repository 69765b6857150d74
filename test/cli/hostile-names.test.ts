import { expect, test } from 'vitest'
import { align, alignLeft } from '#src/cli/align.ts'
import { isNamed, label } from '#src/cli/device-text.ts'
import { runMain } from '#support/run-main.ts'

const TITLE = '\x1b]0;hi\x07\x1b[2J'
const SHOWN = '\\x1b]0;hi\\x07\\x1b[2J'

test('a name is shown escaped, and is accepted raw or as shown', () => {
  for (const netns of [undefined, 'red']) {
    const device = { name: TITLE, netns }
    expect(label(device)).toBe(netns === undefined ? SHOWN : `red/${SHOWN}`)
    for (const text of [TITLE, SHOWN, label(device)]) {
      expect(isNamed(device, text)).toBe(true)
    }
    expect(isNamed(device, 'hi')).toBe(false)
  }
})

test('a cell of a table cannot break out of its line, and counts as wide as it is shown', () => {
  expect(
    alignLeft([
      ['\x1b', 'a'],
      ['one\ntwo', 'b'],
    ]),
  ).toEqual(['\\x1b        a', 'one\\x0atwo  b'])
  expect(
    align([
      ['\x9b', '1'],
      ['ab', '10'],
    ]),
  ).toEqual(['\\u009b   1', 'ab      10'])
})

test('an error escapes the arguments that it quotes', async () => {
  const { status, stderr } = await runMain('show', `no\n${TITLE}/`)
  expect([status, stderr]).toEqual([
    2,
    `vnet: 'no\\x0a${SHOWN}/' is not [NETNS/]IF: a part is missing\n`,
  ])
})
