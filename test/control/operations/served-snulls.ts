/** Vnets with snull, and clients that step through its frames. */
import { join } from 'node:path'
import { ControlClient, type Entry, serveControl } from '#src/control/index.ts'
import { readDirectories } from '#src/control/sockets/directory.ts'
import { namedDirectory } from '#src/control/sockets/run-directory.ts'
import { loadNative } from '#src/linux/native.ts'
import { endedAfterEach } from '#support/ends.ts'
import { freshDirectory } from '#support/fresh-directory.ts'
import { memoryNets } from '#support/memory-net.ts'
import { snullPair } from '#support/snull-pair.ts'

/** Returns a function that serves snull until the end of a test. Call it once in a test file. */
export function servedSnulls() {
  const memoryNet = memoryNets()
  const root = freshDirectory()
  const ends = endedAfterEach<Disposable>()

  /** snull, and a client of it. */
  async function served() {
    const memory = memoryNet()
    const pair = await snullPair(memory)
    ends.push(
      serveControl(loadNative(), memory.net, {
        directory: join(root, 'vnet'),
        now: () => 1_800_000_000_000,
      }),
    )
    const client = new ControlClient(loadNative())
    ends.push(client)
    const [entry] = readDirectories(namedDirectory(join(root, 'vnet')))
    const [sn0, sn1] = [pair.sn0, pair.sn1].map(({ ifindex, name }) => ({
      ifindex,
      name,
      netns: undefined,
    }))
    return { ...pair, client, vnet: (entry as Entry).vnet, device: sn0!, peer: sn1! }
  }
  return { served, memoryNet, ends }
}
