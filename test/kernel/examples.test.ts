/** The README's example driver, and the command with which an ordinary user looks at interfaces. */
import { expect, test } from 'vitest'
import { freshNamespaces } from '../support/fresh-namespaces.ts'
import { asUser, ended } from '../support/ordinary-user.ts'
import { pingAll } from '../support/traffic.ts'
import { startVnet, stopConserved } from '../support/vnet-process.ts'

const { netns } = freshNamespaces('netns')

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

test('an ordinary user looks at snull after the command that vnet prints', () => {
  const script = `
    coproc VNET { exec ${process.execPath} dist/vnet.js snull 2>&1; }
    while read -r line <&\${VNET[0]}; do
      case $line in *nsenter*) enter=\${line#*first: } ;; ready) break ;; esac
    done
    $enter ${process.execPath} dist/vnet.js show sn0
    $enter ping -c 3 -i 0.002 -w 30 198.18.0.2 # sends more than 3 if a reply is late, and fails without 3
    kill $VNET_PID`
  const { status, stdout, stderr } = ended([...asUser(), 'bash', '-ec', script])
  expect([status, stdout, stderr]).toEqual([0, expect.stringMatching(/^sn0.* received/s), ''])
})
