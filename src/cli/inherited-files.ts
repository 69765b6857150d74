/** Files that the starting shell left open, such as `9</etc/shadow`: vnet needs none of them. */
import { closeSync, fstatSync, readdirSync } from 'node:fs'

/** The last descriptor that every program has. */
const STDERR = 2
/** Commands that start a program of the user's, which inherits the files. */
const STARTING: readonly (string | undefined)[] = ['exec', 'rootless']

/** The arguments and the environment of a process. */
type Started = Pick<NodeJS.Process, 'argv' | 'execArgv' | 'env' | 'platform'>

/**
 * Closes inherited files, directories and block devices, unless an argument names them, such as
 * /dev/fd/9. Call it before the program opens a file. Sockets, pipes and terminals remain open,
 * because some of them are Node's own. Does nothing if the command starts a program, if Node has
 * options, because some options open files, or off Linux, where vnet opens no interface.
 */
export function closeInheritedFiles({ argv, execArgv, env, platform }: Started): void {
  if (platform !== 'linux' || execArgv.length > 0 || env.NODE_OPTIONS !== undefined || STARTING.includes(argv[2]))
    return
  const named = new Set(Array.from(argv.join('\n').matchAll(/\/fd\/(\d+)/g), ([, fd]) => Number(fd)))
  for (const fd of readdirSync('/proc/self/fd').map(Number)) {
    if (fd > STDERR && !named.has(fd) && isFile(fd)) closeSync(fd)
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
