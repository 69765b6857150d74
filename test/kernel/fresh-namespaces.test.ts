/** The fixture of kernel tests: what a test has made is removed before the next test. */
import { existsSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { endedAfterEach } from '#support/ends.ts'
import { freshQuietNamespaces } from '#support/fresh-namespaces.ts'

const { near, far, directory, files } = freshQuietNamespaces('near', 'far')
const ends = endedAfterEach<Disposable>()
/** The paths that tests made. */
const before: string[] = []
const ended: string[] = []

function use(): void {
  const paths = [
    `/run/netns/${near.name}`,
    `/run/netns/${far.name}`,
    files.write(''),
    join(directory, 'file'),
  ]
  writeFileSync(join(directory, 'file'), '')
  expect(paths.filter(existsSync)).toEqual(paths)
  before.push(...paths.slice(0, 3))
  // They end while the directory and the namespace exist.
  for (const name of ['first', 'second']) {
    ends.push({
      [Symbol.dispose]: () =>
        void (existsSync(directory) && existsSync(paths[0]!) && ended.push(name)),
    })
  }
}

test.fails('a test that fails leaves nothing', () => {
  use()
  throw new Error('failed')
})

test.each(['first', 'second'])(
  'the %s test after it has namespaces, a directory and drivers of its own',
  () => {
    expect(before.filter(existsSync)).toEqual([])
    expect(ended.splice(0)).toEqual(['second', 'first'])
    expect([readdirSync(directory), statSync(directory).mode & 0o777]).toEqual([[], 0o700])
    use()
    expect(new Set(before).size).toBe(before.length)
    expect(near.exec('cat /proc/sys/net/ipv6/conf/all/disable_ipv6').trim()).toBe('1')
  },
)
