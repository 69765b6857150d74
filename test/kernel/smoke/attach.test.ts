/** `vnet attach` on one end of a veth: frames cross its wire until it ends. */
import { expect, test } from 'vitest'
import { bpfDescriptors, interfacesOf, makeVeth } from '#support/attach.ts'
import { ethernet } from '#support/frames.ts'
import { freshQuietNamespaces } from '#support/fresh-namespaces.ts'
import { PacketSocket } from '#support/packet-socket.ts'
import { runMain } from '#support/run-main.ts'
import { pingWithoutLoss } from '#support/traffic.ts'
import { expectStagesConserved, startVnet } from '#support/vnet-process.ts'

const { near, far } = freshQuietNamespaces('near', 'far')

/** Sends numbered frames out of the attached interface. Returns the numbers that arrive. */
async function arriving(count: number, last: number): Promise<(number | undefined)[]> {
  using inside = new PacketSocket(near, 'inner')
  using outside = new PacketSocket(far, 'outer')
  for (let i = 0; i < count; i++) {
    const frame = ethernet(0x88b5, 46)
    frame[frame.length - 1] = i
    inside.send(frame)
  }
  await outside.until(({ octets }) => octets.at(-1) === last)
  return outside.frames.map(({ octets }) => octets.at(-1))
}

test('vnet attach loses the frames that its wire drops, until vnet wire removes the wire', async () => {
  makeVeth(near, far)
  const inner = `${near.name}/inner`
  // The commands below block this process for longer than it may be silent by default.
  const options = ['--wire-out', 'loss every 2', '--fail-open', '10min', '--json']
  const vnet = await startVnet(['attach', inner, ...options])
  expect(await arriving(9, 8)).toEqual([0, 2, 4, 6, 8])
  expect(await runMain('wire', inner, 'off')).toMatchObject({ status: 0, stderr: '' })
  expect(await arriving(3, 2)).toEqual([0, 1, 2])
  await pingWithoutLoss(far, '-c 3 -i 0.002 192.0.2.1')

  expect(await runMain('wire', inner, '--wire-in', 'loss 0%')).toMatchObject({ status: 0 })
  await pingWithoutLoss(far, '-c 3 -i 0.002 192.0.2.1')
  const ended = await vnet.stop()
  expect(ended).toMatchObject({ status: 0, stderr: '' })
  const [loss, ...others] = expectStagesConserved(ended)
  expect([loss, others]).toMatchObject([{ stage: 'loss', direction: 'ab', dropped: 0 }, []])
  expect(loss?.in).toBeGreaterThanOrEqual(3)
  expect([interfacesOf(near), bpfDescriptors()]).toEqual([['inner'], 0])
  await pingWithoutLoss(far, '-c 1 192.0.2.1')
})
