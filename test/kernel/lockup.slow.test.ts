/** JavaScript of a driver file that does not return, as its author meets it. */
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { freshNamespaces } from '../support/fresh-namespaces.ts'
import { LOCKUP_PROGRAM, spawnVnet } from '../support/vnet-process.ts'

const { own, files } = freshNamespaces()

test('a stop while frames pass is not reported, a lockup is with its line, and a second Ctrl-C ends vnet', async () => {
  const netns = own.addQuiet()
  const go = files.write('', 'go')
  rmSync(go)
  const file = files.driver({
    ops: `
      ndoStartXmit(skb) {
        skb.drop()
        if (isAllmulti) spin()
      },
      ndoSetRxMode(dev) {
        isAllmulti = (dev.flags & IFF_ALLMULTI) !== 0
        if (isAllmulti) spin() // by the mode
      }`,
    setup: `let isAllmulti; function spin() { while (!existsSync('${go}')); }`,
    imports: "import { existsSync } from 'node:fs'",
  })
  const text = readFileSync(file, 'utf8')
  const line = (found: string) => text.slice(0, text.indexOf(found)).split('\n').length
  const args = [file, '--address', '198.18.0.1/24', '--netns', netns.name]
  // A limit that frames do not reach on a busy machine; loading may.
  const vnet = await spawnVnet(args, { program: LOCKUP_PROGRAM, env: { LIMIT_MS: '1000' } })
  const ready = vnet.stderr.length
  netns.ip('neigh add 198.18.0.2 lladdr 02:00:00:00:00:02 dev mine0')

  process.kill(vnet.pid, 'SIGSTOP')
  await netns.run('ping -q -i 0.01 -w 2 198.18.0.2')
  process.kill(vnet.pid, 'SIGCONT')

  netns.ip('link set mine0 allmulticast on')
  await vnet.line(/^vnet: spin .* has not returned/)
  writeFileSync(go, '')
  await vnet.line(/^vnet: spin .* returned after \d+\.\d s$/)
  rmSync(go)
  const ping = netns.run('ping -q -i 0.01 -w 1 198.18.0.2')
  await vnet.line(/^vnet: spin .* has not returned .*called by ndoStartXmit/)
  const reports = vnet.stderr
    .slice(ready)
    .split('\n')
    .filter(line => line.startsWith('vnet: '))
  const spin = `vnet: spin (${file}:${line('function spin')}:`
  const begins = (by: string, at: string) =>
    expect.stringMatching(` has not returned for 1 s; called by ${by} \\(${file}:${line(at)}:\\d+\\)$`)
  expect(reports).toEqual([
    begins('ndoSetRxMode', 'if (isAllmulti) spin() //'),
    expect.stringContaining(' returned after '),
    begins('ndoStartXmit', 'if (isAllmulti) spin()'),
  ])
  for (const report of reports) expect(report).toContain(spin)
  // Two of a kind may arrive as one, and which of two kinds is handled first is up to the kernel.
  process.kill(vnet.pid, 'SIGTERM')
  const { status } = await vnet.stop('SIGINT')
  expect([130, 143]).toContain(status)
  expect(netns.ip('-br link')).not.toContain('mine0')
  await ping
})
