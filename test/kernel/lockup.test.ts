/** JavaScript of a driver file that does not return, as its author meets it. */
import { readFileSync } from 'node:fs'
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

test('a lockup is logged once with its function and line, and a second Ctrl-C ends vnet and its interface', async () => {
  const netns = own.addQuiet()
  const file = files.driver({
    ops: `
      ndoStartXmit(skb) {
        skb.drop()
        spin()
      },
      ndoSetRxMode(dev) {
        if (dev.flags & IFF_ALLMULTI) setTimeout(function block() {
          Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 4000)
        })
      }`,
    setup: 'function spin() { for (;;); }',
  })
  // Where it is called from has a name of its own.
  const line = (text: string) =>
    readFileSync(file, 'utf8').slice(0, readFileSync(file, 'utf8').indexOf(text)).split('\n').length
  const vnet = await spawnVnet([file, '--address', '198.18.0.1/24', '--netns', netns.name])

  netns.ip('link set mine0 allmulticast on')
  await vnet.line(/^vnet: block .* returned after \d\.\d s$/)
  const blocked = `block (${file}:${line('Atomics.wait')}:`
  expect(vnet.stderr).toContain(`\nvnet: ${blocked}`)

  void netns.run('ping -c 1 -W 1 198.18.0.2')
  const locked = await vnet.line(/^vnet: spin /)
  expect(locked).toMatch(/ has not returned for 2 s; called by ndoStartXmit \(/)
  expect(locked).toContain(`spin (${file}:${line('for (;;)')}:`)
  expect(locked).toContain(`ndoStartXmit (${file}:${line('spin()')}:`)
  // Two of a kind may arrive as one, and which of two kinds is handled first is up to the kernel.
  process.kill(vnet.pid, 'SIGTERM')
  const { status, stderr } = await vnet.stop('SIGINT')
  expect([130, 143]).toContain(status)
  expect(stderr.match(/has not returned/g)).toHaveLength(2)
  expect(netns.ip('-br link')).not.toContain('mine0')
})
