/** The links of all pages have targets, and every page that a comment or a message names exists. */
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { filesIn } from '../../../scripts/project-files.mjs'

/** Files that name pages of other projects, or pages that do not exist. */
const OTHERS =
  /^(docs\/records\/sources\.md|examples\/found\/.*|test\/programs\/scripts\/check-(pages|prose)\.test\.ts)$/
const TEXTS = /\.(md|[cm]?[jt]sx?|cc?|h|py|go|ya?ml|json|service)$/

const files = filesIn('.').filter(file => TEXTS.test(file))
const read = (file: string) => readFileSync(file, 'utf8')
const pages = files.filter(file => file.endsWith('.md') && !file.includes('/template/'))

/** The anchors of a page's headings, as GitHub makes them. */
function anchors(page: string): string[] {
  const headings = [...read(page).matchAll(/^#+ (.*)$/gm)].map(([, text = '']) => text)
  return headings.map(text =>
    text
      .toLowerCase()
      .replace(/\]\([^)]*\)|[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(' ', '-'),
  )
}

test('every file and heading that a page links to exists', () => {
  const links = pages.flatMap(page =>
    [...read(page).matchAll(/\]\((?![a-z]+:)([^)#\s]*)#?([^)\s]*)\)/g)].map(
      ([, path = '', anchor = '']) => ({
        page,
        target: path === '' ? page : join(dirname(page), path),
        anchor,
      }),
    ),
  )
  expect(links.length).toBeGreaterThan(400)
  const dead = links.filter(
    ({ target, anchor }) =>
      !existsSync(target) || (anchor !== '' && !anchors(target).includes(anchor)),
  )
  expect(dead).toEqual([])
})

test('every page that a file names by its path in the repository exists', () => {
  const named = files
    .filter(file => !OTHERS.test(file))
    .flatMap(file =>
      [
        ...read(file).matchAll(
          /(?<![\w./-])(?:packages\/\w+\/)?docs\/[\w/.-]+\.(?:md|json|yaml)\b/g,
        ),
      ].map(([path]) => ({
        file,
        path,
      })),
    )
  expect(named.length).toBeGreaterThan(100)
  // The links of pages are relative to them, and the pages of the API are written for the site.
  const dead = named.filter(
    ({ file, path }) =>
      !/^docs\/api\//.test(path) && !existsSync(path) && !existsSync(join(dirname(file), path)),
  )
  expect(dead).toEqual([])
})
