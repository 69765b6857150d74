/** The example drivers, and the command with which an ordinary user looks at interfaces. */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { freshQuietNamespaces } from '#support/fresh-namespaces.ts'
import { outcome } from '#support/netns.ts'
import { asUser, ended } from '#support/ordinary-user.ts'
import { pingAll } from '#support/traffic.ts'
import {
  type Ended,
  finalStatistics,
  spawnVnet,
  startVnet,
  stopConserved,
} from '#support/vnet-process.ts'

const { netns, peer } = freshQuietNamespaces('netns', 'peer')

test('every address of pong replies to ping, whatever the checksum', async () => {
  const vnet = await startVnet(['./examples/pong.js', '--netns', netns.name, '--json'])
  for (const [host, size] of [
    [2, 56],
    [77, 0],
    [254, 1400],
  ]) {
    await pingAll(netns, `-c 20 -i 0.002 -s ${size} 198.18.0.${host}`)
  }
  await stopConserved(vnet)
})

test('two tunnels over a cable carry pings of every size, count short datagrams as drops, and go down and up', async () => {
  netns.ip(`link add out0 type veth peer name out0 netns ${peer.name}`)
  const ends = [netns, peer].map((here, i) => {
    here.ip(`addr add 192.0.2.${i + 1}/24 dev out0`, 'link set out0 up')
    const args = [
      './examples/tunnel.js',
      '--peer',
      `192.0.2.${2 - i}`,
      '--address',
      `198.18.0.${i + 1}/24`,
      '--json',
    ]
    return spawnVnet(args, { within: ['ip', 'netns', 'exec', here.name] })
  })
  const [near, far] = await Promise.all(ends)
  const short =
    "import('node:dgram').then(({ createSocket: c }) => { const s = c('udp4'); s.send('short', 4789, '192.0.2.2', () => s.close()) })"
  await outcome(netns.spawn([process.execPath, '-e', short]))
  // They follow the datagram.
  for (const size of [0, 56, 1400, 20_000]) {
    await pingAll(netns, `-c 10 -i 0.002 -s ${size} 198.18.0.2`)
  }
  peer.ip('link set tunnel0 down', 'link set tunnel0 up')
  await pingAll(netns, '-c 3 -i 0.002 198.18.0.2')
  const [a, b] = await Promise.all(
    [near, far].map(async end => finalStatistics((await end?.stop()) as Ended).tunnel0),
  )
  expect(a?.drops.rx).toEqual({})
  expect(b?.drops.rx).toEqual({ PKT_TOO_SMALL: 1 })
  expect(a?.total.rxPackets).toBeGreaterThanOrEqual(43)
})

test('the driver in docs/drivers/own-frames.md is examples/tunnel.js', () => {
  const [, code] = /```js\n(.*?)```/s.exec(readFileSync('docs/drivers/own-frames.md', 'utf8')) ?? []
  expect(code).toBe(readFileSync('examples/tunnel.js', 'utf8'))
})

test('an ordinary user looks at snull after the command that vnet prints', () => {
  const script = `
    coproc VNET { exec ${process.execPath} dist/vnet.js snull 2>&1; }
    while read -r line <&\${VNET[0]}; do
      case $line in *nsenter*) enter=\${line#*first: } ;; ready) break ;; esac
    done
    $enter ${process.execPath} dist/vnet.js show sn0
    $enter ping -c 3 -i 0.002 -w 30 198.18.0.2 # sends more than 3 if a reply is late, and fails without 3
    kill $VNET_PID`
  const { status, stdout, stderr } = ended([...asUser(), 'bash', '--norc', '-ec', script])
  expect([status, stdout, stderr]).toEqual([0, expect.stringMatching(/^sn0.* received/s), ''])
})
