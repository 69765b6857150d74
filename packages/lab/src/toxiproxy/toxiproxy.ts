/**
 * `vnet toxiproxy`: the API of toxiproxy, with faults of packets.
 * packages/lab/docs/toxiproxy.md has the differences.
 */
import { readFileSync } from 'node:fs'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { reasonOf, UsageError } from 'vnet'
import { complain, EXIT_FAILURE, EXIT_OK, endOf, type Io } from 'vnet/kit/cli'
import { LabUnavailableError } from '../model/index.ts'
import { apiServer } from './api.ts'
import { ApiError, listOf } from './body.ts'
import { LabProcess } from './lab-process.ts'
import { type Packets, Proxies } from './proxies.ts'
import type { ToxicProxy } from './proxy.ts'

export interface ToxiproxyOptions {
  readonly host: string | undefined
  readonly port: number | undefined
  readonly config: string | undefined
  readonly seed: number | undefined
  readonly allowHost: readonly string[] | undefined
  readonly proxyMetrics: boolean | undefined
  readonly runtimeMetrics: boolean | undefined
  /** False for --no-packets. */
  readonly packets: boolean | undefined
}

/** The levels of toxiproxy's LOG_LEVEL at which requests are logged. */
const VERBOSE = ['debug', 'trace']

/**
 * Runs until a signal. Returns the exit status. It listens before its lab is ready, except with
 * proxies of a file: a request that needs the lab waits for it.
 */
export async function toxiproxy(options: ToxiproxyOptions, io: Io): Promise<number> {
  const { config, seed = 1, packets = true } = options
  const inputs = config === undefined ? [] : configOf(config)
  using end = endOf(io)
  const lab = packets ? LabProcess.start(seed) : undefined
  const making = packetsOf(lab)
  making.catch(() => {})
  const proxies = new Proxies(making, seed)
  const server = serverOf(proxies, making, options, io)
  try {
    const known = lab === undefined || inputs.length > 0 ? await making : undefined
    await makeProxies(proxies, inputs, options, io)
    const url = await listen(server, options)
    if (url instanceof Error) {
      complain(io, `${url.message}: choose another --host or --port`)
      return EXIT_FAILURE
    }
    io.out(`ready: ${url}, ${known === undefined ? LATER : textOf(known)}\n`)
    const failure = await Promise.race([
      end.asked.then(() => undefined),
      labFailure(making, known, io),
    ])
    if (failure !== undefined) {
      complain(io, failure.message)
    }
    return failure === undefined ? EXIT_OK : EXIT_FAILURE
  } finally {
    server.close()
    server.closeAllConnections()
    // The relays end before a lab that is ready.
    if (lab?.isReady === false) {
      await lab.close()
    }
    await proxies.close()
  }
}

/** The link, as `vnet wire` and `vnet capture` name it. */
const LINK = 'toxiproxy:client/server'
/** In the first line, what the next one is about. */
const LATER = 'the link follows'

/** Returns the lab when it is ready, or the reason if none can be made. */
async function packetsOf(lab: LabProcess | undefined): Promise<Packets> {
  if (lab === undefined) return { why: '--no-packets is given' }
  try {
    await lab.ready
    return { lab }
  } catch (error) {
    if (!(error instanceof LabUnavailableError)) throw error
    return { why: error.message }
  }
}

function textOf({ lab, why }: Packets): string {
  if (lab === undefined) return `toxics of streams only: ${why}`
  return `packets of ${LINK}${lab.enter === undefined ? '' : `; enter by: ${lab.enter}`}`
}

/**
 * Prints what `making` results in, unless the first line had it. Resolves with an error if the lab
 * cannot be started, or has ended.
 */
async function labFailure(
  making: Promise<Packets>,
  known: Packets | undefined,
  io: Io,
): Promise<Error> {
  try {
    const packets = await making
    if (known === undefined) {
      io.out(`${textOf(packets)}\n`)
    }
    return await (packets.lab?.ended ?? new Promise<never>(() => {}))
  } catch (error) {
    return error as Error
  }
}

function serverOf(
  proxies: Proxies,
  making: Promise<Packets>,
  { allowHost = [], proxyMetrics = false, runtimeMetrics = false }: ToxiproxyOptions,
  io: Io,
): Server {
  const isVerbose = VERBOSE.includes(process.env.LOG_LEVEL ?? '')
  return apiServer(proxies, {
    hosts: allowHost.map(name => name.toLowerCase()),
    measures: { proxies: proxyMetrics, runtime: runtimeMetrics },
    vnet: async () => {
      const { lab, why } = await making
      return lab === undefined ? { mode: 'streams', reason: why } : { mode: 'packets', link: LINK }
    },
    log: line => isVerbose && io.err(`vnet: ${line}\n`),
  })
}

/** Makes the proxies of the file. Throws a UsageError for a mistake in it. */
async function makeProxies(
  proxies: Proxies,
  inputs: readonly unknown[],
  { config }: ToxiproxyOptions,
  io: Io,
): Promise<void> {
  if (inputs.length === 0) return
  const made: ToxicProxy[] = []
  await proxies.populate(inputs, made).catch(error => {
    if (error instanceof ApiError && error.status === 400) {
      throw new UsageError(`${config}: ${error.message}`)
    }
    complain(io, `${config}: ${error.message}`)
  })
}

/** Returns the URL at which the server listens, or why it does not. */
async function listen(
  server: Server,
  { host = '127.0.0.1', port = 8474 }: ToxiproxyOptions,
): Promise<string | Error> {
  const refused = await new Promise<Error | undefined>(resolve =>
    server
      .on('error', resolve)
      .listen({ host: host === 'localhost' ? '127.0.0.1' : host, port }, () => resolve(undefined)),
  )
  if (refused !== undefined) return refused
  const { address, port: taken, family } = server.address() as AddressInfo
  return `http://${family === 'IPv6' ? `[${address}]` : address}:${taken}`
}

function configOf(path: string): readonly unknown[] {
  try {
    return listOf(readFileSync(path, 'utf8'))
  } catch (error) {
    throw new UsageError(`${path}: ${reasonOf(error)}`)
  }
}
