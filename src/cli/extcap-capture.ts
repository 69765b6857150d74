/** The calls of Wireshark that ask running vnets: for their interfaces, and for frames. */
import { closeSync, constants, openSync } from 'node:fs'
import { createRequire } from 'node:module'
import { ControlClient } from '../control/client/client.ts'
import { findVnets } from '../control/client/find.ts'
import type { CaptureOptions } from '../control/client/types.ts'
import { CaptureFile } from '../linux/capture-file.ts'
import { loadNative } from '../linux/native.ts'
import { EPIPE, isErrno } from '../netdev/errno.ts'
import { fail } from './ask.ts'
import { openStreams, writeAll } from './capture-streams.ts'
import { ALL, interfaceSentences, interfaceValue } from './extcap-words.ts'
import { EXIT_FAILURE, EXIT_OK, endOf, type Io } from './io.ts'

/** How long a vnet may take to reply: Wireshark waits for the list when it starts. */
const LIST_MS = 500

/** Prints the interfaces. A vnet that does not reply is left out. */
export async function listInterfaces(io: Io): Promise<number> {
  using client = new ControlClient(loadNative(), { timeoutMs: LIST_MS })
  const { devices } = await findVnets(client)
  // src/cli and dist/cli are equally deep.
  const { version } = createRequire(import.meta.url)('../../package.json')
  const help = new URL('../../docs/capture.md', import.meta.url)
  io.out(interfaceSentences(devices, version, help.href))
  return EXIT_OK
}

/**
 * Captures an interface, or all, into a FIFO, until SIGTERM or until its reader or the vnets have
 * ended. Returns the exit status.
 */
export async function capture(value: string, fifo: string, options: CaptureOptions, io: Io): Promise<number> {
  using end = endOf(io)
  using client = new ControlClient(loadNative())
  const { devices } = await findVnets(client)
  const wanted = devices.filter(device => value === ALL || interfaceValue(device) === value)
  if (wanted.length === 0) return fail(io, `no running vnet has ${value} any more: refresh the list of interfaces`)
  const { streams, failed } = await openStreams(client, wanted, options)
  for (const { message } of failed) fail(io, message)
  if (streams.length === 0) return EXIT_FAILURE
  const file = new CaptureFile(fifo)
  const written = Promise.all(streams.map(({ stream }) => writeAll(stream, file.source())))
  const stopped = end.asked.then(() => {
    for (const { stream } of streams) stream.stop()
    letGo(fifo)
    return written
  })
  try {
    await Promise.race([written, stopped])
    await file[Symbol.asyncDispose]()
  } catch (error) {
    // Wireshark has what it wanted.
    if (!isErrno(error, EPIPE)) throw error
  } finally {
    for (const { stream } of streams) await stream[Symbol.asyncDispose]()
  }
  return failed.length === 0 ? EXIT_OK : EXIT_FAILURE
}

/** Ends the wait for a reader of the FIFO, if there is none yet. */
function letGo(fifo: string): void {
  try {
    closeSync(openSync(fifo, constants.O_RDONLY | constants.O_NONBLOCK))
  } catch {
    // It is gone, and so is its reader.
  }
}
