/** Vnets with a cable, and clients that capture from them. */
import { join } from 'node:path'
import { CaptureReader } from '#src/capture/reader.ts'
import { type CaptureStream, ControlClient, type Entry, serveControl } from '#src/control/index.ts'
import { readDirectories } from '#src/control/sockets/directory.ts'
import { namedDirectory } from '#src/control/sockets/run-directory.ts'
import { driver as cable } from '#src/drivers/cable.ts'
import { loadNative } from '#src/linux/native.ts'
import { endedAfterEach } from '#support/ends.ts'
import { freshDirectory } from '#support/fresh-directory.ts'
import { addDriver, memoryNets, sendAll } from '#support/memory-net.ts'

interface Named {
  readonly ifindex: number
  readonly name: string
}

/** Returns a function that serves a vnet until the end of a test. Call it once in a test file. */
export function servedCables() {
  const memoryNet = memoryNets()
  const root = freshDirectory()
  const ends = endedAfterEach<Disposable>()

  /** A vnet with a cable from `a` to `b`, and a client. */
  async function served(params: { wire?: string } = {}) {
    const memory = memoryNet()
    const { devices, ports } = await addDriver(
      memory,
      cable,
      { ...params, seed: 7 },
      { args: ['a', 'b'] },
    )
    const module = { name: 'cable', params: {}, values: {} }
    const native = loadNative()
    const server = serveControl(native, memory.net, {
      module,
      directory: join(root, 'vnet'),
      now: () => 1_800_000_000_000,
    })
    ends.push(server)
    const client = new ControlClient(native)
    ends.push(client)
    const [entry] = readDirectories(namedDirectory(join(root, 'vnet')))
    const send = (...frames: Uint8Array[]) => {
      sendAll(ports[0]!, ...frames)
    }
    const [a, b] = devices.map(({ ifindex, name }) => ({ ifindex, name })) as [Named, Named]
    return { ...memory, server, client, devices, a, b, send, vnet: (entry as Entry).vnet }
  }
  return { served, ends }
}

/** Reads a stream to its end; returns `DEVICE in|out LENGTH COMMENT` of each frame. */
export async function framesOf(stream: CaptureStream): Promise<string[]> {
  const reader = new CaptureReader('capture')
  for await (const bytes of stream) {
    reader.push(bytes.slice())
  }
  reader.end()
  const frames: string[] = []
  for (let record = reader.next(); record !== undefined; record = reader.next()) {
    const way = (record.flags ?? 0) & 1 ? 'in' : 'out'
    frames.push([record.interfaceName, way, record.capturedLength, ...record.comments].join(' '))
  }
  return frames
}

/** Returns the names of the devices that have a probe. */
export const probed = (
  devices: readonly { readonly frameProbe?: unknown; readonly name: string }[],
) => devices.filter(({ frameProbe }) => frameProbe !== undefined).map(({ name }) => name)
