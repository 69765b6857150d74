/** Which threads of the program have its descriptors: what is shared is counted with every read and write. */
import { readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { DriverFiles } from '../support/driver-files.ts'
import { OwnNetns } from '../support/netns.ts'
import { spawnVnet } from '../support/vnet-process.ts'

let own: OwnNetns
let files: DriverFiles

beforeEach(() => {
  own = new OwnNetns()
  files = new DriverFiles()
})
afterEach(() => {
  files.remove()
  own.remove()
})

/** Of the main thread, then of all others: how many TAPs each has open. */
function taps(pid: number): { main: number; others: number[] } {
  const of = (task: string) => {
    const directory = `/proc/${pid}/task/${task}/fd`
    return readdirSync(directory).filter(fd => readlinkSync(`${directory}/${fd}`) === '/dev/net/tun').length
  }
  const others = readdirSync(`/proc/${pid}/task`).filter(task => task !== String(pid))
  return { main: of(String(pid)), others: others.map(of) }
}

test('the main thread alone has the TAPs of a driver of the program', async () => {
  const vnet = await spawnVnet(['snull', '--netns', own.add().name])
  const { main, others } = taps(vnet.pid)
  expect(main).toBe(2)
  expect(others.length).toBeGreaterThan(0)
  expect(new Set(others)).toEqual(new Set([0]))
})

test('with a driver file all threads have them: its code may pass a descriptor to Node’s own', async () => {
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
