/**
 * Which threads share the program's descriptors: the kernel counts every access to a shared one.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { freshNamespaces } from '#support/fresh-namespaces.ts'
import { openFiles } from '#support/open-files.ts'
import { spawnVnet } from '#support/vnet-process.ts'

const { own, files } = freshNamespaces()

/** The number of TAPs that the main thread has open, then each of the others. */
function taps(pid: number): { main: number; others: number[] } {
  const of = (task: string) =>
    openFiles(`/proc/${pid}/task/${task}/fd`).filter(file => file === '/dev/net/tun').length
  const others = readdirSync(`/proc/${pid}/task`).filter(task => task !== String(pid))
  return { main: of(String(pid)), others: others.map(of) }
}

test('only the main thread has the TAPs of a built-in driver', async () => {
  const vnet = await spawnVnet(['snull', '--netns', own.add().name])
  const { main, others } = taps(vnet.pid)
  expect(main).toBe(2)
  expect(others.length).toBeGreaterThan(0)
  expect(new Set(others)).toEqual(new Set([0]))
})

test('with a driver file all threads share descriptors', async () => {
  const file = files.driver({
    init: `
      const fd = fs.openSync('${files.write('written before', 'note.txt')}', 'r')
      fs.read(fd, Buffer.alloc(64), 0, 64, 0, (_, length, text) => console.error(text.toString('utf8', 0, length)))`,
  })
  writeFileSync(file, `import fs from 'node:fs'\n${readFileSync(file, 'utf8')}`)
  const vnet = await spawnVnet([file, '--netns', own.add().name])
  const { main, others } = taps(vnet.pid)
  expect(main).toBe(1)
  expect(new Set(others)).toEqual(new Set([1]))
  await vnet.line(/^written before$/)
})
