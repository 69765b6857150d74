/** The disks of hosts, of a test and of a lab file; test/labs/lab-disk.test.ts has other files. */
import { expect, test } from 'vitest'
import { freshDirectory, written } from '#support/fresh-directory.ts'
import { ended } from '#support/ordinary-user.ts'
import { PROGRAM } from '#support/vnet-process.ts'
import { createLab } from '../../src/index.ts'
import { useTmpdir } from '../support/own-tmpdir.ts'

const directory = freshDirectory(0o1777)
useTmpdir(directory)

const SIZE = 'stat -fc "%b * %S" "$VNET_DISK"'
/** The blocks of a disk, with the page that is always in use. */
const blocks = (mebibytes: number) => `${mebibytes * 256 + 1} * 4096\n`

test('a command in a lab of a file has a disk if it names $VNET_DISK', () => {
  const file = written(directory, 'net.yaml', 'hosts: [a, b]\ncables: { link: { ends: [a, b] } }\n')
  const words = [process.execPath, PROGRAM, 'lab', file, '--', 'sh', '-c', SIZE]
  expect(ended(words)).toEqual({ status: 0, stdout: blocks(64), stderr: '' })
})

test('host.disk takes a size, and refuses another one later', async () => {
  await using made = await createLab({ world: 'kernel' })
  const [host] = made.hosts('host')
  for (const size of ['64', '1apple', 5]) {
    await expect(host.disk({ size } as { size: string })).rejects.toThrow(
      /^disk: size: .* is not a size, such as '256MiB'$/,
    )
  }
  await host.disk({ size: '1MiB' })
  expect((await host.exec('sh', ['-c', SIZE])).stdout).toBe(blocks(1))
  await host.disk()
  await expect(host.disk({ size: '2MiB' })).rejects.toThrow(
    'host host: the disk has 1MiB: give its size at the first call',
  )
})
