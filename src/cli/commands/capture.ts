/** `vnet capture`: writes frames of interfaces of running vnets to a file or standard output. */
import { setTimeout } from 'node:timers/promises'
import {
  EPIPE,
  isErrno,
  listed,
  NSEC_PER_MSEC,
  TIMER_MAX_MS,
  UsageError,
  VnetError,
} from '../../base/index.ts'
import { CaptureFile } from '../../capture/capture-file.node.ts'
import { CaptureError } from '../../capture/input.ts'
import { UNORDERED } from '../../capture/pcapng-content.ts'
import type { ControlClient, Found } from '../../control/index.ts'
import { interfaceArg } from '../../netdev/if.ts'
import { askVnets, fail, type QueryOptions } from '../ask.ts'
import { openNamed, type VnetStream, writeAll } from '../capture-streams.ts'
import { isNamed, label } from '../device-text.ts'
import type { Values } from '../parse/option.ts'
import type { shared } from '../parse/options.ts'
import { EXIT_FAILURE, EXIT_OK, endOf, type Io, type UserEnd } from '../process/io.ts'

interface CaptureCommandOptions
  extends QueryOptions,
    Values<
      [typeof shared.snaplen, typeof shared.ring, typeof shared.duration, typeof shared.tlsKeys]
    > {
  readonly filter: string | undefined
  readonly drops: boolean | undefined
}

/** Milliseconds that vnets may take for the rest of their captures. */
const REST_MS = 2000

/**
 * Captures the interfaces that all words but the last name, or all interfaces that this user may
 * capture if there is only one word, and writes them to the file that the last word names. Returns
 * the exit status: a failure if a named interface was refused.
 */
export function capture(
  words: readonly string[],
  options: CaptureCommandOptions,
  io: Io,
): Promise<number> {
  const [names, path] = [words.slice(0, -1), words.at(-1) as string]
  for (const name of names) {
    interfaceArg(name)
  }
  const { filter, snaplen, drops: dropsOnly, json, user } = options
  if (json && path === '-') {
    throw new UsageError('--json: standard output has the capture; name a file')
  }
  const start = async (client: ControlClient, found: Found) => {
    const last = found.devices.find(device => isNamed(device, path))
    if (last !== undefined) {
      throw new UsageError(
        `${path} is an interface: name a file last, such as ${last.name}.pcapng, or - for stdout`,
      )
    }
    using end = endOf(io)
    const { streams, isWhole } = await openNamed(
      client,
      found,
      names,
      { filter, snaplen, dropsOnly },
      io,
    )
    if (streams.length === 0 || (names.length > 0 && !isWhole)) return EXIT_FAILURE
    const status = await write(streams, path, options, io, end)
    return isWhole ? status : EXIT_FAILURE
  }
  return askVnets(names, io, start, { user })
}

/** Writes the streams until the user ends them, or all have ended. Returns the exit status. */
async function write(
  streams: readonly VnetStream[],
  path: string,
  { duration, ring, tlsKeys, json }: CaptureCommandOptions,
  io: Io,
  end: UserEnd,
): Promise<number> {
  await using file = new CaptureFile(path, { ring, tlsKeys, warn: text => void fail(io, text) })
  const names = streams.flatMap(({ devices }) => devices.map(label))
  if (!json) {
    io.err(`capturing ${listed(names)}\n`)
  }
  let error: unknown
  const written = Promise.all(streams.map(({ stream }) => writeAll(stream, file.source()))).catch(
    first => {
      error = first
    },
  )
  await Promise.race([ended(end, duration), written])
  file.hurry()
  for (const { stream } of streams) {
    stream.stop()
  }
  // A vnet that is stuck sends no rest.
  await Promise.race([written, setTimeout(REST_MS, undefined, { ref: false })])
  for (const { stream } of streams) {
    await stream[Symbol.asyncDispose]()
  }
  await written
  await file[Symbol.asyncDispose]()
  const { frames, lost, isOrdered } = file
  if (json) {
    io.out(`${JSON.stringify({ event: 'capture', frames, lost, isOrdered })}\n`)
  } else {
    io.err(`${frames} frames captured, ${lost} lost\n${isOrdered ? '' : `${UNORDERED}\n`}`)
  }
  // The reader has everything it wants: | head.
  if (error === undefined || isErrno(error, EPIPE)) return EXIT_OK
  if (error instanceof VnetError || error instanceof CaptureError) return fail(io, error)
  throw error
}

/** Settles when the user ends the command, or after `duration` ns. */
async function ended(end: UserEnd, duration: number | undefined): Promise<unknown> {
  if (duration === undefined) return end.asked
  for (let ms = duration / NSEC_PER_MSEC; ms > 0; ms -= TIMER_MAX_MS) {
    if (await end.within(Math.min(ms, TIMER_MAX_MS))) return undefined
  }
  return undefined
}
