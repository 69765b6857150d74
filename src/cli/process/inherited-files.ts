/** Files that the shell left open, such as `9</etc/shadow` or a socket: vnet needs none of them. */
import { closeSync, fstatSync, readdirSync } from 'node:fs'
import { attempt } from '../../base/errno.ts'
import { loadNative } from '../../linux/native.ts'

/** The last descriptor that every program has. */
const STDERR = 2
const FD_MAX = 0x7fff_ffff
/** A descriptor in an argument, also in `--data=@/dev/fd/63`; not in the middle of another path. */
const NAMED = /(?:^|[^\w./-])\/(?:dev|proc\/\w+)\/fd\/(\d+)/gm
/** Commands that start a program of the user's, which inherits everything. */
const STARTING: readonly (string | undefined)[] = ['exec', 'rootless']

/** The arguments and the environment of a process. */
type Started = Pick<NodeJS.Process, 'argv' | 'execArgv' | 'env' | 'platform'>

/**
 * Closes inherited files, directories and block devices, and keeps sockets and pipes from the
 * programs that vnet starts: they would lead out of a namespace. An argument can name descriptors
 * that are to remain, such as /dev/fd/9. Call it before the program opens a file. Sockets, pipes
 * and terminals remain open in vnet, because some of them are Node's own, and so do files if Node
 * has options, because some options open files. Does nothing if the command starts a program that
 * inherits all, or off Linux, where vnet opens no interface.
 */
export function closeInheritedFiles({ argv, execArgv, env, platform }: Started): void {
  if (platform !== 'linux' || STARTING.includes(argv[2])) return
  const named = namedDescriptors(argv)
  keepFromPrograms(named)
  if (execArgv.length > 0 || env.NODE_OPTIONS !== undefined) return
  for (const fd of readdirSync('/proc/self/fd').map(Number)) {
    if (fd > STDERR && !named.includes(fd) && isFile(fd)) {
      closeSync(fd)
    }
  }
}

/** Returns open descriptors past stderr that words name, as /dev/fd/63 for a shell's `<(...)`. */
export function namedDescriptors(words: readonly string[]): readonly number[] {
  const numbers = Array.from(words.join('\n').matchAll(NAMED), ([, fd]) => Number(fd))
  return [...new Set(numbers)]
    .filter(fd => fd > STDERR && attempt(() => fstatSync(fd)))
    .sort((a, b) => a - b)
}

/** Marks descriptors past stderr close-on-exec: Node stops at the first unused number above 15. */
function keepFromPrograms(named: readonly number[]): void {
  // Without the addon no program is started in a namespace.
  const native = attempt(loadNative)
  let first = STDERR + 1
  for (const fd of [...named, FD_MAX]) {
    if (fd > first) {
      native?.closeOnExec(first, fd - 1)
    }
    first = fd + 1
  }
}

function isFile(fd: number): boolean {
  try {
    const stat = fstatSync(fd)
    return stat.isFile() || stat.isDirectory() || stat.isBlockDevice()
  } catch {
    // The descriptor that read the list.
    return false
  }
}
