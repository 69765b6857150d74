/** docs/attach.md: its commands and its program run as they are written. */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { makeVeth } from '#support/attach.ts'
import { freshQuietNamespaces } from '#support/fresh-namespaces.ts'
import { runCommand } from '#support/vnet-commands.ts'
import { spawnVnet } from '#support/vnet-process.ts'

const page = readFileSync(new URL('../../../docs/attach.md', import.meta.url), 'utf8')
const { near, far, files } = freshQuietNamespaces('near', 'far')

test('the commands of docs/attach.md succeed, one after the other', async () => {
  makeVeth(near, far)
  near.ip('link set inner name eth0')
  const commands = [...page.matchAll(/^\$ sudo vnet (.*?)(?: {2,}#.*)?$/gm)].map(
    ([, words]) => words as string,
  )
  const words = (text: string) =>
    [...text.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain!)
  const within = ['ip', 'netns', 'exec', near.name]
  const starts = commands.flatMap((command, i) => (command.startsWith('attach ') ? i : []))
  expect([starts, commands.length]).toEqual([[0, 6], 11])
  for (const [n, start] of starts.entries()) {
    const [first = '', ...rest] = commands.slice(start, starts[n + 1])
    const vnet = await spawnVnet(words(first), { within })
    for (const command of rest) {
      const { status, stderr } = await runCommand(near, words(command))
      expect([status, stderr], command).toEqual([0, ''])
    }
    expect(vnet.stderr).toContain(
      ['wire in (ab): delay 80ms', "only frames of 'udp port 53' pass the wire"][n],
    )
    expect((await vnet.stop()).status).toBe(0)
  }
})

test('the program of docs/attach.md runs', async () => {
  makeVeth(near, far)
  near.ip('link set inner name eth0')
  const [, program = ''] = /```js\n(.*?)```/s.exec(page) ?? []
  const runnable = program
    .replace("'vnet/wire'", JSON.stringify(new URL('../../../dist/wire.js', import.meta.url).href))
    .replace('await using link', 'const link')
    .replace("'blue'", JSON.stringify(near.name))
  const { status, stderr } = await near.run(
    `${process.execPath} ${files.write(`${runnable}await link.close()\n`, 'attach-page.mjs')}`,
  )
  expect([status, stderr]).toEqual([0, ''])
})
