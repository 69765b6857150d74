/**
 * The entry of a worker thread of a namespace: enters the namespace, then runs the file of the
 * worker. From then on, sockets that the thread makes are in the namespace. Threads of libuv's pool
 * are not: they look names up outside, so names of the lab are found here.
 */
import dns from 'node:dns'
import { readFileSync } from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { promisify } from 'node:util'
import threads, { workerData } from 'node:worker_threads'
import { check } from 'vnet/internal/linux/errno'
import { loadNative } from 'vnet/internal/linux/native'
import { CLONE_NEWNET } from 'vnet/internal/linux/uapi'
import { lookupIn } from './lookup.ts'

/** The workerData that LabHost.worker passes. */
export interface NamespaceWorkerData {
  readonly nsfd: number
  /** The hosts file of the namespace. */
  readonly hosts: string
  /** The file that it runs. */
  readonly url: string
  /** The workerData of the file. */
  readonly data: unknown
}

const { nsfd, hosts, url, data } = workerData as NamespaceWorkerData
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
