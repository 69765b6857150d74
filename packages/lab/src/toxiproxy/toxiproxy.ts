/**
 * `vnet toxiproxy`: the API of toxiproxy, with faults of packets.
 * packages/lab/docs/toxiproxy.md has the differences.
 */
import { readFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { reasonOf, UsageError } from 'vnet'
import { complain, EXIT_FAILURE, EXIT_OK, endOf, type Io } from 'vnet/kit/cli'
import { LabUnavailableError } from '../model/index.ts'
import { apiServer } from './api.ts'
import { ApiError, listOf } from './body.ts'
import { LabProcess } from './lab-process.ts'
import { Proxies } from './proxies.ts'
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

/** Runs until a signal. Returns the exit status. */
export async function toxiproxy(options: ToxiproxyOptions, io: Io): Promise<number> {
  const { host = '127.0.0.1', port = 8474, config, seed = 1, allowHost = [] } = options
  const inputs = config === undefined ? [] : configOf(config)
  using end = endOf(io)
  const { lab, why } = await startLab(options, seed)
  const proxies = new Proxies(lab, why, seed)
  const vnet =
    lab === undefined ? { mode: 'streams', reason: why } : { mode: 'packets', link: LINK }
  const measures = {
    proxies: options.proxyMetrics === true,
    runtime: options.runtimeMetrics === true,
  }
  const isVerbose = VERBOSE.includes(process.env.LOG_LEVEL ?? '')
  const log = (line: string) => isVerbose && io.err(`vnet: ${line}\n`)
  const hosts = allowHost.map(name => name.toLowerCase())
  const server = apiServer(proxies, { hosts, measures, vnet, log })
  try {
    const made: ToxicProxy[] = []
    await proxies.populate(inputs, made).catch(error => {
      if (error instanceof ApiError && error.status === 400) {
        throw new UsageError(`${config}: ${error.message}`)
      }
      complain(io, `${config}: ${error.message}`)
    })
    const refused = await new Promise<Error | undefined>(resolve =>
      server
        .on('error', resolve)
        .listen({ host: host === 'localhost' ? '127.0.0.1' : host, port }, () =>
          resolve(undefined),
        ),
    )
    if (refused !== undefined) {
      complain(io, `${refused.message}: choose another --host or --port`)
      return EXIT_FAILURE
    }
    const { address, port: taken, family } = server.address() as AddressInfo
    const url = `http://${family === 'IPv6' ? `[${address}]` : address}:${taken}`
    const where = lab?.enter === undefined ? '' : `; enter by: ${lab.enter}`
    io.out(
      `ready: ${url}, ${lab === undefined ? `toxics of streams only: ${why}` : `packets of ${LINK}${where}`}\n`,
    )
    const failure = await Promise.race([
      end.asked.then(() => undefined),
      ...(lab === undefined ? [] : [lab.ended]),
    ])
    if (failure !== undefined) {
      complain(io, failure.message)
    }
    return failure === undefined ? EXIT_OK : EXIT_FAILURE
  } finally {
    server.close()
    server.closeAllConnections()
    await proxies.close()
  }
}

/** The link, as `vnet wire` and `vnet capture` name it. */
const LINK = 'toxiproxy:client/server'

/** Returns the lab, or the reason if none can be made. */
async function startLab({ packets = true }: ToxiproxyOptions, seed: number) {
  if (!packets) return { lab: undefined, why: '--no-packets is given' }
  try {
    return { lab: await LabProcess.start(seed), why: undefined }
  } catch (error) {
    if (!(error instanceof LabUnavailableError)) throw error
    return { lab: undefined, why: error.message }
  }
}

function configOf(path: string): readonly unknown[] {
  try {
    return listOf(readFileSync(path, 'utf8'))
  } catch (error) {
    throw new UsageError(`${path}: ${reasonOf(error)}`)
  }
}
