/** The entry of a worker of a namespace: enters it, then runs the worker's own file. */
import { workerData } from 'node:worker_threads'
import { check } from '../../linux/errno.ts'
import { loadNative } from '../../linux/native.ts'

const CLONE_NEWNET = 0x4000_0000

const entry = workerData as { readonly nsfd: number; readonly url: string; readonly data: unknown }
check(loadNative().setns(entry.nsfd, CLONE_NEWNET), 'setns')
// The file finds its own data where it expects it.
const threads = await import('node:worker_threads')
Object.defineProperty(threads.default, 'workerData', { value: entry.data, configurable: true })
const { syncBuiltinESMExports } = await import('node:module')
syncBuiltinESMExports()
await import(entry.url)
