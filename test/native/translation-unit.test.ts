/** The translation unit of the addon: a file that it does not name is not compiled. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'

const DIRECTORY = join(import.meta.dirname, '../../native/addon')
const UNIT = 'all.cc'

test('all.cc includes each source file of the addon once', () => {
  const sources = readdirSync(DIRECTORY).filter(name => name.endsWith('.cc') && name !== UNIT)
  const included = readFileSync(join(DIRECTORY, UNIT), 'utf8').matchAll(/^#include "(.+)"$/gm)
  expect(Array.from(included, ([, name]) => name).sort()).toEqual(sources.sort())
})
