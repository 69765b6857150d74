/** The calls of Wireshark that query running vnets: their interfaces, and their frames. */
import { closeSync, constants, openSync } from 'node:fs'
import { ENODEV, EPIPE, isErrno, reasonOf, UsageError, VnetError } from '../../base/index.ts'
import { CaptureFile } from '../../capture/capture-file.node.ts'
import { ControlClient, SERVED_TIMEOUT_MS } from '../../control/client/client.ts'
import { findVnets, isOfLab } from '../../control/client/find.ts'
import type { CaptureRequest } from '../../control/protocol/types.ts'
import { loadNative } from '../../linux/native.ts'
import { onReaderGone } from '../../linux/pipe-reader.ts'
import { enterUserNamespace, fail } from '../ask.ts'
import { complaintsOf, openStreams, type VnetStream, writeAll } from '../capture-streams.ts'
import { packageVersion } from '../own-package.ts'
import { EXIT_FAILURE, EXIT_OK, endOf, type Io, type UserEnd } from '../process/io.ts'
import { ALL, interfaceSentences, interfaceValue } from './extcap-sentences.ts'

/** Milliseconds between two looks for a reader. */
const AGAIN_MS = 20

/** Prints the interfaces. A vnet that is stuck is left out: Wireshark waits at its start. */
export async function listInterfaces(io: Io): Promise<number> {
  using client = new ControlClient(loadNative(), { timeoutMs: SERVED_TIMEOUT_MS })
  const { devices } = await findVnets(client, io.find)
  const help = new URL('../../../docs/capture.md', import.meta.url)
  io.out(interfaceSentences(devices, packageVersion(), help.href))
  return EXIT_OK
}

/**
 * Captures an interface, or all, into a FIFO, until SIGTERM or until its reader or the vnets have
 * ended. Returns the exit status.
 */
export async function capture(
  value: string,
  fifo: string,
  options: CaptureRequest,
  io: Io,
): Promise<number> {
  using end = endOf(io)
  using client = new ControlClient(loadNative())
  let streams: readonly VnetStream[] = []
  let fd: number | undefined
  const stop = () => {
    for (const { stream } of streams) {
      stream.stop()
    }
  }
  const stopped = end.asked.finally(stop)
  stopped.catch(() => {})
  const complain = (error: Error) => fail(io, error)
  try {
    const opened = await openInterface(client, value, options, io)
    streams = opened.streams
    const complaints = complaintsOf(opened, value === ALL)
    complaints.forEach(complain)
    if (streams.length > 0) {
      fd = await openRead(fifo, end)
      if (fd === undefined) return EXIT_OK
      const written = writeTo(fifo, fd, streams, stop)
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
    for (const { stream } of streams) {
      await stream[Symbol.asyncDispose]()
    }
    // Wireshark would wait for a writer, and show the error only when the user stops the capture.
    if (streams.length === 0) {
      fd = await openRead(fifo, end).catch(() => undefined)
    }
    if (fd !== undefined) {
      closeSync(fd)
    }
  }
  return EXIT_FAILURE
}

async function openInterface(
  client: ControlClient,
  value: string,
  options: CaptureRequest,
  { find }: Io,
) {
  const { devices } = await findVnets(client, find)
  const wanted = devices.filter(device => value === ALL || interfaceValue(device) === value)
  if (wanted.length === 0) {
    throw new VnetError(ENODEV, value, 'its vnet has ended: refresh the list of interfaces')
  }
  if (value !== ALL) {
    for (const { pid } of wanted.filter(isOfLab)) {
      enterUserNamespace(pid)
    }
  }
  return openStreams(client, wanted, options)
}

/** Writes the streams to their end, which follows soon after the reader closes the FIFO `fd`. */
async function writeTo(
  fifo: string,
  fd: number,
  streams: readonly VnetStream[],
  stop: () => void,
): Promise<void> {
  using _watch = onReaderGone(loadNative(), fd, stop)
  await using file = new CaptureFile(fifo)
  await Promise.all(streams.map(({ stream }) => writeAll(stream, file.source())))
}

/** Opens the FIFO when it has a reader. Returns undefined if the user ends the command first. */
async function openRead(fifo: string, end: UserEnd): Promise<number | undefined> {
  for (;;) {
    try {
      return openSync(fifo, constants.O_WRONLY | constants.O_NONBLOCK)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENXIO') {
        throw new UsageError(`${fifo}: ${reasonOf(error)}`)
      }
    }
    if (await end.within(AGAIN_MS)) return undefined
  }
}
