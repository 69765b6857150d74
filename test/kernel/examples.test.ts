/** The first commands of the README and its example driver, run as the README says. */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { freshNamespaces } from '../support/fresh-namespaces.ts'
import { outcome } from '../support/netns.ts'
import { asUser, ended } from '../support/ordinary-user.ts'
import { spawnVnet, startVnet, stopConserved } from '../support/vnet-process.ts'

const { netns } = freshNamespaces('netns')

test('every address of pong replies to ping, whatever the checksum', async () => {
  const vnet = await startVnet(['./examples/pong.js', '--netns', netns.name, '--json'])
  for (const [host, size] of [
    [2, 56],
    [77, 0],
    [254, 1400],
  ]) {
    const { stdout, stderr } = await netns.run(`ping -c 20 -i 0.002 -w 30 -s ${size} 198.18.0.${host}`)
    expect(stdout + stderr).toContain(' 20 received')
  }
  await stopConserved(vnet)
})

/** The commands for a second terminal, while snull runs. */
const [, IN_README = ''] = /```sh\n(node dist\/vnet.*?)```/s.exec(readFileSync('README.md', 'utf8')) ?? []
/** `vnet frames` must have ended before vnet does. */
const SECOND_TERMINAL = `${IN_README}wait`

test('root looks at snull in the namespace in which it was started', async () => {
  await spawnVnet(['snull'], { within: ['ip', 'netns', 'exec', netns.name] })
  const { stdout, stderr } = await outcome(netns.spawn(['bash', '-c', SECOND_TERMINAL]))
  expect([stdout, stderr]).toEqual([expect.stringContaining(' 3 received'), ''])
})

test('an ordinary user looks at snull after the command that vnet prints', () => {
  const script = `
    coproc VNET { exec ${process.execPath} dist/vnet.js snull 2>&1; }
    while read -r line <&\${VNET[0]}; do
      case $line in *nsenter*) enter=\${line#*first: } ;; ready) break ;; esac
    done
    $enter bash -c "$1"
    kill $VNET_PID`
  const { stdout, stderr } = ended([...asUser(), 'bash', '-ec', script, 'bash', SECOND_TERMINAL])
  expect([stdout, stderr]).toEqual([expect.stringContaining(' 3 received'), ''])
})
