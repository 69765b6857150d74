/** One ping through snull, step by step. */
import { expect, test } from 'vitest'
import { ControlClient, type DeviceEvent, type StepHalt } from '#src/control/index.ts'
import { readDirectories } from '#src/control/sockets/directory.ts'
import { freshQuietNamespaces } from '#support/fresh-namespaces.ts'
import { PROGRAM, spawnVnet, stopConserved } from '#support/vnet-process.ts'

/** The steps of the request, and of the reply, and the completions of both. */
const STEPS = 12

const twice = <T>(value: T) => [value, value]

const { netns } = freshQuietNamespaces('netns')

test('vnet snull --step halts a ping before each step, shows its frame and the driver’s lines, and loses nothing', async () => {
  const vnet = await spawnVnet(['snull', '--step', '--json'], {
    within: ['ip', 'netns', 'exec', netns.name],
  })
  const socket = readDirectories().find(({ pid }) => pid === vnet.pid)?.vnet as string
  const { name, ifindex } = vnet.interfaces()[0]!
  const sn0 = { name, ifindex }
  using client = ControlClient.open()
  const halts: StepHalt[] = []
  let shown = { stdout: '' }
  let [reached, failed] = [() => {}, (_: unknown) => {}]
  const walked = new Promise<void>((resolve, reject) => {
    reached = resolve
    failed = reject
  })
  async function onEvent({ step }: DeviceEvent): Promise<void> {
    if (step === undefined) return
    const { halt } = await client.step(socket, sn0)
    if (halt !== undefined) {
      halts.push(halt)
    }
    if (step.number === 2 && halts.length === 2) {
      shown = await netns.run(`${process.execPath} ${PROGRAM} step sn0`)
    }
    await client.step(socket, sn0, 'next')
    if (halts.length === STEPS) {
      reached()
    }
  }
  // A halt before that would be missed.
  await client.subscribe(socket, event => void onEvent(event).catch(failed), { events: ['step'] })
  const ping = netns.run('ping -c 1 -W 40 198.18.0.2')
  await walked
  expect((await ping).stdout).toContain('1 packets transmitted, 1 received')
  expect(halts.map(({ number, device, next }) => `${number} ${device.name} ${next}`)).toEqual([
    '1 sn0 read',
    '2 sn0 ndoStartXmit',
    '3 sn1 interrupt',
    '4 sn1 netifRx',
    '5 sn1 write',
    '3 sn0 interrupt',
    '1 sn1 read',
    '2 sn1 ndoStartXmit',
    '3 sn0 interrupt',
    '4 sn0 netifRx',
    '5 sn0 write',
    '3 sn1 interrupt',
  ])
  const places = halts
    .slice(1, 4)
    .map(({ source: { file = '', line = 0, first = 0, lines = [] } = {} }) => {
      return [file.replace(/.*\/src\//, ''), lines[line - first], lines[0]]
    })
  expect(places).toEqual([
    ['drivers/snull/driver.ts', ...twice(expect.stringMatching(/^function startXmit\(/))],
    ['drivers/snull/driver.ts', ...twice(expect.stringMatching(/^function interrupt\(/))],
    ['drivers/snull/driver.ts', '  netifRx(skb)', expect.stringMatching(/^function rx\(/)],
  ])
  expect(shown.stdout).toMatch(/^step 2 of 5, sn0, queue 0: ndoStartXmit\n/)
  expect(shown.stdout).toContain('98 bytes: IP 198.18.0.1 > 198.18.0.2: ICMP echo request')
  expect(shown.stdout).toMatch(/\n> +\d+ {2}function startXmit\(/)
  expect(await client.step(socket, sn0, 'off')).toMatchObject({ mode: 'off' })
  expect((await netns.run('ping -c 1 -W 40 198.18.0.2')).status).toBe(0)
  await vnet.stop()
})

test('a vnet that ends while a frame waits lets the frame continue, and its final statistics hold none', async () => {
  const vnet = await spawnVnet(['snull', '--step', '--json'], {
    within: ['ip', 'netns', 'exec', netns.name],
  })
  const socket = readDirectories().find(({ pid }) => pid === vnet.pid)?.vnet as string
  const { name, ifindex } = vnet.interfaces()[0]!
  using client = ControlClient.open()
  let reached = () => {}
  const halted = new Promise<void>(resolve => {
    reached = resolve
  })
  function onEvent({ step }: DeviceEvent): void {
    if (step?.number === 4) {
      reached()
    } else if (step !== undefined) {
      void client.step(socket, { name, ifindex }, 'next')
    }
  }
  await client.subscribe(socket, onEvent, { events: ['step'] })
  const ping = netns.run('ping -c 1 -W 1 198.18.0.2')
  await halted
  const { sn0, sn1 } = await stopConserved(vnet)
  expect([sn0?.held, sn1?.held, sn1?.total.rxPackets]).toEqual([0, 0, 1])
  await ping
})
