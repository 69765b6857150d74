/**
 * The entry of a worker thread of a host: enters the host's network namespace, then runs the file
 * of the worker. From then on, the sockets that the thread makes are the host's. The threads of
 * libuv's pool remain outside, and look up there the names that the lab does not know.
 */
import dns from 'node:dns'
import { readFileSync } from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { basename, dirname } from 'node:path'
import threads, { workerData } from 'node:worker_threads'
import { check, loadNative } from 'vnet/kit/linux'
import { uapi } from 'vnet/kit/net'
import { type HostAddress, placesIn } from '../model/place.ts'
import { type CodeHost, state } from '../world/code.ts'
import { codeIn } from './sockets.ts'

/** The workerData of the thread: the host that it enters, and the worker that it runs there. */
export interface HostWorkerData {
  readonly nsfd: number
  /** The path of the hosts file of the host. */
  readonly hosts: string
  /** The file that it runs, and its workerData. */
  readonly url: string
  readonly data: unknown
}

const { nsfd, hosts, url, data } = workerData as HostWorkerData
const native = loadNative()
check(native.setns(nsfd, uapi.CLONE_NEWNET), 'setns')

const outside = dns.promises.lookup
const lookup: CodeHost['lookup'] = async (name, family) => {
  const known = placesIn(readFileSync(hosts, 'utf8'), name).filter(
    place => family === 0 || place.family === family,
  )
  return known.length > 0 ? known : ((await outside(name, { family, all: true })) as HostAddress[])
}
state.rest = codeIn({ native, nsfd }, lookup, basename(dirname(hosts)))
Object.defineProperty(threads, 'workerData', { value: data, writable: true, configurable: true })
syncBuiltinESMExports()

await import(url)
