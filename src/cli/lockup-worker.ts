/** The worker of the watchdog for lockups, started by LockupWatch. */
import { workerData } from 'node:worker_threads'
import { loadNative } from '../linux/native.ts'
import { LockupReporter } from './lockup-reporter.ts'

new LockupReporter(loadNative(), workerData).start()
