/** createLab: opens the world of a lab, and starts it. */

import { once } from 'node:events'
import type { Carrier } from '../kernel/kernel-world.ts'
import { checkForms, LabUnavailableError } from '../model/index.ts'
import { checkInGuest, isInGuest, isRequired, type LabWorld, wantedWorld } from '../world/world.ts'
import type { Lab, LabOptions } from './lab.ts'
import type { LabSetup } from './links.ts'

/** Milliseconds for a lab to start and end on a very busy machine. */
const WARM_MS = 60_000

/**
 * @internal Makes a lab with a link, a fault and a connection, and closes it: the first use of each
 * part takes ten times as long as the second. Its worker then runs until the thread ends. createLab
 * reports why no lab can be made. It does not fetch: the first request takes as long as all else,
 * and many tests make none.
 */
export async function warmLabs(): Promise<void> {
  // In a guest, time is virtual.
  if (isInGuest()) return
  try {
    const wanted = wantedWorld(undefined)
    if (wanted === 'guest') return
    if (wanted !== 'memory') {
      await carrierFor()
    }
    const { createServer } = await import('node:net')
    const signal = AbortSignal.timeout(WARM_MS)
    await using lab = await createLabWith({ signal }, { captures: '', isHidden: true })
    const [client, server] = lab.hosts('client', 'server')
    const link = await lab.cable(client, server, { wire: 'delay 1us' })
    await link.ab.drop('tcp port 9', { nth: 1 })
    await server.listen(
      createServer(accepted => accepted.end()),
      8080,
    )
    const socket = await client.connect(8080, 'server')
    await once(socket.resume(), 'close', { signal })
  } catch {
    // The first test reports it.
  }
}

/**
 * Starts a lab. It ends when it is closed, disposed of, or `signal` aborts, and with the process.
 *
 * Rejects with a LabUnavailableError if the process lacks the rights that a lab needs; its message
 * says what to do. Rejects with a UsageError for wrong options.
 */
export function createLab(options: LabOptions = {}): Promise<Lab> {
  return createLabWith(options)
}

/** @internal Same as createLab, with the settings of fixtures and explore. */
export async function createLabWith(options: LabOptions, setup: LabSetup = {}): Promise<Lab> {
  options?.signal?.throwIfAborted?.()
  const wanted = wantedWorld(options?.world)
  if (wanted === 'memory') return createInMemory(options, setup)
  if (wanted === 'guest') {
    checkInGuest("createLab: world 'guest'")
  }
  const carrier = await carrierFor(setup)
  let world: LabWorld
  try {
    const [{ LAB_OPTIONS }, { KernelWorld }] = await Promise.all([
      import('./lab.ts'),
      import('../kernel/kernel-world.ts'),
    ])
    checkForms('createLab', options, LAB_OPTIONS)
    world = await KernelWorld.open(carrier, wanted)
  } catch (error) {
    carrier.release()
    if (wanted !== undefined || isRequired() || !(error instanceof LabUnavailableError)) throw error
    sayOnce(`labs are in memory, in virtual time, because ${error.message}`)
    return createInMemory(options, { ...setup, onRefused: () => setup.onRefused?.(error) })
  }
  const { Lab: LoadedLab } = await import('./lab.ts')
  return LoadedLab.start(world, options, setup)
}

/** Returns this thread, or a worker, which starts while this thread loads the rest of the lab. */
async function carrierFor({ isOwnCarrier = false }: LabSetup = {}): Promise<Carrier> {
  if (isOwnCarrier) {
    const { OwnLinks } = await import('../kernel/kernel-links.ts')
    return new OwnLinks()
  }
  const { LabWorker } = await import('../kernel/lab-worker.ts')
  return LabWorker.take()
}

async function createInMemory(options: LabOptions, setup: LabSetup): Promise<Lab> {
  const [{ Lab: LoadedLab, LAB_OPTIONS }, { MemoryWorld }] = await Promise.all([
    import('./lab.ts'),
    import('../memory/memory-world.ts'),
  ])
  checkForms('createLab', options, LAB_OPTIONS)
  return LoadedLab.start(new MemoryWorld(options.seed ?? 1), options, setup)
}

const SAID = Symbol.for('vnet.labs.said')

/** Says a line on standard error, once in this thread. */
function sayOnce(line: string): void {
  const thread = globalThis as { [SAID]?: Set<string> }
  thread[SAID] ??= new Set()
  if (thread[SAID].has(line)) return
  thread[SAID].add(line)
  console.error(`vnet: ${line}`)
}
