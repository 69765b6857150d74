/** docs/internals.md and the comments of the code number the path of a frame alike. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { sourcesOfPackages } from '#support/packages.ts'

const root = join(import.meta.dirname, '../..')
const read = (file: string) => readFileSync(join(root, file), 'utf8')

/** The steps that a file's comments mark, as `1 native/addon/batch.cc`. */
function marked(): string[] {
  const files = ['src', 'native', ...sourcesOfPackages()].flatMap(folder =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).map(file =>
      join(folder, file),
    ),
  )
  return files
    .filter(file => /\.(ts|cc|h)$/.test(file))
    .flatMap(file =>
      [...read(file).matchAll(/^ *(?:.*\/\/|\/\*\*|\*) \((\w+)\) [A-Z]?\w/gm)].map(([, n]) => [
        n,
        file,
      ]),
    )
    .filter(([n]) => /^[0-9]\w*$/.test(n as string))
    .map(step => step.join(' '))
}

/** The steps of the table, with each file that it names. */
function documented(): string[] {
  const [, section = ''] = read('docs/internals.md').split('## The path of a frame\n')
  const rows = section.split('\n## ')[0]?.matchAll(/^\| (\w+) \| .* \| (`.*`) \|$/gm) ?? []
  return [...rows].flatMap(([, n, files = '']) =>
    [...files.matchAll(/`([^`]+)`/g)].map(([, file]) => `${n} ${file}`),
  )
}

test('each step of the path of a frame is marked in the files that the docs name, and in no others', () => {
  const steps = documented()
  expect([...new Set(steps.map(step => step[0]))]).toEqual(['1', '2', '3', '4', '5'])
  expect([...new Set(marked())].sort()).toEqual([...steps].sort())
})
