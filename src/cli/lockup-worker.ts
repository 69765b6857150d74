/** The worker of the watchdog for lockups, started by LockupWatch. */
import { parentPort, workerData } from 'node:worker_threads'
import { loadNative } from '../linux/native.ts'
import { LockupReporter } from './lockup-reporter.ts'

const reporter = new LockupReporter(loadNative(), workerData)
reporter.start()
parentPort?.on('message', run => reporter.setRun(run))
