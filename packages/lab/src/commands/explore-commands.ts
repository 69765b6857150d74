/**
 * `vnet explore --server CMD --client CMD`: faults at the bytes of the connections of two commands
 * (packages/lab/docs/explore-commands.md).
 */
import { EXIT_FAILURE, EXIT_OK, endOf, fail, type Io, statusOf } from 'vnet/kit/cli'
import { ServiceError } from '../file/service.ts'
import {
  CleanRunError,
  endJson,
  endText,
  findingJson,
  findingText,
  type HuntCalls,
  type HuntCliOptions,
  type HuntOptions,
  type HuntResult,
  hunt,
  huntOptions,
  isPassed,
  resultJson,
  resultText,
  startJson,
  startText,
  tellerOf,
} from '../hunt/index.ts'
import { type ExploreCliOptions, exploreCommand, whyUnavailable } from './explore.ts'

/**
 * Explores a lab, a scenario, or commands. Returns 1 if there is a finding or a failure, or nothing
 * was tried, and 0 otherwise; after a signal 128 plus its number.
 */
export async function exploreAny(
  io: Io,
  file: string | undefined,
  command: readonly string[],
  options: HuntCliOptions & ExploreCliOptions,
): Promise<number> {
  const { server, ready, client, endsWithin, errors, labs, fresh, warm, ...others } = options
  const own = { server, ready, client, endsWithin, errors, labs, fresh, warm }
  const hunted = huntOptions(file, command, own, others)
  if (hunted === undefined) return exploreCommand(file, command, others, io)
  return exploreCommands(hunted, others.json === true, io)
}

/** The output of an exploration of commands. */
async function exploreCommands(options: HuntOptions, json: boolean, io: Io): Promise<number> {
  const missing = await whyUnavailable('kernel', '', io)
  if (missing !== undefined) return fail(io, missing)
  using end = endOf(io)
  const stop = new AbortController()
  end.asked.finally(() => stop.abort()).catch(() => {})
  const print = (text: string, object: object) => {
    io.progress?.(undefined)
    io.out(json ? `${JSON.stringify(object)}\n` : text)
  }
  const tell = tellerOf(options)
  const calls: HuntCalls = {
    signal: stop.signal,
    onStart: start => print(startText(start), startJson(start)),
    onFinding: async (finding, untilEnd) => {
      const told = await tell(finding, untilEnd)
      print(findingText(finding, told), findingJson(finding, told))
    },
    onResult: each => print(resultText(each), resultJson(each)),
    onProgress: text => io.progress?.(text),
  }
  const result = await huntOrLine(options, calls)
  io.progress?.(undefined)
  if (typeof result === 'string') return fail(io, result)
  print(endText(result), endJson(result))
  if (!stop.signal.aborted) return isPassed(result) ? EXIT_OK : EXIT_FAILURE
  const signal = await end.asked
  return signal === undefined ? EXIT_FAILURE : statusOf(null, signal)
}

/** Returns the line of an error of the commands in place of a result. */
async function huntOrLine(options: HuntOptions, calls: HuntCalls): Promise<HuntResult | string> {
  try {
    return await hunt(options, calls)
  } catch (error) {
    if (error instanceof CleanRunError || error instanceof ServiceError) return error.message
    throw error
  }
}
