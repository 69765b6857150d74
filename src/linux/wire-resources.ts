/** What the words of a wire refer to, found on this machine with this program's rights. */
import { readFileSync } from 'node:fs'
import type { WireResources } from '../netdev/device-wire.ts'
import { UsageError } from '../netdev/driver.ts'

/** Bytes of a file; the longest trace is far shorter. */
const FILE_MAX = 64 * 1024 * 1024

/** Files are read, and filters compiled by libpcap, when they are asked for. */
export const wireResources: WireResources = {
  filter(text) {
    throw new UsageError(`filter '${text}': filters cannot be compiled yet`)
  },
  file(path) {
    try {
      const bytes = readFileSync(path)
      if (bytes.length > FILE_MAX) throw new UsageError(`${path}: longer than ${FILE_MAX / 1024 ** 2} MiB`)
      return bytes.toString('utf8')
    } catch (error) {
      if (error instanceof UsageError) throw error
      throw new UsageError(`${path}: ${error instanceof Error ? error.message : error}`)
    }
  },
}
