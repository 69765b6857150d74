/** The calls of Wireshark that query running vnets: their interfaces, and their frames. */
import { close, closeSync, constants, open, openSync } from 'node:fs'
import { promisify } from 'node:util'
import { ENODEV, EPIPE, isErrno, VnetError } from '../base/errno.ts'
import { UsageError } from '../base/usage-error.ts'
import { CaptureFile } from '../capture/capture-file.node.ts'
import { ControlClient } from '../control/client/client.ts'
import { findVnets, isOfLab } from '../control/client/find.ts'
import type { CaptureRequest } from '../control/client/types.ts'
import { loadNative } from '../linux/native.ts'
import { onReaderGone } from '../linux/pipe-reader.ts'
import { fail } from './ask.ts'
import { complaintsOf, openStreams, type VnetStream, writeAll } from './capture-streams.ts'
import { enterUserNamespace } from './enter-lab.ts'
import { ALL, interfaceSentences, interfaceValue } from './extcap-sentences.ts'
import { EXIT_FAILURE, EXIT_OK, endOf, type Io } from './io.ts'
import { packageVersion } from './version.ts'

/** How long a vnet may take to reply: Wireshark waits for the list when it starts. */
const LIST_MS = 500
/** Milliseconds after which a wait for a reader is ended. A new wait may start meanwhile. */
const AGAIN_MS = 20

/** Prints the interfaces. A vnet that does not reply is left out. */
export async function listInterfaces(io: Io): Promise<number> {
  using client = new ControlClient(loadNative(), { timeoutMs: LIST_MS })
  const { devices } = await findVnets(client)
  const help = new URL('../../docs/capture.md', import.meta.url)
  io.out(interfaceSentences(devices, packageVersion(), help.href))
  return EXIT_OK
}

/**
 * Captures an interface, or all, into a FIFO, until SIGTERM or until its reader or the vnets have
 * ended. Returns the exit status.
 */
export async function capture(value: string, fifo: string, options: CaptureRequest, io: Io): Promise<number> {
  using end = endOf(io)
  using client = new ControlClient(loadNative())
  let streams: readonly VnetStream[] = []
  let again: NodeJS.Timeout | undefined
  const stop = () => {
    for (const { stream } of streams) stream.stop()
  }
  const stopped = end.asked.finally(() => {
    stop()
    again = setInterval(letGo, AGAIN_MS, fifo)
  })
  stopped.catch(() => {})
  const complain = (error: Error) => fail(io, error)
  try {
    const opened = await openInterface(client, value, options)
    streams = opened.streams
    const complaints = complaintsOf(opened, value === ALL)
    complaints.forEach(complain)
    if (streams.length > 0) {
      if (again !== undefined) return EXIT_OK
      const written = writeTo(fifo, streams, stop)
      // A defect rejects immediately.
      await Promise.race([written, stopped.then(() => written)])
      return complaints.length === 0 ? EXIT_OK : EXIT_FAILURE
    }
  } catch (error) {
    if (!(error instanceof VnetError || error instanceof UsageError)) throw error
    // Without its reader Wireshark has everything it wanted.
    if (isErrno(error, EPIPE)) return EXIT_OK
    complain(error)
  } finally {
    for (const { stream } of streams) await stream[Symbol.asyncDispose]()
    if (streams.length === 0) await hangUp(fifo)
    clearInterval(again)
  }
  return EXIT_FAILURE
}

async function openInterface(client: ControlClient, value: string, options: CaptureRequest) {
  const { devices } = await findVnets(client)
  const wanted = devices.filter(device => value === ALL || interfaceValue(device) === value)
  if (wanted.length === 0) throw new VnetError(ENODEV, value, 'its vnet has ended: refresh the list of interfaces')
  if (value !== ALL) for (const { pid } of wanted.filter(isOfLab)) enterUserNamespace(pid)
  return openStreams(client, wanted, options)
}

/** Writes the streams to their end, which follows soon after the reader closes the FIFO. */
async function writeTo(fifo: string, streams: readonly VnetStream[], stop: () => void): Promise<void> {
  await using file = new CaptureFile(fifo)
  let watch: Disposable | undefined
  const sinkOf = (sink: { write(bytes: Uint8Array): Promise<void> }) => ({
    async write(bytes: Uint8Array): Promise<void> {
      await sink.write(bytes)
      // The FIFO is open, so it has a reader.
      watch ??= watchReader(fifo, stop)
    },
  })
  try {
    await Promise.all(streams.map(({ stream }) => writeAll(stream, sinkOf(file.source()))))
  } finally {
    watch?.[Symbol.dispose]()
  }
}

/** Calls `onGone` when nothing reads the FIFO any more, also while no frame passes. */
function watchReader(fifo: string, onGone: () => void): Disposable | undefined {
  const flags = constants.O_WRONLY | constants.O_NONBLOCK
  let watch: Disposable | undefined
  try {
    const fd = openSync(fifo, flags)
    watch = onReaderGone(loadNative(), fd, onGone)
    closeSync(fd)
    // A watch that started without a reader does nothing.
    closeSync(openSync(fifo, flags))
  } catch {
    onGone()
  }
  return watch
}

/**
 * Opens the FIFO and closes it: without that Wireshark would wait for a writer, and show the error
 * only when the user stops the capture.
 */
async function hangUp(fifo: string): Promise<void> {
  const [opened, closed] = [promisify(open), promisify(close)]
  await opened(fifo, constants.O_WRONLY).then(closed, () => {})
}

/** Ends the wait for a reader of the FIFO, if something waits for one. */
function letGo(fifo: string): void {
  try {
    closeSync(openSync(fifo, constants.O_RDONLY | constants.O_NONBLOCK))
  } catch {
    // The FIFO was removed, and its reader has ended.
  }
}
