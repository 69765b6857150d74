/** docs/troubleshooting.md quotes messages that vnet prints. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { sourcesOfPackages } from '#support/packages.ts'

const FOLDERS = ['src', 'native', 'scripts/setup', ...sourcesOfPackages()]
/** Texts of other programs, commands, and reasons that are made of constants. */
const OTHERS =
  /^(vnet: not found|Cannot find module|vnet\/dist|ping|tcpdump|await|late p99|limit|NEIGH|Destination Port|Network is|vnet wire)/

const page = readFileSync('docs/troubleshooting.md', 'utf8')
const quoted = page
  .split('\n')
  .filter(line => line.startsWith('| ') && !/^\| (message|symptom)/.test(line))
  .flatMap(line =>
    [...(line.split(' | ')[0] ?? '').matchAll(/`([^`]+)`/g)].map(([, text = '']) => text),
  )
  .filter(text => !OTHERS.test(text))

/** The texts of the sources, without what joins the parts of a string over lines. */
const sources = FOLDERS.flatMap(folder =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter(name => /\.(ts|cc|h|mjs)$/.test(name))
    .map(name => readFileSync(join(folder, name), 'utf8').replace(/['"`]\s*\+?\n\s*['"`]/g, '')),
)

test('every message that docs/troubleshooting.md quotes is one of vnet', () => {
  expect(quoted.length).toBeGreaterThan(25)
  const unknown = quoted.filter(text => !sources.some(source => source.includes(text)))
  expect(unknown).toEqual([])
})
