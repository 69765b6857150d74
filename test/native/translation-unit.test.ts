/** The translation units of native/: a file that none of them names is not compiled. */
import { readdirSync, readFileSync } from 'node:fs'
import { join, normalize } from 'node:path'
import { expect, test } from 'vitest'

const DIRECTORY = join(import.meta.dirname, '../../native')
const UNIT = 'all.cc'

const sources = readdirSync(DIRECTORY, { recursive: true, encoding: 'utf8' }).filter(name =>
  name.endsWith('.cc'),
)
const units = sources.filter(name => name.endsWith(UNIT))

/** Returns the files that a translation unit includes. */
function includesOf(unit: string): string[] {
  const text = readFileSync(join(DIRECTORY, unit), 'utf8')
  const names = text.matchAll(/^#include "(.+)"$/gm)
  return Array.from(names, ([, name]) => normalize(join(unit, '..', name as string)))
}

test.each(units)('%s includes each source file of its folder once', unit => {
  const folder = unit.slice(0, -UNIT.length)
  const own = sources.filter(name => name.startsWith(folder) && name !== unit)
  const included = includesOf(unit).filter(name => name.startsWith(folder))
  expect(included.sort()).toEqual(own.sort())
})

test('each source file is built, by itself or as a part of a unit', () => {
  const named = readFileSync(join(DIRECTORY, 'binding.gyp'), 'utf8').matchAll(/'([\w/-]+\.cc)'/g)
  const built = Array.from(named, ([, name]) => name as string)
  const parts = new Set(units.flatMap(includesOf))
  expect([...built, ...parts].sort()).toEqual(sources.sort())
})
