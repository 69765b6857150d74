/**
 * Memory Nets of drivers, served like running vnets, and the commands of a program that finds these
 * vnets only. Whatever a command changes, a test sees on the devices.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type CaptureStream, type ServerOptions, serveControl } from '#src/control/index.ts'
import { loadNative } from '#src/linux/native.ts'
import type { Driver, Params, ParamValues } from '#src/netdev/driver.ts'
import type { NetDevice } from '#src/netdev/net-device.ts'
import { endedAfterEach } from './ends.ts'
import { freshDirectory } from './fresh-directory.ts'
import { addDriver, memoryNets, turn } from './memory-net.ts'
import { mainIn } from './run-main.ts'

/** The wall clock of all servers: 2027-01-15T08:00:00Z. */
export const SERVED_AT = 1_800_000_000_000

/** Call it once in a test file. */
export function servedNets() {
  const memoryNet = memoryNets()
  const directory = freshDirectory()
  const users: number[] = []
  const ends = endedAfterEach<Disposable>()

  /** Serves a driver's devices `[NETNS/]IF`, which are up; `bare` as devices of no driver. */
  async function serve<P extends Params>(
    driver: Driver<P>,
    args: readonly string[],
    params: Partial<ParamValues<P>> = {},
    options: ServerOptions & {
      readonly queues?: number
      readonly down?: boolean
      readonly bare?: boolean
    } = {},
  ) {
    const { queues, down = false, bare = false, ...serverOptions } = options
    const memory = memoryNet()
    const made = await addDriver(memory, driver, params, { args, txqs: queues, rxqs: queues, down })
    const netnsOf = (dev: NetDevice) => made.specs.find(spec => spec.dev === dev)?.netns
    const server = serveControl(loadNative(), memory.net, {
      directory,
      ...(bare ? {} : { module: { ...driver, values: made.values } }),
      netnsOf,
      namespaceOf: dev => (netnsOf(dev) === undefined ? undefined : { inode: 1 }),
      now: () => SERVED_AT,
      ...serverOptions,
    })
    ends.push(server)
    return { ...memory, ...made, server, memory }
  }
  /** Writes into the files of the vnets that they run in another network namespace, and `more`. */
  function moveAway(more: object = {}): void {
    for (const name of readdirSync(directory).filter(name => name.endsWith('.json'))) {
      const entry = JSON.parse(readFileSync(join(directory, name), 'utf8'))
      const interfaces = entry.interfaces.map((each: object) => ({
        ...each,
        inode: 1,
        cookie: undefined,
      }))
      writeFileSync(
        join(directory, name),
        JSON.stringify({ ...entry, netns: 1, ...more, interfaces }),
      )
    }
  }
  return { serve, moveAway, directory, users, ...mainIn(directory, users) }
}

/** A capture of these bytes, which no vnet would send on demand. */
export function streamOf(...parts: readonly Uint8Array[]): CaptureStream {
  return {
    async *[Symbol.asyncIterator]() {
      yield* parts
      return undefined
    },
    stop() {},
    async [Symbol.asyncDispose]() {},
  }
}

/** Settles when a client captures the device, or with `false`, when none does. */
export async function captured(dev: NetDevice | undefined, is = true): Promise<void> {
  while ((dev?.frameProbe !== undefined) !== is) {
    await turn()
  }
}
