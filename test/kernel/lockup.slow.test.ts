/** JavaScript of a driver file that does not return, as its author meets it. */
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { freshNamespaces } from '#support/fresh-namespaces.ts'
import { vnetIn } from '#support/lan-program.ts'
import { LOCKUP_PROGRAM, spawnVnet } from '#support/vnet-process.ts'

const { own, files, directory } = freshNamespaces()

/** Starts a driver that loops, once its interface has IFF_ALLMULTI, until a file `go` exists. */
async function looping() {
  const netns = own.addQuiet()
  const go = files.write('', 'go')
  rmSync(go)
  const file = files.driver({
    ops: 'ndoSetRxMode(dev) { if (dev.flags & IFF_ALLMULTI) spin() }',
    setup: `function spin() { while (!existsSync('${go}')); }`,
    imports: "import { existsSync } from 'node:fs'",
  })
  const args = [file, '--address', '198.18.0.1/24', '--netns', netns.name]
  // A limit that frames do not reach on a busy machine; loading may.
  const vnet = await spawnVnet(args, { program: LOCKUP_PROGRAM, env: { LIMIT_MS: '1000' } })
  const text = readFileSync(file, 'utf8')
  const line = text.slice(0, text.indexOf('function spin')).split('\n').length
  const spin = `vnet: spin \\(${file}:${line}:\\d+\\)`
  return { netns, go, vnet, spin, ready: vnet.stderr.length }
}

test('a stop while frames pass is not reported; a lockup is, with its line, and its end, after which a signal stops vnet', async () => {
  const { netns, go, vnet, spin, ready } = await looping()
  netns.ip('neigh add 198.18.0.2 lladdr 02:00:00:00:00:02 dev mine0')
  process.kill(vnet.pid, 'SIGSTOP')
  await netns.run('ping -q -i 0.01 -w 2 198.18.0.2')
  process.kill(vnet.pid, 'SIGCONT')

  netns.ip('link set mine0 allmulticast on')
  await vnet.line(/ has not returned/)
  writeFileSync(go, '')
  await vnet.line(/ returned after/)
  const reports = vnet.stderr.slice(ready).match(/^vnet: .*$/gm)
  expect(reports).toEqual([
    expect.stringMatching(`^${spin} has not returned for 1 s$`),
    expect.stringMatching(`^${spin} returned after \\d+\\.\\d s$`),
  ])
  expect((await vnet.stop('SIGINT')).status).toBe(0)
})

test('a signal in a lockup ends vnet, and its interface is deleted', async () => {
  const { netns, vnet } = await looping()
  netns.ip('link set mine0 allmulticast on')
  await vnet.line(/ has not returned/)
  expect((await vnet.stop('SIGINT')).status).toBe(130)
  expect(netns.ip('-br link')).not.toContain('mine0')
})

test('list and stats reply in a lockup: for how long the driver has not returned, and the last counters', async () => {
  const { netns, go, vnet } = await looping()
  const list = async () => JSON.parse((await vnetIn(netns, 'list', '--json')).stdout).interfaces[0]
  const { ifindex, mac, drops } = await list()
  netns.ip('link set mine0 allmulticast on')
  await vnet.line(/ has not returned/)

  const listed = await list()
  expect(listed).toMatchObject({ name: 'mine0', state: 'up', ifindex, mac, wire: null })
  expect(listed.drops).toBeLessThanOrEqual(drops)
  expect(listed.busy).toBeGreaterThan(900)
  expect((await vnetIn(netns, 'list')).stdout).toMatch(/mine0 +mine +up, busy for \d+ s /)
  expect((await vnetIn(netns, 'stats', 'mine0')).stdout).toMatch(
    /mine0: busy for \d+ s, the counters are older\n/,
  )
  expect((await vnetIn(netns, 'reset', 'mine0')).stderr).toMatch(
    /the driver has not returned for \d+ s/,
  )

  writeFileSync(go, '')
  await vnet.line(/ returned after/)
  expect(await list()).not.toHaveProperty('busy')
  expect((await vnetIn(netns, 'stats', 'mine0')).stdout).not.toContain('busy')
  expect((await vnet.stop('SIGINT')).status).toBe(0)
})

test('a loop in vnet node is logged, and a signal ends it', async () => {
  const loop = files.write("process.on('SIGUSR2', () => { for (;;); })", 'loop.mjs')
  const env = { VNET_NODE_SOCKET: join(directory, 'node.sock') }
  const vnet = await spawnVnet(['node'], {
    program: LOCKUP_PROGRAM,
    nodeArgs: ['--import', loop],
    env,
  })
  process.kill(vnet.pid, 'SIGUSR2')
  expect(await vnet.line(/ has not returned/)).toContain(`vnet: ${loop}:1:`)
  expect((await vnet.stop('SIGTERM')).status).toBe(143)
})
