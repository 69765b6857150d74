/**
 * Names of today's kernel in docs/ldd.md, its second half and the records of the kernel map exist
 * in its headers, of the newest kernel whose headers the machine has.
 */
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
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

test.each([
  ['docs/ldd.md docs/ldd-continued.md', (row: string) => row.split('|')[2] ?? ''],
  [MAP, (row: string) => row.split('|')[1]?.split('; today ')[1] ?? ''],
])('every name of the kernel of today in %s is in its headers', (path, today) => {
  const headers = kernelHeaders()
  if (headers === undefined) {
    expect.fail(`the kernel's headers are missing: sudo apt-get install ${HEADERS_PACKAGE}`)
  }
  const wanted = [...new Set(rows(path).flatMap(row => identifiers(today(row))))].filter(
    name => !GONE.includes(name),
  )
  expect(wanted.length).toBeGreaterThan(20)
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
