/** capture() of 'vnet/capture', on cables of 'vnet/wire'. */
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import {
  type CapturedPacket,
  CaptureReader,
  capture,
  FLAG_INBOUND,
  FLAG_OUTBOUND,
} from '#src/capture.ts'
import { allocEtherdevMqs } from '#src/netdev/eth.ts'
import { type Cable, openCable } from '#src/wire.ts'
import { freshQuietNamespaces } from '#support/fresh-namespaces.ts'

const { left, right, directory } = freshQuietNamespaces('left', 'right')

/** A cable number `n`, on which the ends can reach each other. */
const newCable = (n: number): Promise<Cable> =>
  openCable(`${left.name}/a${n}`, `${right.name}/b${n}`, {
    addresses: { a: [`198.18.${n}.1/24`], b: [`198.18.${n}.2/24`] },
  })

const ping = async (n: number) =>
  expect(await left.run(`ping -c 1 -W 30 198.18.${n}.2`)).toMatchObject({ status: 0 })

/** The packets of a file in which `wants` finds something. */
function packetsOf(
  path: string,
): (Pick<CapturedPacket, 'flags' | 'packetId' | 'capturedLength'> & { isIcmp: boolean })[] {
  const reader = new CaptureReader(path)
  reader.push(readFileSync(path))
  reader.end()
  const found = []
  for (let record = reader.next(); record !== undefined; record = reader.next()) {
    const { flags, packetId, capturedLength, frame } = record
    found.push({
      flags: (flags ?? 0) & 3,
      packetId,
      capturedLength,
      isIcmp: frame[12] === 8 && frame[13] === 0 && frame[23] === 1,
    })
  }
  return found
}

test('the frames of a cable are recorded at both ends, and counted', async () => {
  const path = join(directory, 'a.pcapng')
  await using link = await newCable(1)
  await using recording = capture(link, path, { snaplen: 64, filter: 'icmp' })
  await ping(1)
  await recording.stop()
  const [request, arrived, reply, returned] = packetsOf(path)
  expect(packetsOf(path).map(({ flags }) => flags)).toEqual([
    FLAG_OUTBOUND,
    FLAG_INBOUND,
    FLAG_OUTBOUND,
    FLAG_INBOUND,
  ])
  expect(request).toMatchObject({ isIcmp: true, capturedLength: 64 })
  expect(arrived?.packetId).toBe(request?.packetId)
  expect(returned?.packetId).toBe(reply?.packetId)
  expect(recording).toMatchObject({ frames: 4, lost: 0 })
  await ping(1)
  expect(recording.frames).toBe(4)
})

test('one device is recorded alone', async () => {
  const path = join(directory, 'a.pcapng')
  await using link = await newCable(1)
  {
    await using _recording = capture(link.b, path, { filter: 'icmp' })
    await ping(1)
  }
  expect(packetsOf(path).map(({ flags }) => flags)).toEqual([FLAG_INBOUND, FLAG_OUTBOUND])
})

test('several cables are one file, with packet ids that differ', async () => {
  const path = join(directory, 'a.pcapng')
  await using one = await newCable(1)
  await using two = await newCable(2)
  await using recording = capture([one, two], path, { filter: 'icmp' })
  await ping(1)
  await ping(2)
  await recording.stop()
  const ids = packetsOf(path).map(({ packetId }) => packetId)
  expect(ids).toHaveLength(8)
  expect(new Set(ids).size).toBe(4)
  const interfaces = execFileSync('capinfos', [path], { encoding: 'utf8' })
  expect([...interfaces.matchAll(/ Name = (\w+)/g)].map(([, name]) => name)).toEqual([
    'a1',
    'a1',
    'b1',
    'b1',
    'a2',
    'a2',
    'b2',
    'b2',
  ])
})

test('a capture of a cable that is closed first has its frames', async () => {
  const path = join(directory, 'a.pcapng')
  const link = await newCable(1)
  await using recording = capture(link, path, { filter: 'icmp' })
  await ping(1)
  await link.close()
  await recording.stop()
  expect(packetsOf(path)).toHaveLength(4)
})

test('a full file rejects stop(), and traffic continues', async () => {
  await using link = await newCable(1)
  const recording = capture(link, '/dev/full')
  await ping(1)
  await expect(recording.stop()).rejects.toThrow('write /dev/full: ENOSPC')
  await ping(1)
})

test('a file that cannot be created and a device that is not registered are refused', async () => {
  const link = await newCable(1)
  expect(() => capture(link, '/nowhere/a.pcapng')).toThrow(
    '/nowhere/a.pcapng: no such file or directory',
  )
  await link.close()
  const dev = allocEtherdevMqs({ priv: { of: 'a driver' } })
  expect(() => capture(dev, join(directory, 'b'))).toThrow('the device is not registered')
  expect(() => capture([], join(directory, 'b'))).toThrow('there is nothing to capture')
  expect(existsSync(join(directory, 'b'))).toBe(false)
})
