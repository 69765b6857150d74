/**
 * Links, addresses and flags go by netlink: the program starts no other one, but that of `vnet
 * exec`, and itself where it enters namespaces without root.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'

test('no source but those of vnet exec and of a start without root can start a program', () => {
  const root = new URL('../../src/', import.meta.url).pathname
  const sources = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter(path => path.endsWith('.ts'))
  expect(sources.length).toBeGreaterThan(50)
  const starting = /child_process|node:cluster|\bexecve?p?\b\(|\bposix_spawn|'system'|'popen'/
  expect(sources.filter(path => starting.test(readFileSync(join(root, path), 'utf8'))).sort()).toEqual([
    'control/exec/launch.ts',
    'kernel/native.ts',
  ])
  const used = sources.filter(path => /native\.exec\(/.test(readFileSync(join(root, path), 'utf8')))
  expect(used).toEqual(['cli/rootless.ts'])
})
