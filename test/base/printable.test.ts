import { describe, expect, test } from 'vitest'
import { LOGLEVEL_INFO, Log } from '#src/base/log.ts'
import { printable, printableLines } from '#src/base/printable.ts'

const TITLE = '\x1b]0;hi\x07\x1b[2J'

describe('printable', () => {
  test('printable escapes the control characters C0, DEL and C1', () => {
    expect(printable(TITLE)).toBe('\\x1b]0;hi\\x07\\x1b[2J')
    expect(printable('a\tb\r\nc\0')).toBe('a\\x09b\\x0d\\x0ac\\x00')
    expect(printable('\x7f\x80\x9b2J\x9f\xa0')).toBe('\\u007f\\u0080\\u009b2J\\u009f\xa0')
  })

  test('printable escapes what changes the order or the end of a line', () => {
    expect(printable('a\u202eb\u2066c\u200fd\u061ce\u2028f\u2029')).toBe(
      'a\\u202eb\\u2066c\\u200fd\\u061ce\\u2028f\\u2029',
    )
  })

  test('printable shows a byte that is not UTF-8 as that byte, and any other lone surrogate by its number', () => {
    expect(printable('ef\udcff\udc9b \ud83d')).toBe('ef\\xff\\x9b \\ud83d')
  })

  test('printable keeps all other text', () => {
    for (const text of ['', 'vnet0: up', 'größe→0 日本 🙂 \\x1b "quoted" 100%']) {
      expect(printable(text)).toBe(text)
    }
  })
})

describe('printableLines', () => {
  test('printableLines keeps the ends of lines', () => {
    expect(printableLines(`one\n${TITLE}\ntwo\n`)).toBe('one\n\\x1b]0;hi\\x07\\x1b[2J\ntwo\n')
  })

  test('printableLines keeps JSON equal', () => {
    const isKept = (code: number): boolean => {
      const text = JSON.stringify({ name: `a${String.fromCharCode(code)}b`, more: '\udcff\n' })
      const shown = printableLines(`${text}\n`)
      return (
        JSON.stringify(JSON.parse(shown)) === text && printable(shown.trimEnd()) === shown.trimEnd()
      )
    }
    const codes = Array.from({ length: 0x3000 }, (_, code) => code)
    expect(codes.filter(code => !isKept(code))).toEqual([])
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
