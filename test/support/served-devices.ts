/** Devices in memory, served like those of a running vnet, and clients that query them. */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { ControlClient, serveControl } from '#src/control/index.ts'
import { loadNative, type Native } from '#src/linux/native.ts'
import type { NetDevice } from '#src/netdev/net-device.ts'
import { endedAfterEach } from './ends.ts'
import { addDevice, memoryNets } from './memory-net.ts'

interface Serving {
  readonly netnsOf?: (dev: NetDevice) => string | undefined
  readonly native?: Native
  /** The number of queues of each kind, by default 4 to transmit and 2 to receive. */
  readonly queues?: number
}

/** Call it once in a test file. `directory` has the files of the vnets. */
export function servedDevices(directory: string) {
  const native = loadNative()
  const memoryNet = memoryNets()
  const ends = endedAfterEach<Disposable>()

  /** Serves a net with devices of these names; returns its socket, too. */
  async function serve(names: readonly string[], { queues, ...options }: Serving = {}) {
    const memory = memoryNet()
    const before = new Set(readdirSync(directory))
    const control = serveControl(options.native ?? native, memory.net, { ...options, directory })
    ends.push(control)
    const socket = readdirSync(directory).find(name => name.endsWith('.sock') && !before.has(name))
    const devices = []
    for (const name of names) {
      devices.push(await addDevice(memory, {}, { name, txqs: queues ?? 4, rxqs: queues ?? 2 }))
    }
    return { ...memory, control, devices, vnet: join(directory, socket ?? 'none') }
  }

  function asking(): ControlClient {
    const client = new ControlClient(native)
    ends.push(client)
    return client
  }

  return { serve, asking, native }
}
