/** `vnet capture` writes the frames of a running vnet to a file. */
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { recordsIn } from '#support/capture-records.ts'
import { ethernet } from '#support/frames.ts'
import { freshQuietNamespaces } from '#support/fresh-namespaces.ts'
import { PacketSocket } from '#support/packet-socket.ts'
import { startMain } from '#support/run-main.ts'
import { startVnet, stopConserved } from '#support/vnet-process.ts'

const { near, far, directory } = freshQuietNamespaces('near', 'far')

test('vnet capture writes each frame of both ends of a cable, and the frames that its wire drops', async () => {
  const ends = [`${near.name}/ca`, `${far.name}/cb`]
  const vnet = await startVnet([
    'cable',
    ...ends,
    '--no-address',
    '--wire',
    'loss every 3',
    '--json',
  ])
  const file = join(directory, 'all.pcapng')
  const capture = startMain('capture', ...ends, file)
  await expect.poll(() => capture.text.stderr).toMatch(/^capturing /m)
  using from = new PacketSocket(near, 'ca')
  using to = new PacketSocket(far, 'cb')
  for (let i = 0; i < 4; i++) {
    const frame = ethernet(0x88b5, 46)
    frame[59] = i
    from.send(frame)
  }
  await to.until(({ octets }) => octets[59] === 3)
  expect(await capture.end()).toMatchObject({ status: 0, stdout: '' })
  const captured: string[] = []
  for (const { interfaceName, frame, verdict } of recordsIn(file)) {
    captured.push(`${interfaceName} ${frame[59]}${verdict === undefined ? '' : ' dropped'}`)
  }
  expect(captured.toSorted()).toEqual([
    ...['ca 0', 'ca 1', 'ca 2', 'ca 2 dropped', 'ca 3'],
    ...['cb 0', 'cb 1', 'cb 3'],
  ])
  await stopConserved(vnet)
})
