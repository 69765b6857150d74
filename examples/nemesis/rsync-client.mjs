// Fetches a file until rsync succeeds.
import { spawnSync } from 'node:child_process'
import { statSync } from 'node:fs'

const file = `${process.env.VNET_DISK}/file`
const SIZE = 200_000
for (let isDone = false; !isDone; ) {
  const { status } = spawnSync('rsync', [
    '--timeout=1',
    '--contimeout=1',
    'rsync://server/files/file',
    file,
  ])
  isDone = status === 0
  const size = statSync(file, { throwIfNoEntry: false })?.size
  if (size !== SIZE && (isDone || size !== undefined)) {
    throw new Error(`the file has ${size} of ${SIZE} bytes`)
  }
}
