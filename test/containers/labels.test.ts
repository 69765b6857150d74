/** `vnet node --docker` with dockerd: labels of containers. */
import { beforeEach, describe, expect, test } from 'vitest'
import { useAgentSocket } from '#support/agent.ts'
import { freshDirectory } from '#support/fresh-directory.ts'
import { pingSome, pingWithoutLoss } from '#support/traffic.ts'
import { PROGRAM, type Running, spawnVnet } from '#support/vnet-process.ts'
import { freshDockerd } from './dockerd.ts'

const dockerd = freshDockerd()
const directory = freshDirectory()
useAgentSocket(directory)
let daemon: Running

const within = () => ['nsenter', `--net=/run/netns/${dockerd.netns.name}`]
const start = (...args: string[]) =>
  spawnVnet(['node', '--docker', '--json', '-v', ...args], { within: within() })

beforeEach(async () => {
  daemon = await start()
  await daemon.line(/docker: connected/)
})

/** Runs a container with labels. */
function run(name: string, labels: Readonly<Record<string, string>>) {
  return dockerd.run(
    name,
    ...Object.entries(labels).flatMap(([label, value]) => ['--label', `${label}=${value}`]),
  )
}

const attachedTo = ({ id }: { id: string }) =>
  new RegExp(`attached \\(container \\S+ \\(${id.slice(0, 12)}\\), eth0\\)`)

describe('labels of a container', () => {
  test('a container that starts has the wire of its labels, with the delay of both directions', async () => {
    const web = await run('web', { 'vnet.wire-in': 'delay 20ms', 'vnet.wire-out': 'delay 10ms' })
    await daemon.line(attachedTo(web))
    const { shortest } = await pingWithoutLoss(dockerd.netns, `-c 5 -i 0.01 ${web.address}`)
    expect(shortest).toBeGreaterThanOrEqual(30)
  })

  test('a wire of matches drops the same packet, and leaves other frames in the kernel', async () => {
    const web = await run('web', {
      'vnet.wire-in': "match 'icmp' ( drop nth 2 )",
      'vnet.wire-out': '',
    })
    await daemon.line(attachedTo(web))
    await daemon.line(/only frames of 'icmp' pass the wire/)
    const { stdout } = await dockerd.netns.run(`ping -c 4 -i 0.05 -W 1 ${web.address}`)
    expect([...stdout.matchAll(/icmp_seq=(\d+)/g)].map(([, seq]) => seq)).toEqual(['1', '3', '4'])
  })

  test('a container that ran before the daemon has its wire', async () => {
    await daemon.stop()
    const web = await run('web', { 'vnet.wire': 'delay 20ms', 'vnet.seed': '7' })
    daemon = await start()
    await daemon.line(attachedTo(web))
    await daemon.line(/wire: seed 7"/)
  })

  test('a container has its wire again after docker restart', async () => {
    const web = await run('web', { 'vnet.wire': 'delay 1ms' })
    await daemon.line(attachedTo(web))
    await dockerd.docker('restart', '-t', '0', 'web')
    await daemon.line(/the interface was brought down, moved or deleted/)
    await daemon.line(attachedTo(web), 2)
  })

  test('a container keeps its wire while dockerd restarts, and one that starts afterwards has its own', async () => {
    const web = await run('web', { 'vnet.wire': 'delay 20ms' })
    await daemon.line(attachedTo(web))
    await dockerd.stop()
    await daemon.line(/docker: .*; trying again every second/)
    expect(
      (await pingWithoutLoss(dockerd.netns, `-c 3 -i 0.01 ${web.address}`)).shortest,
    ).toBeGreaterThanOrEqual(40)
    await dockerd.start()
    const next = await run('next', { 'vnet.wire': 'delay 1ms' })
    await daemon.line(attachedTo(next))
    expect(await dockerd.container('web')).toEqual(web)
    expect(daemon.stdout.match(/: attached/g)).toHaveLength(2)
  })

  test('docker network connect gives the new interface its wire, and disconnect takes it', async () => {
    await dockerd.docker('network', 'create', '--subnet', '198.18.1.0/24', 'second')
    try {
      const web = await run('web', { 'vnet.wire-in': 'loss 100%' })
      await daemon.line(attachedTo(web))
      await dockerd.docker('network', 'connect', 'second', 'web')
      await daemon.line(/: attached \(container web \(\w+\), eth1\)/)
      const address = await dockerd.docker(
        'inspect',
        '-f',
        '{{.NetworkSettings.Networks.second.IPAddress}}',
        'web',
      )
      for (const each of [web.address, address]) {
        expect(await pingSome(dockerd.netns, `-c 3 -i 0.01 -W 0.1 ${each}`)).toBe(0)
      }
      await dockerd.docker('network', 'disconnect', 'second', 'web')
      await daemon.line(/the interface was brought down, moved or deleted/)
      expect(await pingSome(dockerd.netns, `-c 3 -i 0.01 -W 0.1 ${web.address}`)).toBe(0)
    } finally {
      await dockerd.removeContainers()
      await dockerd.docker('network', 'rm', 'second')
    }
  })

  test('a container that is removed leaves no attachment', async () => {
    await daemon.line(attachedTo(await run('web', { 'vnet.wire': 'delay 1ms' })))
    await dockerd.docker('rm', '-f', 'web')
    await daemon.line(/the interface was brought down, moved or deleted/)
    const listed = await dockerd.netns.run(`${process.execPath} ${PROGRAM} list --names`)
    expect(listed.stdout).toBe('')
  })

  test.each([
    [{ 'vnet.wire': 'delay 20ms los 1%' }, "wire, column 12: 'los' is not a word of a wire"],
    [{ 'vnet.scenario': '../x.yaml' }, 'the daemon has no --files'],
    [{ 'vnet.wire': 'trace /etc/shadow' }, 'the daemon has no --files'],
  ])(
    'the mistake %j in a label is one log line, and the container has no wire',
    async (labels, why) => {
      await run('web', labels)
      const line = await daemon.line(/container web \(\w{12}\):/)
      expect(JSON.parse(line)).toMatchObject({
        level: 'warning',
        message: expect.stringContaining(why),
      })
      expect(daemon.stdout).not.toMatch(/: attached/)
    },
  )
})

describe('labels of an image', () => {
  test("an image's own labels do not count, but a container's do", async () => {
    await dockerd.makeImage('labelled', { 'vnet.wire': 'loss 100%' })
    await dockerd.docker('run', '-d', '--name', 'web', 'labelled', 'sleep', '1000')
    await daemon.line(/container web: only its image has labels/)
    expect(daemon.stdout).not.toMatch(/: attached/)
    await dockerd.docker(
      'run',
      '-d',
      '--name',
      'own',
      '--label',
      'vnet.wire=loss 1%',
      'labelled',
      'sleep',
      '1000',
    )
    await daemon.line(attachedTo(await dockerd.container('own')))
  })

  test("--image-labels counts an image's own labels", async () => {
    await dockerd.makeImage('labelled', { 'vnet.wire': 'delay 1ms' })
    await daemon.stop()
    daemon = await start('--image-labels')
    await dockerd.docker('run', '-d', '--name', 'web', 'labelled', 'sleep', '1000')
    await daemon.line(attachedTo(await dockerd.container('web')))
  })
})
