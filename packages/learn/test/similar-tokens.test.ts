import { expect, test } from 'vitest'
import { tokensOf } from '../src/commands/similar/tokens.ts'

const textsOf = (source: string) => tokensOf(source).map(({ text }) => text)

test('comments, spaces and semicolons are not tokens', () => {
  const plain = "skb . drop ( ) if ( a ) return 'b'"
  expect(textsOf("skb.drop() // frees\n/* and\n so on */ if (a) return 'b';").join(' ')).toBe(plain)
})

test('each token has the line on which it starts', () => {
  const lines = tokensOf('a\n\n/* one\ntwo */ b `three\nfour` c').map(({ line }) => line)
  expect(lines).toEqual([1, 4, 4, 5])
})

test('names are marked, and keywords are not', () => {
  const names = tokensOf('const größe = this.#size ?? null').filter(({ isName }) => isName)
  expect(names.map(({ text }) => text)).toEqual(['größe', '#size'])
})

test('a string or a template has what looks like a comment or a brace', () => {
  expect(textsOf("'// no' + \"/* no */\" + 'it\\'s'")).toEqual([
    "'// no'",
    '+',
    '"/* no */"',
    '+',
    "'it\\'s'",
  ])
  const template = ['`a $', '{b({ c: `}` })} \\` // no`'].join('')
  expect(textsOf(`f(${template})`)).toEqual(['f', '(', template, ')'])
})

test('a slash after a value divides, and elsewhere it starts a regular expression', () => {
  expect(textsOf('a / b / c')).toEqual(['a', '/', 'b', '/', 'c'])
  expect(textsOf('(a) / 2')).toEqual(['(', 'a', ')', '/', '2'])
  expect(textsOf('x = /[/"]\\//g.test(a)')).toEqual([
    'x',
    '=',
    '/[/"]\\//g',
    '.',
    'test',
    '(',
    'a',
    ')',
  ])
})

test('imports are left out, and a function of that name is not one', () => {
  expect(textsOf("import { a, b } from 'vnet'\nimport './c.js'\nlet d")).toEqual(['let', 'd'])
  expect(textsOf("await import('./c.js')")).toEqual(['await', 'import', '(', "'./c.js'", ')'])
})

test('a text that is not JavaScript has tokens, too', () => {
  for (const text of ['"open', ['`open $', '{'].join(''), '/* open', 'a \\ b', "'open\nc"]) {
    expect(tokensOf(text).length).toBeLessThan(5)
  }
  expect(textsOf('§ a')).toEqual(['§', 'a'])
})
