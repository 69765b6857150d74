/**
 * `vnet node --docker` runs for days: after 50 containers have come and gone it has open what it
 * had before, and no network namespace of theirs.
 */
import { test } from 'vitest'
import { useAgentSocket } from '#support/agent.ts'
import { makeVeth } from '#support/attach.ts'
import { freshEngine } from '#support/fake-engine.ts'
import { freshQuietNamespaces } from '#support/fresh-namespaces.ts'
import { staysAsItIs } from '#support/long-lived.ts'
import { processIn } from '#support/netns.ts'
import { spawnVnet } from '#support/vnet-process.ts'

const { host, own, directory } = freshQuietNamespaces('host')
useAgentSocket(directory)
const engine = freshEngine(directory)

test('the daemon keeps nothing of containers that have ended', async () => {
  const within = ['nsenter', `--net=/run/netns/${host.name}`]
  const daemon = await spawnVnet(['node', '--docker', '-v'], { within })
  await daemon.line(/docker: connected/)
  await staysAsItIs(daemon.pid, async nth => {
    const name = `visit${nth}`
    const container = own.addQuiet()
    makeVeth(container, host)
    const pid = await processIn(container)
    engine.start(name, { pid, labels: { 'vnet.wire': 'delay 1ms' } })
    await daemon.line(new RegExp(`outer: attached \\(container ${name}, inner\\)`))
    host.ip('link delete outer')
    await daemon.line(/outer: the interface was brought down/, nth + 1)
    engine.remove(name)
    process.kill(pid)
    container.remove()
    container.release()
  })
}, 600_000)
