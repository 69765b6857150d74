/** The generated tables of pages are what scripts/generate-tables.mjs makes from the sources. */
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { expect, test } from 'vitest'
import { blocksOf, withBlock, withoutBlock } from '../../scripts/blocks.mjs'
import { generatedPage, PAGES } from '../../scripts/generate-tables.mjs'

const load = (module: string) => import(/* @vite-ignore */ resolve(module))

test.each(Object.keys(PAGES))(
  '%s follows from its sources: else run npm run generate',
  async path => {
    const page = readFileSync(path, 'utf8')
    expect(blocksOf(page).sort()).toEqual(Object.keys(PAGES[path as keyof typeof PAGES]).sort())
    expect(await generatedPage(path, load)).toBe(page)
  },
)

test('a block is replaced between its marks, and nothing else of the page', () => {
  const page = 'A $& text.\n\n<!-- one -->\n\nold\n\n<!-- /one -->\n\nThe end.\n'
  expect(withBlock(page, 'one', '$& | new\n')).toBe(page.replace('old', () => '$& | new'))
  expect(withoutBlock(page, 'one')).toBe('A $& text.\n\n\n\nThe end.\n')
  expect(blocksOf(page)).toEqual(['one'])
})

test.each(['no marks', '<!-- one -->', '<!-- one --> <!-- one --> <!-- /one -->'])(
  'a page with the wrong marks is refused: %s',
  page => {
    expect(() => withBlock(page, 'one', 'new', 'page.md')).toThrow(
      'page.md: it must have the marks <!-- one --> and <!-- /one -->, once',
    )
  },
)
