/**
 * Names of today's kernel in docs/ldd.md, its second half, the records of the kernel map and the
 * tables of docs/kernel-map.md exist in its headers, of the newest kernel whose headers the machine
 * has.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { readPages } from '#support/pages.ts'
import { HEADERS_PACKAGE, kernelHeaders } from '../../../scripts/setup/kernel-headers.mjs'

const rows = (paths: string) =>
  readPages(...paths.split(' '))
    .split('\n')
    .filter(line => line.startsWith('| '))
const identifiers = (text: string) =>
  [...text.matchAll(/`([^`]+)`/g)].flatMap(([, code]) => code!.match(/[A-Za-z_]\w{2,}/g) ?? [])

const MAP = ['device', 'frames', 'control', 'ldd3', 'register']
  .map(name => `docs/records/kernel-map-${name}.md`)
  .join(' ')

/** Those that no header has any more, as the pages say. */
const GONE = ['NETIF_F_NO_CSUM']

/** Returns the names in the column of today's kernel. */
const namesIn = (paths: string, today: (row: string) => string | undefined) =>
  rows(paths).flatMap(row => identifiers(today(row) ?? ''))

const columnOfKernel = (row: string) => row.split('|')[1]

/** Returns the names of the tables of docs/kernel-map.md that have no row in the records. */
function namesOfTopics(): string[] {
  const map: {
    readonly topics: readonly { readonly names: readonly { readonly kernel: string }[] }[]
  } = JSON.parse(readFileSync('docs/records/kernel-map.json', 'utf8'))
  const mapped = new Set(namesIn(MAP, columnOfKernel))
  return map.topics
    .flatMap(({ names }) => names.flatMap(({ kernel }) => identifiers(kernel)))
    .filter(name => !mapped.has(name))
}

test.each([
  ['docs/ldd*.md', namesIn('docs/ldd.md docs/ldd-continued.md', row => row.split('|')[2])],
  ['the records of the map', namesIn(MAP, row => columnOfKernel(row)?.split('; today ')[1])],
  ['docs/kernel-map.md without a row in the records', namesOfTopics()],
])('every name of the kernel of today in %s is in its headers', (_, names) => {
  const headers = kernelHeaders()
  if (headers === undefined) {
    expect.fail(`the kernel's headers are missing: sudo apt-get install ${HEADERS_PACKAGE}`)
  }
  const wanted = [...new Set(names)].filter(name => !GONE.includes(name))
  expect(wanted.length).toBeGreaterThan(10)
  // Debian has what all architectures share in a directory of its own.
  const places = [headers, join(headers, '../source')].flatMap(place =>
    ['linux', 'uapi/linux', 'net'].map(folder => join(place, 'include', folder)),
  )
  const { stdout } = spawnSync(
    'grep',
    ['-rhowE', wanted.join('|'), ...places.filter(place => existsSync(place))],
    {
      encoding: 'utf8',
      maxBuffer: 2 ** 28,
    },
  )
  const found = new Set(stdout.split('\n'))
  expect(wanted.filter(name => !found.has(name))).toEqual([])
})
