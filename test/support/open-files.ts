/** The files that a process or a thread has open. */
import { readdirSync, readlinkSync } from 'node:fs'

/**
 * Returns what the descriptors in a directory like /proc/self/fd refer to. A running process may
 * close one meanwhile.
 */
export function openFiles(directory: string): string[] {
  return readdirSync(directory).flatMap(fd => {
    try {
      return [readlinkSync(`${directory}/${fd}`)]
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
      throw error
    }
  })
}
