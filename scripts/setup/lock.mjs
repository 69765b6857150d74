/**
 * One set-up at a time in a tree. flock(1) locks a file in the tree that only its owner can open,
 * so no other user can hold the lock. The kernel releases it with the process, so it is never
 * stale. Other systems have no flock(1), so set-ups are not locked there.
 */

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { statSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { dirname } from 'node:path'
import { SetupError } from './command.mjs'

/** The exit code of flock(1) if another process holds the lock. */
const EXIT_HELD = 1

/** Runs `work` while no other process holds the lock on `path`. Prints a line if it has to wait. */
export async function withLock(path, work) {
  if (process.platform !== 'linux') return work()
  const file = await open(path, 'a', 0o600).catch(error => {
    throw new SetupError(`vnet: ${error.message}${whose(path, error.code)}`)
  })
  try {
    if (!(await flock(file, '-n'))) {
      process.stderr.write(`vnet: waiting for another set-up of this tree (it holds ${path})\n`)
      await flock(file)
    }
    return await work()
  } finally {
    await file.close()
  }
}

/** Names the owner of the tree if the lock cannot be opened: root may have made files of it. */
function whose(path, code) {
  if (code !== 'EACCES' && code !== 'EPERM') return ''
  const tree = dirname(path)
  const isOwn = statSync(tree).uid === process.getuid()
  if (!isOwn) return ': the tree belongs to another user'
  return `: a set-up by another user has made files of this tree: sudo chown -R ${process.getuid()} ${tree}`
}

/** The child locks the open file, which it shares with this process. Returns whether it could. */
async function flock(file, ...options) {
  const child = spawn('flock', ['-x', ...options, '3'], {
    stdio: ['ignore', 'ignore', 'inherit', file.fd],
  })
  const [status] = await once(child, 'exit').catch(error => {
    throw error.code === 'ENOENT'
      ? new SetupError('vnet needs flock: sudo apt-get install util-linux')
      : error
  })
  if (status !== 0 && status !== EXIT_HELD) {
    throw new SetupError(`vnet: flock failed, see above (exit ${status})`)
  }
  return status === 0
}
