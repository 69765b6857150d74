/** Lines about files of the machine that differ from the last image. */
import { mkdirSync, utimesSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { testDirectory } from '#support/fresh-directory.ts'
import { changeLine, keepFiles } from '../../src/image/changes.ts'

/** Returns a cache with these images, the oldest first. */
function cacheOf(
  ...images: readonly (readonly [request: string, files: Record<string, string>])[]
): string {
  const cache = testDirectory()
  for (const [i, [request, files]] of images.entries()) {
    const entry = join(cache, `image-${9 - i}`)
    mkdirSync(entry)
    keepFiles(entry, request, files)
    utimesSync(entry, i + 1, i + 1)
  }
  mkdirSync(join(cache, 'image-without-files'))
  mkdirSync(join(cache, 'project-1'))
  return cache
}

const FILES = { '/etc/passwd': 'a', '/bin/sh': 'b', '/old': 'c' }

test('a changed, a new and a removed file are named, of the newest image for the same programs', () => {
  const older = { '/etc/passwd': 'z' }
  const cache = cacheOf(['redis', older], ['redis', FILES], ['other', older])
  const now = { '/etc/passwd': 'b', '/bin/sh': 'b', constructor: 'd' }
  expect(changeLine(cache, 'redis', now)).toBe(
    'files of this machine have changed since the last run: /etc/passwd, constructor, /old: the digest may change',
  )
})

test('of many files the first three are named, without control characters', () => {
  const now = Object.fromEntries(['\u001b[2J', '/b', '/c', '/d', '/e'].map(path => [path, 'new']))
  const line = changeLine(cacheOf(['redis', {}]), 'redis', now)
  expect(line).toMatch(/, \/b, \/c and 2 more: the digest may change$/)
  expect(line).not.toContain('\u001b')
})

test('there is no line for other programs, nor for the same files', () => {
  expect(changeLine(cacheOf(['other', {}]), 'redis', FILES)).toBeUndefined()
  expect(changeLine(cacheOf(['redis', FILES]), 'redis', { ...FILES })).toBeUndefined()
})
