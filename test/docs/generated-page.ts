/** Pages with tables that scripts/generate-tables.mjs writes. */
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { expect } from 'vitest'
import { blocksOf } from '../../scripts/blocks.mjs'
import { generatedPage, PAGES } from '../../scripts/generate-tables.mjs'

/** The page of all exports, for which the sources are parsed. */
export const PARSED = 'docs/drivers/exports.md'

const load = (module: string) => import(/* @vite-ignore */ resolve(module))

/** Expects that a page has the blocks of its scripts, with the text that they make. */
export async function expectGenerated(path: string): Promise<void> {
  const page = readFileSync(path, 'utf8')
  expect(blocksOf(page).sort()).toEqual(Object.keys(PAGES[path as keyof typeof PAGES]).sort())
  expect(await generatedPage(path, load)).toBe(page)
}
