import { describe, expect, test } from 'vitest'
import { LOGLEVEL_INFO, Log } from '../../src/core/log.ts'
import { printable, printableLines } from '../../src/core/printable.ts'

const TITLE = '\x1b]0;hi\x07\x1b[2J'

describe('printable', () => {
  test('escapes what a terminal obeys: C0, DEL and C1', () => {
    expect(printable(TITLE)).toBe('\\x1b]0;hi\\x07\\x1b[2J')
    expect(printable('a\tb\r\nc\0')).toBe('a\\x09b\\x0d\\x0ac\\x00')
    expect(printable('\x7f\x80\x9b2J\x9f\xa0')).toBe('\\u007f\\u0080\\u009b2J\\u009f\xa0')
  })

  test('escapes what changes the order or the end of a line', () => {
    expect(printable('a\u202eb\u2066c\u200fd\u061ce\u2028f\u2029')).toBe(
      'a\\u202eb\\u2066c\\u200fd\\u061ce\\u2028f\\u2029',
    )
  })

  test('shows a byte of a name that is not UTF-8 as that byte, and any other half of a pair by its number', () => {
    expect(printable('ef\udcff\udc9b \ud83d')).toBe('ef\\xff\\x9b \\ud83d')
  })

  test('leaves all other text as it is', () => {
    for (const text of ['', 'vnet0: up', 'größe→0 日本 🙂 \\x1b "quoted" 100%']) expect(printable(text)).toBe(text)
  })
})

describe('printableLines', () => {
  test('leaves the ends of lines', () => {
    expect(printableLines(`one\n${TITLE}\ntwo\n`)).toBe('one\n\\x1b]0;hi\\x07\\x1b[2J\ntwo\n')
  })

  test('leaves JSON the JSON that it is', () => {
    for (let code = 0; code < 0x3000; code++) {
      const value = { name: `a${String.fromCharCode(code)}b`, more: '\udcff\n' }
      const shown = printableLines(`${JSON.stringify(value)}\n`)
      expect(JSON.parse(shown)).toEqual(value)
      expect(shown.trimEnd()).toBe(printable(shown.trimEnd()))
    }
  })
})

test('a log line is one line, with its prefix and text escaped', () => {
  const lines: string[] = []
  const log = new Log(LOGLEVEL_INFO, (_, text) => lines.push(text)).named('eth\x1b0')
  log.info(`renamed from ${TITLE}`)
  log.info('host a\r\nvnet: forged\x85line')
  expect(lines).toEqual([
    'eth\\x1b0: renamed from \\x1b]0;hi\\x07\\x1b[2J',
    'eth\\x1b0: host a | vnet: forged\\u0085line',
  ])
})
