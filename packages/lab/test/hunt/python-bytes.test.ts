/** Bytes as expressions of Python. */
import { createHash } from 'node:crypto'
import { inflateSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { pythonBytes } from '../../src/hunt/python-bytes.ts'

const of = (text: string) => pythonBytes(Buffer.from(text, 'latin1'))

test.each([
  ['', "b''"],
  ["it's\t\\", String.raw`b'it\'s\t\\'`],
  ['\0\x7f\xff', String.raw`b'\x00\x7f\xff'`],
  ['PING\r\nPONG', String.raw`b'PING\r\n' +${'\n'}b'PONG'`],
])('short bytes %j are literals, a line each', (text, expression) => {
  expect(of(text)).toEqual({ expression, imports: [] })
})

test('a repeated text is a product, and what surrounds it remains', () => {
  const { expression } = of(`HTTP/1.1 200 OK\r\n\r\n${'0123456789'.repeat(1950)}.\n`)
  expect(expression.split(' +\n')).toEqual([
    String.raw`b'HTTP/1.1 200 OK\r\n'`,
    String.raw`b'\r\n'`,
    "b'0123456789' * 1950",
    String.raw`b'.\n'`,
  ])
})

test('numbered lines are a loop, also if chunks cut one of them', () => {
  const lines = (from: number, to: number) =>
    Array.from({ length: to - from }, (_, i) => `100% line ${String(from + i).padStart(5, '0')}\n`)
  const body = lines(1, 400).join('')
  const { expression } = of(`${body.slice(0, 1005)}\r\n1f4\r\n${body.slice(1005)}`)
  expect(expression).toContain(String.raw`b''.join(b'100%% line %05d\n' % i for i in range(1, 63))`)
  expect(expression).toContain(String.raw`b'1f4\r\n'`)
  expect(expression).toContain('% i for i in range(64, 400))')
  expect(expression.length).toBeLessThan(300)
})

test('numbers without a width grow', () => {
  const text = Array.from({ length: 120 }, (_, i) => `${i + 5} bottles\n`).join('')
  expect(of(text).expression).toBe(String.raw`b''.join(b'%d bottles\n' % i for i in range(5, 125))`)
})

test('a long text without a pattern is base64 in lines, after its readable header', () => {
  const body = Array.from({ length: 300 }, (_, i) => ((i * 7919) ** 3).toString(16)).join('\n')
  const { expression, imports } = of(`HTTP/1.1 200 OK\r\nA: b\r\n\r\n${body}`)
  const [first, second, third, packed = ''] = expression.split(' +\n')
  expect([first, second, third]).toEqual([
    String.raw`b'HTTP/1.1 200 OK\r\n'`,
    String.raw`b'A: b\r\n'`,
    String.raw`b'\r\n'`,
  ])
  const [, base64 = ''] =
    /^zlib\.decompress\(base64\.b64decode\('''\n([^']*)'''\)\)$/.exec(packed) ?? []
  expect(inflateSync(Buffer.from(base64, 'base64')).toString('latin1')).toBe(body)
  expect(Math.max(...base64.split('\n').map(line => line.length))).toBe(76)
  expect(imports).toEqual(['base64', 'zlib'])
})

test('bytes that do not compress are base64 alone', () => {
  const bytes = Buffer.concat(
    Array.from({ length: 16 }, (_, i) => createHash('sha512').update(`${i}`).digest()),
  )
  const { expression, imports } = pythonBytes(bytes)
  const [, base64 = ''] = /^base64\.b64decode\('''\n([^']*)'''\)$/.exec(expression) ?? []
  expect(Buffer.from(base64, 'base64')).toEqual(bytes)
  expect(imports).toEqual(['base64'])
})

test('a long line is more than one literal, and further lines have the indent', () => {
  const { expression } = pythonBytes(
    Buffer.from(`${'abcdefghijklmnop qrstuvw'.repeat(2)}${'.\t'.repeat(20)}`),
    '  ',
  )
  expect(expression.split('\n').every(line => line.length <= 100)).toBe(true)
  expect(
    expression
      .split('\n')
      .slice(1)
      .every(line => line.startsWith("  b'")),
  ).toBe(true)
})
