/** The script of a page that runs drivers in the playground's worker, and posts a line of each. */
import type {
  PlaygroundDriver,
  PlaygroundReply,
  PlaygroundRequest,
} from '../../src/browser/playground/messages.ts'

export interface Run {
  readonly driver: PlaygroundDriver
  /** Whether frames wait for steps. */
  readonly isStepped?: boolean
}

export interface Seen {
  readonly name: string
  /** The devices of the last hello before that line. */
  readonly devices: readonly string[]
  /** The first line that reports no opened device, or the first line of the driver in a step. */
  readonly told: string
}

const runs = (await (await fetch('runs.json')).json()) as Readonly<Record<string, Run>>

for (const [name, { driver, isStepped }] of Object.entries(runs)) {
  const worker = new Worker(new URL('playground-worker.js', import.meta.url), { type: 'module' })
  const send = (request: PlaygroundRequest) => worker.postMessage(request)
  const seen = await new Promise<Seen>(resolve => {
    let devices: readonly string[] = []
    worker.onmessage = ({ data }: MessageEvent<PlaygroundReply>) => {
      if ('told' in data && !data.told.endsWith('device opened')) {
        resolve({ name, devices, told: data.told })
      }
      if (!('feed' in data)) return
      const { feed } = data
      if (feed.type === 'hello') {
        devices = feed.vnets.flatMap(vnet => vnet.devices.map(({ id }) => id))
        const [id] = devices
        if (isStepped && id !== undefined) {
          send({ do: 'command', seq: 1, id, command: { do: 'step', mode: 'on' } })
        }
      } else if (feed.type === 'step' && feed.step !== undefined) {
        const { id, source } = feed.step
        if (source === undefined) {
          send({ do: 'command', seq: 2, id, command: { do: 'step', mode: 'next' } })
        } else {
          resolve({ name, devices, told: `${source.file}:${source.line} ${source.lines[0]}` })
        }
      }
    }
    send({ do: 'start', driver })
    send({ do: 'send', what: 'ping' })
  })
  worker.terminate()
  await fetch('results', { method: 'POST', body: JSON.stringify(seen) })
}
await fetch('results', { method: 'POST', body: 'null' })
