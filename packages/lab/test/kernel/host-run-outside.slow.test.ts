/** What code of hosts sends never leaves by an interface of the machine. */
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { captureLines } from '#support/capture.ts'
import { freshQuietNamespaces } from '#support/fresh-namespaces.ts'

const { machine } = freshQuietNamespaces('machine')

const PROGRAM = fileURLToPath(new URL('../support/run-outside.mjs', import.meta.url))

test.each(['memory', 'kernel'])(
  'a packet socket of the machine sees nothing of hosts in the world %s',
  async world => {
    machine.ip('link add out type veth peer name far')
    machine.ip('addr add 198.18.99.1/24 dev out')
    for (const name of ['out', 'far']) {
      machine.ip(`link set ${name} up`)
    }
    machine.ip('route add default via 198.18.99.2')
    const seen = await captureLines(machine, 'any', 'arp or udp or tcp')
    const child = machine.spawn([process.execPath, PROGRAM, world])
    const output = await Promise.race([
      once(child.stdout.setEncoding('utf8'), 'data'),
      once(child, 'close'),
    ])
    expect(JSON.parse(String(output))).toEqual(['ENETDOWN', 'ENETDOWN', 'ENOTFOUND'])
    expect(seen.got).toEqual([])
    // It sees what other code sends.
    child.stdin.end('now')
    await seen.until(line => line.includes('198.18.99.2'))
    child.kill()
    await seen.stop()
  },
)
