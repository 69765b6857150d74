/**
 * The entry of a worker thread of a host: enters the host's network namespace, then runs the file
 * of the worker. From then on, sockets that the thread makes are the host's. Threads of libuv's
 * pool are outside, and look names up there, so names of the lab are found here.
 */
import dns from 'node:dns'
import { readFileSync } from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { promisify } from 'node:util'
import threads, { workerData } from 'node:worker_threads'
import { check } from 'vnet/internal/linux/errno'
import { loadNative } from 'vnet/internal/linux/native'
import { CLONE_NEWNET } from 'vnet/internal/linux/uapi'
import { lookupIn } from '../model/place.ts'

export interface HostWorkerData {
  readonly nsfd: number
  /** The path of the hosts file of the host. */
  readonly hosts: string
  /** The file that it runs, and its workerData. */
  readonly url: string
  readonly data: unknown
}

const { nsfd, hosts, url, data } = workerData as HostWorkerData
check(loadNative().setns(nsfd, CLONE_NEWNET), 'setns')

const outside = dns.lookup
const lookup = (name: string, ...rest: unknown[]): unknown =>
  lookupIn(readFileSync(hosts, 'utf8'), name, rest) || Reflect.apply(outside, dns, [name, ...rest])
// As util.promisify finds it, too.
Object.defineProperties(lookup, Object.getOwnPropertyDescriptors(outside))
replace(dns, 'lookup', lookup)
replace(dns.promises, 'lookup', promisify(lookup as typeof dns.lookup))
replace(threads, 'workerData', data)
syncBuiltinESMExports()

function replace(module: object, name: string, value: unknown): void {
  Object.defineProperty(module, name, { value, writable: true, configurable: true })
}

await import(url)
