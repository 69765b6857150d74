/** The CNI plugin in the chain of containerd: by `ctr run --cni`, and by CRI like a kubelet. */
import { beforeEach, describe, expect, test } from 'vitest'
import { pingSome, pingWithoutLoss } from '#support/traffic.ts'
import { type Running, spawnVnet } from '#support/vnet-process.ts'
import { freshContainerd } from './containerd.ts'

const containerd = freshContainerd()
let daemon: Running

const start = () => spawnVnet(['node', '--json'], { within: containerd.within })

beforeEach(async () => {
  containerd.configure({ wire: 'delay 20ms' })
  daemon = await start()
})

const attachedTo = (id: string) =>
  new RegExp(`: attached \\((container |pod \\S+ \\()${id.slice(0, 12)}\\)?, eth0\\)`)
/** The shortest round trip to a container, in ms. */
const roundTrip = async (id: string) =>
  (await pingWithoutLoss(containerd.netns, `-c 3 -i 0.01 ${containerd.address(id)}`)).shortest

describe('ctr run', () => {
  test('ctr run --cni attaches the wire of the configuration, until the container ends', async () => {
    const ended = containerd.run('web')
    await daemon.line(attachedTo(containerd.idOf('web')))
    expect(await roundTrip(containerd.idOf('web'))).toBeGreaterThanOrEqual(40)
    await containerd.kill('web')
    expect((await ended).stderr).toBe('')
    await daemon.line(/device closed/)
  })

  test('ctr run --cni fails with the reason if a required wire has a mistake', async () => {
    containerd.configure({ wire: 'los 1%', required: true })
    const { status, stderr } = await containerd.run('web')
    expect([status, stderr]).toEqual([
      1,
      expect.stringContaining("wire, column 1: 'los' is not a word of a wire"),
    ])
    expect(daemon.stdout).not.toMatch(/: attached/)
  })

  test('ctr run --cni fails without the daemon if the wire is required', async () => {
    await daemon.stop()
    containerd.configure({ wire: 'delay 1ms', required: true })
    const { status, stderr } = await containerd.run('web')
    expect([status, stderr]).toEqual([
      1,
      expect.stringContaining('vnet node does not reply: start it'),
    ])
  })
})

describe('RunPodSandbox', () => {
  // All versions that this containerd and its plugins have.
  test.each(['0.1.0', '0.2.0', '0.3.0', '0.3.1', '0.4.0', '1.0.0'])(
    'a pod of a list of version %s starts with its wire, and one without a wire starts and ends',
    async cniVersion => {
      containerd.configure({}, cniVersion)
      const front = await containerd.runPod('front', { 'vnet.dev/wire': 'delay 20ms' })
      await daemon.line(attachedTo(front))
      const back = await containerd.runPod('back')
      expect(await roundTrip(front)).toBeGreaterThanOrEqual(40)
      await containerd.stopPod(front)
      await containerd.stopPod(back)
      expect(daemon.stdout.match(/: attached/g)).toHaveLength(1)
    },
  )

  test('a pod has the wire of its annotations, until it is stopped', async () => {
    const id = await containerd.runPod('front', {
      'vnet.dev/wire-in': 'delay 300ms',
      'vnet.dev/seed': '7',
    })
    await daemon.line(attachedTo(id))
    await daemon.line(/wire: seed 7"/)
    expect(await roundTrip(id)).toBeGreaterThanOrEqual(300)
    await containerd.stopPod(id)
    await daemon.line(/device closed/)
  })

  test('a pod without annotations has the wire of the configuration', async () => {
    const id = await containerd.runPod('front', { other: 'x' })
    await daemon.line(attachedTo(id))
    expect(await roundTrip(id)).toBeGreaterThanOrEqual(40)
  })

  test('a pod loses packets by its own wire, and another pod loses none', async () => {
    containerd.configure({})
    const [front, back] = [
      await containerd.runPod('front', { 'vnet.dev/wire': 'loss 100%' }),
      await containerd.runPod('back'),
    ]
    await daemon.line(attachedTo(front))
    expect(
      await pingSome(containerd.netns, `-c 3 -i 0.01 -W 0.1 ${containerd.address(front)}`),
    ).toBe(0)
    await pingWithoutLoss(containerd.netns, `-c 3 -i 0.01 ${containerd.address(back)}`)
    expect(daemon.stdout.match(/: attached/g)).toHaveLength(1)
  })

  test('a pod starts without a wire, with one log line, if its annotation has a mistake', async () => {
    const id = await containerd.runPod('front', { 'vnet.dev/wire': 'delay 20ms los 1%' })
    expect(JSON.parse(await daemon.line(/pod web\/front/))).toMatchObject({
      level: 'warning',
      message: expect.stringMatching(
        /^pod web\/front \(\w{12}\): wire, column 12: 'los' is not .*: it starts without a wire$/,
      ),
    })
    expect(daemon.stdout).not.toMatch(/: attached/)
    await roundTrip(id)
  })

  test('a pod starts without a wire if the daemon does not run', async () => {
    await daemon.stop()
    await roundTrip(await containerd.runPod('front', { 'vnet.dev/wire': 'loss 100%' }))
  })

  test('a pod has its wire again after the daemon was killed and started', async () => {
    const id = await containerd.runPod('front', { 'vnet.dev/wire': 'delay 50ms' })
    await daemon.stop('SIGKILL')
    daemon = await start()
    expect(await roundTrip(id)).toBeGreaterThanOrEqual(100)
    await containerd.stopPod(id)
    await daemon.line(/device closed/)
  })
})
