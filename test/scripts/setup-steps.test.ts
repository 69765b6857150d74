/** What set-up has made in this tree. A step is due if one of its outputs is missing. */
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { filesUnder } from '../../scripts/setup/stamp.mjs'
import { steps } from '../../scripts/setup/steps.mjs'

/** A set-up for tests leaves out the program that only guests need. */
const wanted = steps.filter(step => !('late' in step && step.late === 'guest'))
const outputs = wanted.flatMap(step => step.outputs())
/** The `dist` of each project, with its files. */
const compiled = [
  ...new Set(outputs.flatMap(file => /^(.*\/)?dist(?=\/)/.exec(file)?.[0] ?? [])),
].map(folder => ({ folder, files: filesUnder(folder) as string[] }))

test('set-up makes all files without which it would run again', () => {
  expect(outputs.filter(file => !existsSync(file))).toEqual([])
})

test('each source map leads to sources that exist', () => {
  const maps = compiled.flatMap(({ files }) => files.filter(file => file.endsWith('.map')))
  const wrong = maps.filter(file => {
    const { sources }: { sources: string[] } = JSON.parse(readFileSync(file, 'utf8'))
    return !sources.every(source => existsSync(join(dirname(file), source)))
  })
  expect([maps.length > 800, wrong]).toEqual([true, []])
})

test('a declaration names no file outside of its package', () => {
  const outside = compiled.flatMap(({ folder, files }) =>
    files
      .filter(file => file.endsWith('.d.ts'))
      .filter(file =>
        Array.from(readFileSync(file, 'utf8').matchAll(/(?:from |import\()['"](\.[^'"]*)['"]/g))
          .map(([, specifier = '']) => join(dirname(file), specifier))
          .some(path => !path.startsWith(`${folder}/`)),
      ),
  )
  expect([compiled.length, outside]).toEqual([9, []])
})
