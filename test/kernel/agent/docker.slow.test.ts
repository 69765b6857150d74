/** `vnet node --docker`: labels of containers, with an engine of the test. */
import { beforeEach, describe, expect, test } from 'vitest'
import { useAgentSocket } from '#support/agent.ts'
import { makeVeth } from '#support/attach.ts'
import { freshEngine } from '#support/fake-engine.ts'
import { freshQuietNamespaces } from '#support/fresh-namespaces.ts'
import { processIn } from '#support/netns.ts'
import { type Running, spawnVnet } from '#support/vnet-process.ts'

const { near: container, far: host, directory } = freshQuietNamespaces('near', 'far')
useAgentSocket(directory)
const engine = freshEngine(directory)
let pid: number

beforeEach(async () => {
  makeVeth(container, host)
  pid = await processIn(container)
})

const start = (...args: string[]): Promise<Running> =>
  spawnVnet(['node', '--docker', '--json', ...args], { within: ['nsenter', `--net=/run/netns/${host.name}`] })
const labels = { 'vnet.wire-in': 'delay 5ms', 'vnet.wire-out': 'loss 1%', 'vnet.seed': '7' }
const ATTACHED = /outer: attached \(docker web inner\)/

describe('labels', () => {
  test('a container that runs already is attached to', async () => {
    engine.start('web', { pid, labels })
    const daemon = await start()
    await daemon.line(ATTACHED)
    await daemon.line(/wire: seed 7/)
  })

  test('vnet.only keeps other frames in the kernel, and its mistake is one line', async () => {
    const only = (filter: string) => ({ pid, labels: { ...labels, 'vnet.only': filter } })
    engine.start('api', only('port http'))
    const daemon = await start()
    await daemon.line(/container api: only: filter 'port http': 'http' is not a word/)
    engine.start('web', only('tcp port 9999'))
    await daemon.line(/only frames of 'tcp port 9999' pass the wire/)
  })

  test('a container that starts is attached to, and again when it starts again', async () => {
    const daemon = await start('-v')
    await daemon.line(/docker: connected/)
    engine.start('web', { pid, labels })
    await daemon.line(ATTACHED)
    host.ip('link delete outer')
    await daemon.line(/outer: the interface was brought down/)
    makeVeth(container, host)
    engine.start('web', { pid, labels })
    await daemon.line(ATTACHED, 2)
  })

  test('an engine that does not run yet is waited for, with a line about its socket', async () => {
    await engine.close()
    const daemon = await start()
    await daemon.line(/docker: \/\S+: (no such file or directory|connection refused); trying again every second/)
    engine.start('web', { pid, labels })
    await engine.listen()
    await daemon.line(ATTACHED)
  })

  test('an engine that is restarted is followed again, and what started meanwhile is found', async () => {
    const daemon = await start('-v')
    await daemon.line(/docker: connected/)
    await engine.close()
    await daemon.line(/docker: .*; trying again every second/)
    engine.start('web', { pid, labels })
    await engine.listen()
    await daemon.line(ATTACHED)
  })

  test('an attachment that is back after a restart is not made twice', async () => {
    engine.start('web', { pid, labels })
    const first = await start()
    await first.line(ATTACHED)
    await first.stop('SIGKILL')
    const second = await start('-v')
    await second.line(/docker: connected/)
    await second.line(ATTACHED)
    engine.start('next', { pid: await processIn(host), labels })
    await second.line(/container next:/)
    expect(second.stdout.match(/: attached/g)).toHaveLength(1)
    expect(second.stdout).not.toContain('EBUSY')
  })

  test.each([
    [{ 'vnet.wire': 'delay 20ms los 1%' }, "wire, column 12: 'los' is not a word of a wire"],
    [{ 'vnet.scenario': '../x.yaml' }, 'only plain names of files in --files are taken'],
    [{ 'vnet.wire': "match 'host \u001b[2J' ( loss 1% )" }, 'names are not looked up here: write numbers'],
  ])('the mistake %j is one log line, and nothing is attached', async (wrong, why) => {
    const daemon = await start('--files', directory)
    engine.start('web', { pid, labels: wrong })
    const line = await daemon.line(/container web:/)
    expect(JSON.parse(line)).toMatchObject({
      level: 'warning',
      message: expect.stringContaining(`container web: ${why.startsWith('wire') ? why : ''}`),
    })
    expect(line).toContain(why)
    expect(line).not.toContain('\u001b')
    expect(daemon.stdout).not.toMatch(/: attached/)
  })

  test("an image's own labels do not count, but labels that change them do", async () => {
    engine.images.set('sha256:bad', { 'vnet.wire': 'loss 100%' })
    const daemon = await start('-v')
    engine.start('web', { pid, image: 'sha256:bad', labels: { 'vnet.wire': 'loss 100%', 'vnet.seed': '7' } })
    await daemon.line(/container web: only its image has labels/)
    expect(daemon.stdout).not.toMatch(/: attached/)
    engine.start('web', { pid, image: 'sha256:bad', labels: { 'vnet.wire': 'loss 1%' } })
    await daemon.line(ATTACHED)
  })

  test("--image-labels counts an image's own labels too", async () => {
    engine.images.set('sha256:bad', { 'vnet.wire': 'loss 1%' })
    engine.start('web', { pid, image: 'sha256:bad', labels: { 'vnet.wire': 'loss 1%' } })
    await (await start('--image-labels')).line(ATTACHED)
  })
})

test('events that are not JSON are skipped', async () => {
  const daemon = await start('-v')
  await daemon.line(/docker: connected/)
  engine.write('nonsense\n{"id":7}\n{"Actor":{"ID":"../../x"}}\nnull\n')
  engine.start('web', { pid, labels })
  await daemon.line(ATTACHED)
})
