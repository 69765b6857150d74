/** Enters the user namespace of a lab. */
import { VnetError } from '../base/errno.ts'
import { loadNative } from '../linux/native.ts'
import { ownCommand, sharesUserNamespace } from '../linux/privileges.ts'

/**
 * Executes the program again, as the same process, in the user namespace of the process `pid` if
 * that is another one, and in more of its namespaces (options of nsenter(1)). There alone the owner
 * of a rootless lab may change its links and enter its hosts. The kernel lets the owner and root
 * in.
 */
export function enterUserNamespace(pid: number | undefined, ...more: readonly string[]): void {
  if (pid === undefined || sharesUserNamespace(pid)) return
  // Root takes the ids of the lab's user; others keep theirs.
  const ids = process.geteuid?.() === 0 ? [] : ['--preserve-credentials']
  const words = ['/usr/bin/env', 'nsenter', ...ids, '-U', ...more, '-t', String(pid)]
  throw new VnetError(loadNative().exec([...words, ...ownCommand()]), ['exec', 'nsenter'])
}
