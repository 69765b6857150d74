/** The questions that the search of the site is asked. */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { onSite } from '../../docs/.vitepress/pages.mjs'
import { QUESTIONS } from '../../docs/.vitepress/questions.mjs'
import { searchOptions } from '../../docs/.vitepress/search.mjs'
import { filesIn } from '../../scripts/project-files.mjs'
import { counted, ranks } from '../../scripts/questions.mjs'

const files = filesIn('.').filter(file => file.endsWith('.md'))
const pages = new Map(
  files.flatMap(file => {
    const page = onSite(file)
    return page === undefined ? [] : [[page.replace(/\.md$/, ''), file] as const]
  }),
)

test('each question is asked once, and its pages exist', () => {
  expect(new Set(QUESTIONS.map(({ question }) => question)).size).toBe(30)
  const named = new Set(QUESTIONS.flatMap(({ pages }) => pages))
  expect([...named].filter(page => !pages.has(page))).toEqual([])
})

test('no heading is one of the questions', () => {
  const plain = (text: string) =>
    text
      .toLowerCase()
      .replace(/[^a-z0-9]+/g, ' ')
      .trim()
  const asked = QUESTIONS.map(({ question }) => plain(question))
  const headings = [...pages.values()].flatMap(file =>
    [...readFileSync(file, 'utf8').matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) => heading),
  )
  expect(headings.length).toBeGreaterThan(500)
  expect(headings.filter(heading => asked.includes(plain(heading)))).toEqual([])
})

test('a question is about words that few pages have', () => {
  const { processTerm } = searchOptions
  expect('Is it Safe in production'.split(' ').map(processTerm)).toEqual([
    null,
    null,
    'safe',
    null,
    'production',
  ])
})

test('a rank is the place of the first section of a right page', () => {
  const [{ question = '', pages = [] } = {}, other] = QUESTIONS
  const found = ['learn/01-drop.html#a', `x-${pages[0]}.html`, `${pages.at(-1)}.html#b`]
  const index = {
    search: (asked: string) =>
      asked === question ? found.map(page => ({ id: `/some/site/${page}` })) : [],
  }
  const [first, second, ...others] = ranks(index)
  expect(first).toMatchObject({ question, rank: 3 })
  expect(second).toMatchObject({ question: other?.question, rank: Number.POSITIVE_INFINITY })
  expect(others).toHaveLength(28)
  expect(counted(ranks(index))).toEqual({ first: 0, amongThree: 1 })
})
