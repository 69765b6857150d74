/**
 * vnet uses netlink for links, addresses and flags. It starts no other program, except that of
 * `vnet exec`, and in namespaces of its own itself or the command of `vnet rootless`.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'

test('only vnet exec and the start in namespaces can start a program', () => {
  const root = new URL('../../src/', import.meta.url).pathname
  const sources = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter(path => path.endsWith('.ts'))
  expect(sources.length).toBeGreaterThan(50)
  const starting = /child_process|node:cluster|\bexecve?p?\b\(|\bposix_spawn|'system'|'popen'/
  expect(sources.filter(path => starting.test(readFileSync(join(root, path), 'utf8'))).sort()).toEqual([
    'exec/launch.ts',
    'linux/native.ts',
    'linux/rootless.ts',
  ])
  const used = sources.filter(path => /native\.exec\(/.test(readFileSync(join(root, path), 'utf8')))
  expect(used).toEqual(['linux/rootless.ts'])
})
