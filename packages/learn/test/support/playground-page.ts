/** The script of a page that runs drivers in the playground's worker, and posts a line of each. */
import type { PlaygroundDriver, PlaygroundReply, PlaygroundRequest } from '../../src/browser/playground/messages.ts'

export interface Seen {
  readonly name: string
  /** The devices of the last hello before that line. */
  readonly devices: readonly string[]
  /** The first line after those of opened devices. */
  readonly told: string
}

const drivers = (await (await fetch('drivers.json')).json()) as Readonly<Record<string, PlaygroundDriver>>

for (const [name, driver] of Object.entries(drivers)) {
  const worker = new Worker(new URL('playground-worker.js', import.meta.url), { type: 'module' })
  const send = (request: PlaygroundRequest) => worker.postMessage(request)
  const seen = await new Promise<Seen>(resolve => {
    let devices: readonly string[] = []
    worker.onmessage = ({ data }: MessageEvent<PlaygroundReply>) => {
      if ('feed' in data && data.feed.type === 'hello')
        devices = data.feed.vnets.flatMap(vnet => vnet.devices.map(({ id }) => id))
      if ('told' in data && !data.told.endsWith('device opened')) resolve({ name, devices, told: data.told })
    }
    send({ do: 'start', driver })
    send({ do: 'send', what: 'ping' })
  })
  worker.terminate()
  await fetch('results', { method: 'POST', body: JSON.stringify(seen) })
}
await fetch('results', { method: 'POST', body: 'null' })
