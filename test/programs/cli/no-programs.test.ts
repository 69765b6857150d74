/**
 * vnet uses netlink for links, addresses and flags. It starts no other program, except for the
 * command of `vnet exec`, and in namespaces of its own itself or the command of `vnet rootless`.
 * Installing extcap asks tshark for its folders, and a test that has a lab starts its own programs
 * there; `explore` runs a scenario in another process. The processes of --web and --metrics are
 * vnet's own.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'

test('only exec, the start in namespaces, --web and --metrics, extcap’s installation, record, labs, explorations and the course start a program', () => {
  const root = new URL('../../../src/', import.meta.url).pathname
  const sources = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter(path => path.endsWith('.ts'))
  expect(sources.length).toBeGreaterThan(50)
  const starting = /child_process|node:cluster|\bexecve?p?\b\(|\bposix_spawn|'system'|'popen'/
  expect(sources.filter(path => starting.test(readFileSync(join(root, path), 'utf8'))).sort()).toEqual([
    'cli/commands/record.ts',
    'cli/extcap-install.ts',
    'course/commands/check-kernel.ts',
    'course/kernel/build.ts',
    'course/kernel/guest.ts',
    'course/kernel/oops.ts',
    'course/kernel/packages.ts',
    'course/live.ts',
    'course/worker.ts',
    'exec/launch.ts',
    'linux/native.ts',
    'linux/rootless.ts',
    'testing/explore/runners.ts',
    'testing/lab/namespace.ts',
    'testing/lab/programs.ts',
    'web/commands/web-process.ts',
  ])
  const used = sources.filter(path => /native\.exec\(/.test(readFileSync(join(root, path), 'utf8')))
  expect(used).toEqual(['linux/rootless.ts'])
})
